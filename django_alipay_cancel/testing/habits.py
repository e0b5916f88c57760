"""How a real gateway answered where FakeAlipay has to guess, from a file of `confirm_gateway`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from django_alipay_cancel.testing.documents import Document, result, transaction
from django_alipay_cancel.testing.fake_payment import CLOSED, UNPAID, FakePayment, Status
from django_alipay_cancel.testing.faults import Fault
from django_alipay_cancel.testing.gateway_clock import wire_time
from django_alipay_cancel.testing.refund_habits import CANCEL, RefundHabits, refund_situation
from django_alipay_cancel.testing.refusals import Refusals
from django_alipay_cancel.testing.told import Facts, StepFacts, believed

EARLY_PAY = "pay after an early cancel"
_AGAIN = "cancel again, unpaid before"
_IDS = ("paymentId", "paymentRequestId")
# Situation -> the point and the step of the file that tell how it is answered.
_BUSINESS = {
    _AGAIN: ("second_cancel", "second"),
    "cancel again, paid before": ("cancel_of_paid", "second"),
    "cancel again, authorized before": ("cancel_of_authorized", "second"),
    "cancel of failed": ("cancel_of_failed", "cancel"),
    "cancel of expired": ("cancel_of_expired", "cancel"),
    "cancel of unknown": ("cancel_before_pay", "cancel"),
    "pay of cancelled": ("pay_after_cancel", "pay"),
    EARLY_PAY: ("cancel_before_pay", "pay"),
    "inquiry, unpaid before": ("inquiry_after_cancel", "unpaid"),
    "inquiry, paid before": ("cancel_of_paid", "after"),
    "inquiry, authorized before": ("cancel_of_authorized", "after"),
    CANCEL: ("cancel_of_refunded", "cancel"),
}
# A step that has to say so for the situation to have been the one that was meant.
_MEANT = {
    _AGAIN: ("second_cancel", "first", "status", "S"),
    "cancel again, paid before": ("cancel_of_paid", "first", "status", "S"),
    "cancel again, authorized before": ("cancel_of_authorized", "first", "status", "S"),
    "cancel of failed": ("cancel_of_failed", "inquiry", "payment_status", "FAIL"),
    "cancel of expired": ("cancel_of_expired", "inquiry", "payment_status", "FAIL"),
    "pay of cancelled": ("second_cancel", "first", "status", "S"),
    "inquiry, unpaid before": ("second_cancel", "first", "status", "S"),
    "inquiry, paid before": ("cancel_of_paid", "first", "status", "S"),
    "inquiry, authorized before": ("cancel_of_authorized", "first", "status", "S"),
}


@dataclass(frozen=True)
class Habits:
    """Answers by situation, and refusals; where there is none, FakeAlipay's own rules.

    ``early_inquiry`` shows a payment whose pay came after its cancel; ``key_version`` None
    is FakeAlipay's. A cancel whose answer is lost takes effect after ``lost_cancel_takes`` seconds,
    None: not seen.
    """

    business: Mapping[str, Facts] = field(default_factory=dict)
    refusals: Refusals = field(default_factory=Refusals)
    refunds: RefundHabits = field(default_factory=RefundHabits)
    lost_cancel_takes: int | None = None
    early_inquiry: Facts | None = None
    key_version: str | None = None

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file; OSError when that fails, ValueError for one of another kind."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
            if document["format"] != 1:
                raise ValueError(document["format"])
            points = {name: point["said"] for name, point in document["points"].items()}
            versions = [each["key_version"] for each in points.get("key_version", {}).values()]
            return cls(
                business=dict(_business(points)),
                refusals=Refusals.read(points),
                refunds=RefundHabits.read(points),
                lost_cancel_takes=_lost_cancel_takes(points.get("lost_cancel", {})),
                early_inquiry=believed(points, "cancel_before_pay", "inquiry"),
                key_version=next(filter(str.isdigit, versions), None),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            raise ValueError(f"{path} is no file of confirm_gateway, format 1.") from None

    def ends_early(self, payment: FakePayment, now: datetime) -> bool:
        """Let a payment that was cancelled before its pay become what an inquiry showed.

        Returns whether there is such a payment at all.
        """
        shown = self.early_inquiry
        if shown is None:
            return True
        if shown["payment_status"] == Status.CANCELLED:
            payment.cancel(now, balance_is_enough=True)
        if shown["payment_status"] == Status.FAIL and payment.status in UNPAID:
            payment.fail(CLOSED)
        return bool(shown["code"] != "ORDER_NOT_EXIST")

    def options(self, fault: Fault, api: str | None) -> dict[str, Any]:
        """Return the options of a fault that are known better."""
        if (fault, api) != (Fault.EFFECT_LATER, "cancel") or self.lost_cancel_takes is None:
            return {}
        return {"seconds": self.lost_cancel_takes}

    def answered(
        self,
        situation: str,
        document: Document,
        asked: Document,
        payment: FakePayment | None,
        now: datetime,
    ) -> Document:
        """Return how a call in ``situation`` is answered, ``document`` unless known better."""
        facts = self.business.get(situation)
        if facts is None and situation.startswith("cancel again"):
            facts = self.business.get(_AGAIN)
        if facts is None:
            return self.refunds.answered(situation, document, payment, now)
        if situation.startswith("inquiry"):
            return _inquired(facts, document, payment)
        if (facts["status"], facts["code"]) == (
            document["result"]["resultStatus"],
            document["result"]["resultCode"],
        ):
            return document
        told = result(facts["code"], facts["status"])
        if facts["status"] != "S":
            return told
        if payment is None:
            told |= {name: asked[name] for name in _IDS if name in asked}
        else:
            told |= dict(zip(_IDS, (payment.payment_id, payment.payment_request_id), strict=True))
        return {**told, "cancelTime": wire_time(now)} if situation.startswith("cancel") else told


def situation(
    api: str, payment: FakePayment | None, asked: Document, *, cancelled_early: bool
) -> str:
    """Return which open point a call is, before it is carried out; "" for none."""
    if payment is None and api == "pay":
        return EARLY_PAY if cancelled_early else ""
    if payment is None and api == "cancel":
        return "cancel of unknown"
    if payment is not None and payment.status == Status.CANCELLED:
        before = _before(payment)
        return {
            "inquiryPayment": f"inquiry, {before} before",
            "cancel": f"cancel again, {before} before",
            "pay": "pay of cancelled",
        }.get(api, "")
    if payment is not None and payment.status == Status.FAIL and api == "cancel":
        return "cancel of expired" if payment.failure == CLOSED else "cancel of failed"
    return refund_situation(api, payment, asked.get("refundRequestId"))


def _before(payment: FakePayment) -> str:
    if payment.status_before_cancel in UNPAID:
        return "unpaid"
    return "authorized" if payment.status_before_cancel == Status.AUTHORIZED else "paid"


def _business(points: Mapping[str, StepFacts]) -> Iterator[tuple[str, Facts]]:
    for name, (point, step) in _BUSINESS.items():
        facts = believed(points, point, step)
        if facts is None:
            continue
        if name in _MEANT:
            point, step, word, meant = _MEANT[name]
            if points.get(point, {}).get(step, {}).get(word) != meant:
                continue
        if name.startswith("inquiry") and not facts["payment_status"]:
            continue
        yield name, facts


def _lost_cancel_takes(looks: StepFacts) -> int | None:
    shown = (Status.CANCELLED, Status.FAIL)
    came = (said["after"] for said in looks.values() if said["payment_status"] in shown)
    return next(came, None)


def _inquired(facts: Facts, document: Document, payment: FakePayment | None) -> Document:
    assert payment is not None  # by the situation
    told = {**document, "paymentStatus": facts["payment_status"]}
    for name in _IDS:
        if name not in facts["ids"]:
            told.pop(name, None)
    listed = facts["transactions"]
    told.pop("transactions", None)
    if listed == "null":
        told["transactions"] = None
    elif listed != "absent":
        told["transactions"] = [_listed(payment, each) for each in listed]
    return told


def _listed(payment: FakePayment, words: str) -> Document:
    kind, _, status = words.partition(" ")
    entry = transaction(payment, kind)
    return {**entry, "transactionStatus": status}
