"""From a raw HTTP reply to an answer: what may be believed, and everything fit to be stored."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

from django_alipay_cancel.alipay import strict_json
from django_alipay_cancel.alipay.hiding import hiding
from django_alipay_cancel.alipay.inquiry_transactions import read_transactions
from django_alipay_cancel.alipay.refunds import RefundTold
from django_alipay_cancel.alipay.times import parse_time
from django_alipay_cancel.alipay.transport import Reply
from django_alipay_cancel.alipay.trust import Distrust, PublicKeys, distrust

MAXIMUM_STORED_BODY = 4096
MAXIMUM_DETAIL = 256

# What an answer may be that Alipay did sign for this client.
_SIGNED = ("", "id_mismatch", "stale_response")
_BELIEVED = Distrust(error="")
_LONGEST_RETRY_AFTER = 60.0
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Alipay said to one call.

    ``error`` is empty exactly when the answer is verified: signed by Alipay, for this client and
    for the payment asked about. Otherwise it is one of ``results.ERRORS``, and what is filled in
    besides serves the operator only. ``cause``, one of `causes.CAUSES`, says why a signature does
    not verify; ``detail`` is what else is known of the error. All texts can be stored as they are;
    times are in UTC.
    """

    sent: bool
    error: str = ""
    cause: str = ""
    http_status: int | None = None
    result_status: str = ""
    result_code: str = ""
    result_message: str = ""
    ids_match: bool | None = None  # None: nothing in the answer that could be compared
    payment_id: str = ""
    payment_request_id: str = ""
    cancel_time: datetime | None = None
    payment_status: str = ""
    payment_time: datetime | None = None
    cancelled_by_transaction: bool = False
    cancelling_by_transaction: bool = False
    captured: bool = False
    auth_expires_at: datetime | None = None
    refund_listed: bool = False
    refunded_value: int | None = None
    refunded_currency: str = ""
    refund_under_way: bool = False
    refunds_unclear: bool = False
    refund: RefundTold | None = None
    retry_after: float | None = None
    answered_at: datetime | None = None  # by Alipay's clock; None: not signed by Alipay
    content_type: str = ""
    encoding: str = ""
    location: str = ""  # without its query
    trace_id: str = ""
    response_body: str = ""
    detail: str = ""

    @property
    def verified(self) -> bool:
        """Whether the answer may be acted upon."""
        return not self.error

    def escaped(self) -> Self:
        """Return the same answer with its texts in ASCII, for a database that takes no more."""
        texts: dict[str, Any] = {
            name: getattr(self, name).encode("ascii", "backslashreplace").decode()[:limit]
            for name, limit in {**_TEXTS, "result_code": 64}.items()
        }
        return replace(self, **texts)

    def bare(self) -> Self:
        """Return the same answer without its texts."""
        empty: dict[str, Any] = dict.fromkeys(_TEXTS, "")
        return replace(self, **empty)


