"""How a gateway refuses a request before it looks at the payment, from a `confirm_gateway` file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self, TypeVar

from django_alipay_cancel.testing.told import StepFacts
from django_alipay_cancel.testing.wire import Request

Key = TypeVar("Key")

# FakeAlipay's code -> the step of unsigned_errors.
_BY_CODE = {
    "INVALID_SIGNATURE": "wrong signature",
    "KEY_NOT_FOUND": "unknown keyVersion",
    "CLIENT_INVALID": "unknown client",
    "PARAM_ILLEGAL": "no id",
}
# How old a request says to be, ahead below 0 -> the step of request_time.
_BY_AGE = {
    timedelta(minutes=5): "5 minutes old",
    timedelta(hours=1): "an hour old",
    timedelta(days=1): "a day old",
    timedelta(hours=-1): "an hour ahead",
}
# The two clocks, and the way between them.
_TOLERANCE = timedelta(minutes=1)
# Whether it is the sandbox's -> the step of paths.
_BY_PATH = {True: "sandbox path", False: "production path"}
_SANDBOX = "/ams/sandbox/"
# What a request about an unknown payment is told when nothing is wrong with the request.
_TAKEN = "ORDER_NOT_EXIST"


@dataclass(frozen=True)
class Refusal:
    """How a request is refused; without ``code`` by its HTTP status alone."""

    code: str
    status: str | None = None
    http_status: int = 200
    signed: bool = False


@dataclass(frozen=True)
class Refusals:
    """Refusals by FakeAlipay's code, by age, by path and for a query; none where it knows better.

    ``signs_query`` False: answers are signed over the path alone.
    """

    by_code: Mapping[str, Refusal] = field(default_factory=dict)
    by_age: Mapping[timedelta, Refusal] = field(default_factory=dict)
    by_path: Mapping[bool, Refusal] = field(default_factory=dict)
    with_query: Refusal | None = None
    signs_query: bool = True

    @classmethod
    def read(cls, points: Mapping[str, StepFacts]) -> Self:
        """Take what a file says; LookupError, TypeError or AttributeError for another kind."""
        query = points.get("query", {})
        return cls(
            by_code=dict(_told(points.get("unsigned_errors", {}), _BY_CODE)),
            by_age=dict(_told(points.get("request_time", {}), _BY_AGE)),
            by_path=dict(_told(points.get("paths", {}), _BY_PATH)),
            with_query=dict(_told(query, {True: "with a query"})).get(True),
            signs_query=all(said["signed"] != "path" for said in query.values()),
        )

    def of(self, code: str, *, signed: bool) -> Refusal:
        """Return how the refusal with FakeAlipay's ``code`` is told."""
        return self.by_code.get(code, Refusal(code, signed=signed))

    def of_request(self, request: Request, now: datetime) -> Refusal | None:
        """Return how a request is refused that FakeAlipay would take; None when it is taken."""
        if "?" in request.uri and self.with_query:
            return self.with_query
        refused = self.by_path.get(request.path.startswith(_SANDBOX))
        return refused or self._of_age(now - _sent_at(request, now))

    def _of_age(self, age: timedelta) -> Refusal | None:
        for limit in sorted(self.by_age, reverse=True):
            if limit > timedelta() and age >= limit - _TOLERANCE:
                return self.by_age[limit]
            if limit < timedelta() and age <= limit + _TOLERANCE:
                return self.by_age[limit]
        return None


def _sent_at(request: Request, now: datetime) -> datetime:
    """Return the request's own time: milliseconds, or ISO 8601; ``now`` for anything else."""
    text = request.headers.get("request-time", "")
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return now
    return at if at.utcoffset() is not None else now


def _told(steps: StepFacts, names: Mapping[Key, str]) -> Iterator[tuple[Key, Refusal]]:
    for key, step in names.items():
        said = steps.get(step)
        if said is None or said["http_status"] is None or said["code"] in ("?", _TAKEN):
            continue
        whole = bool(said["code"]) and said["status"] in ("F", "U")
        nothing = (said["code"], said["status"]) == ("", "") and said["http_status"] != 200
        if whole or nothing:
            signed = said["signed"] == "yes"
            yield key, Refusal(said["code"], said["status"], said["http_status"], signed)
