"""How a real gateway answered about refunds, from a file of `confirm_gateway`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django_alipay_cancel.testing.documents import Document, result
from django_alipay_cancel.testing.fake_payment import FakePayment, Movement, Status
from django_alipay_cancel.testing.told import Facts, StepFacts, believed

_UNKNOWN, _FIRST, _AGAIN = "inquiry of unknown refund", "refund", "refund again"
CANCEL, _LISTING = "cancel of refunded", "inquiry, refunded"
# What FakeAlipay says to a refund that it carries out, or has carried out.
_TAKEN = ("SUCCESS", "REFUND_IN_PROCESS")


def refund_situation(api: str, payment: FakePayment | None, request_id: object) -> str:
    """Return which open point of refunds a call is, before it is carried out; "" for none."""
    if payment is None:
        return _UNKNOWN if api == "inquiryRefund" else ""
    if api == "refund":
        known = any(each.request_id == request_id for each in payment.refunds)
        return _AGAIN if known else _FIRST
    if payment.status != Status.REFUNDED:
        return ""
    return {"cancel": CANCEL, "inquiryPayment": _LISTING}.get(api, "")


@dataclass(frozen=True, kw_only=True)
class RefundHabits:
    """Answers about refunds; where there is none, FakeAlipay's own rules.

    ``take_time``: refunds are PROCESSING until they are settled; the rest is of refunds that do, or
    else of those that do not. An inquiry lists one ``lists_after`` seconds (None: never), under the
    status ``listed_as`` until it is settled.
    """

    take_time: bool = False
    unknown: Facts | None = None
    first: Facts | None = None
    again: Facts | None = None
    lists_after: int | None = 0
    listed_as: str = ""

    @classmethod
    def read(cls, points: Mapping[str, StepFacts]) -> Self:
        """Take what a file says; LookupError, TypeError or AttributeError for another kind."""
        unknown = believed(points, "unknown_refund", "refund inquiry")
        point = "refund_in_process" if points.get("refund_in_process") else "refund_final"
        inquiry = believed(points, point, "refund inquiry")
        if inquiry is None or inquiry["refund_status"] not in ("SUCCESS", "PROCESSING"):
            return cls(unknown=unknown)
        listed_as, lists_after = _listing(points.get("refund_listed", {}))
        return cls(
            take_time=inquiry["refund_status"] == "PROCESSING",
            unknown=unknown,
            first=believed(points, point, "refund"),
            again=believed(points, "repeat_of_refund", "again"),
            lists_after=lists_after,
            listed_as=listed_as,
        )

    def answered(
        self, situation: str, document: Document, payment: FakePayment | None, now: datetime
    ) -> Document:
        """Return how a call in ``situation`` is answered, ``document`` unless known better."""
        if situation == _UNKNOWN and self.unknown is not None:
            return _told(self.unknown)
        if payment is None or payment.refunds_take_time != self.take_time:
            return document
        if situation == _LISTING:
            return self._listed(document, payment, now)
        facts = {_FIRST: self.first, _AGAIN: self.again or self.first}.get(situation)
        if facts is None or document["result"]["resultCode"] not in _TAKEN:
            return document
        told = _told(facts)
        return {**document, **told} if facts["status"] != "F" else told

    def _listed(self, document: Document, payment: FakePayment, now: datetime) -> Document:
        refunds = {each.request_id: each for each in payment.refunds}
        listed = []
        for entry in document.get("transactions", ()):
            done = refunds.get(entry.get("transactionRequestId"))
            if done is None:
                listed.append(entry)
            elif self._lists(done, now):
                settled = self.take_time and done.status != "PROCESSING"
                known = {"transactionStatus": self.listed_as}
                listed.append(entry if settled or not self.listed_as else {**entry, **known})
        told = {name: value for name, value in document.items() if name != "transactions"}
        return {**told, "transactions": listed} if listed else told

    def _lists(self, done: Movement, now: datetime) -> bool:
        if self.lists_after is None:
            return False
        return now - done.at >= timedelta(seconds=self.lists_after)


def _listing(looks: StepFacts) -> tuple[str, int | None]:
    """Return under which status the first look lists the refund that does, and at how many s."""
    for said in looks.values():
        listed = said["transactions"]
        for words in () if isinstance(listed, str) else listed:
            kind, _, status = words.partition(" ")
            if kind == "REFUND":
                return status, said["after"]
    return "", None if looks else 0


def _told(facts: Facts) -> Document:
    told = result(facts["code"], facts["status"])
    return {**told, "refundStatus": facts["refund_status"]} if facts["refund_status"] else told