# Texts that decide nothing, and how many characters of each are kept.
_TEXTS = {
    "result_message": 256,
    "payment_status": 64,
    "trace_id": 64,
    "response_body": MAXIMUM_STORED_BODY,
    "detail": MAXIMUM_STORED_BODY,
}


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What an answer must fit to be believed.

    ``public_keys`` are Alipay's, as (keyVersion, key); ``response_time_tolerance`` is in seconds,
    None when the response's time is not judged. ``secrets`` are those that were sent along: what
    repeats them is kept without them.
    """

    path: str
    client_id: str
    public_keys: PublicKeys = field(repr=False)
    payment_id: str | None = None
    payment_request_id: str | None = None
    refund_request_id: str | None = None
    response_time_tolerance: float | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


def read_answer(reply: Reply, expectation: Expectation) -> Answer:
    """Judge ``reply`` by ``expectation``; nothing the far end sends can make this raise."""
    document, result = _read_body(reply.body)
    hide = hiding(expectation.secrets)
    found = _error(reply, expectation, document)
    ids_match = _compare_ids(document, expectation) if not found.error else None
    error = "id_mismatch" if ids_match is False else found.error
    diagnosis: dict[str, Any] = {
        "sent": reply.sent,
        "error": error,
        "cause": found.cause,
        "http_status": reply.status,
        "ids_match": ids_match,
        "content_type": one_line(reply.headers.get("content-type", ""), 64, hide),
        "encoding": one_line(reply.headers.get("content-encoding", ""), 64, hide),
        "location": one_line(reply.headers.get("location", "").partition("?")[0], 200, hide),
        "trace_id": one_line(reply.headers.get("tracerid", ""), 64, hide),
        "response_body": safe_text(
            reply.body.decode("utf-8", "replace"), MAXIMUM_STORED_BODY, hide
        ),
        "detail": one_line(found.detail, MAXIMUM_DETAIL, hide),
        "retry_after": _retry_after(reply),
    }
    if error in ("http_status", "invalid_body") or document is None:
        return Answer(**diagnosis)
    diagnosis |= {
        "result_status": result["resultStatus"],
        "result_code": one_line(result.get("resultCode"), 64, hide),
        "result_message": one_line(result.get("resultMessage"), 256, hide),
    }
    if error in _SIGNED:
        diagnosis["answered_at"] = parse_time(reply.headers["response-time"])
    if error:
        return Answer(**diagnosis)
    listed = read_transactions(document.get("transactions"))
    return Answer(
        **diagnosis,
        payment_id=one_line(document.get("paymentId"), 64),
        payment_request_id=one_line(document.get("paymentRequestId"), 64),
        cancel_time=parse_time(document.get("cancelTime")),
        # Some letters grow when they are made large.
        payment_status=one_line(document.get("paymentStatus"), 64).upper()[:64],
        payment_time=parse_time(document.get("paymentTime")),
        auth_expires_at=parse_time(document.get("authExpiryTime")),
        cancelled_by_transaction=listed.cancelled,
        cancelling_by_transaction=listed.cancelling,
        captured=listed.captured,
        refund_listed=listed.refund_listed,
        refunded_value=listed.refunded_value,
        refunded_currency=listed.refunded_currency,
        refund_under_way=listed.refund_under_way,
        refunds_unclear=listed.refunds_unclear,
        refund=RefundTold.read(document),
    )


def safe_text(value: object, limit: int, hide: Callable[[str], str] = str) -> str:
    """Return ``value`` as text any database takes, at most ``limit`` characters; "" if no text.

    ``hide`` sees it before it is cut: half a secret is one, too.
    """
    return hide(_UNSTORABLE.sub("", value))[:limit] if isinstance(value, str) else ""


def one_line(value: object, limit: int, hide: Callable[[str], str] = str) -> str:
    """Return ``value`` as `safe_text` of one line, so that it can be logged.

    Characters of the category Cf, which show nothing and turn the direction of others, are dropped.
    """
    if not isinstance(value, str):
        return ""
    shown = "".join(c for c in value if unicodedata.category(c) != "Cf")
    return " ".join(safe_text(shown, len(shown), hide).split())[:limit]


def _error(reply: Reply, expectation: Expectation, document: dict[str, Any] | None) -> Distrust:
    """Return what is wrong with the reply, _BELIEVED when nothing is."""
    if reply.error:
        return Distrust(error=reply.error, detail=reply.detail)
    if reply.status != 200:
        # Not what it says: a log is no place for whatever stands on such a page.
        kind = one_line(reply.headers.get("content-type", "no type").split(";")[0], 64)
        return Distrust(error="http_status", detail=f"{len(reply.body)} bytes of {kind}")
    if reply.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return Distrust(error="invalid_body")
    reason = _distrust(reply, expectation)
    if reason.error in ("", "unsigned") and document is None:
        return Distrust(error="invalid_body")
    return reason


def _distrust(reply: Reply, expectation: Expectation) -> Distrust:
    reason = distrust(
        reply.headers,
        reply.body,
        time_header="response-time",
        path=expectation.path,
        client_id=expectation.client_id,
        public_keys=expectation.public_keys,
    )
    if reason is not None:
        return reason
    tolerance = expectation.response_time_tolerance
    if tolerance is None or _is_recent(reply.headers["response-time"], tolerance):
        return _BELIEVED
    return Distrust(error="stale_response", detail=reply.headers["response-time"])


def _is_recent(time: str, tolerance: float) -> bool:
    answered_at = parse_time(time)
    if answered_at is None:
        return False
    return abs((datetime.now(UTC) - answered_at).total_seconds()) <= tolerance


def _compare_ids(document: dict[str, Any] | None, expectation: Expectation) -> bool | None:
    """Tell whether the answered ids are those asked about; None when none can be compared."""
    answered = document or {}
    pairs = (
        (answered.get("paymentId"), expectation.payment_id),
        (answered.get("paymentRequestId"), expectation.payment_request_id),
        (answered.get("refundRequestId"), expectation.refund_request_id),
    )
    matches = [
        theirs == ours for theirs, ours in pairs if ours and isinstance(theirs, str) and theirs
    ]
    return all(matches) if matches else None


def _retry_after(reply: Reply) -> float | None:
    """Return for how many seconds a 429 or 503 asks us to wait, at most 60; None without one."""
    text = reply.headers.get("retry-after", "").strip()
    if reply.status not in (429, 503) or not text:
        return None
    if text.isascii() and text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            at = parsedate_to_datetime(text)
            seconds = (at - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _read_body(body: bytes) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the answer's document and its ``result``; (None, {}) for anything malformed."""
    try:
        document = strict_json.parse(body)
    except ValueError:
        return None, {}
    result = document.get("result") if isinstance(document, dict) else None
    if not isinstance(result, dict) or result.get("resultStatus") not in ("S", "F", "U"):
        return None, {}
    return document, result
