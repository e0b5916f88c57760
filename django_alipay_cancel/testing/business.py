"""What the gateway does for each of its APIs: by Alipay's rules, or as it is told to."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from django_alipay_cancel.testing import documents, moving, paying
from django_alipay_cancel.testing.books import Books, buyer_is_asked
from django_alipay_cancel.testing.documents import Document
from django_alipay_cancel.testing.fake_payment import FakePayment, Status
from django_alipay_cancel.testing.faults import Fault, Misbehaviour
from django_alipay_cancel.testing.gateway_clock import Clock

# A refused or doubtful pay that the answer still tells of left a payment behind.
_TOLD = (Fault.RESULT, Fault.UNKNOWN_RESULT)


class Business:
    """Carries out calls whose signature and ids were checked, under the lock of ``books``."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books = books
        self._clock = clock

    def find(self, api: str, ids: tuple[str, ...]) -> FakePayment | None:
        """Return the payment that the ids of a call name; the first of them wins."""
        now = self._clock.now
        self._books.catch_up(now)
        if api == "inquiryRefund":
            return next((each for each in self._books.all_payments() if _refunded(each, ids)), None)
        payment = self._books.payments.get(ids[0])
        if payment is not None:
            payment.catch_up(now)
        return payment

    def carry_out(
        self,
        api: str,
        asked: Document,
        ids: tuple[str, ...],
        payment: FakePayment | None,
        order: Misbehaviour | None,
    ) -> Document:
        """Return the document that answers the call before any fault changes it."""
        if api == "pay":
            return self._pay(asked, payment, order)
        if api == "inquiryRefund":
            return _inquired_refund(payment, ids, order)
        if payment is None:
            if api == "cancel":
                self._books.cancelled_early.update(ids)
            return documents.result("ORDER_NOT_EXIST")
        if api == "inquiryPayment":
            return _inquired(payment, order)
        if api == "cancel":
            return self._cancel(payment, order)
        if api == "refund":
            return self._refund(asked, payment, order)
        if order and not order.applied:
            return documents.result("UNKNOWN_EXCEPTION")  # nothing was done, and nobody is told
        return self._capture(asked, payment)

    def overtake(self, id: str, ends: Callable[[FakePayment, datetime], bool]) -> None:
        """Let ``ends`` say what becomes of a payment whose cancel came before its pay."""
        payment = self._books.payments.get(id)
        if payment is not None and not ends(payment, self._clock.now):
            self._books.forget(payment)

    def _pay(
        self, asked: Document, payment: FakePayment | None, order: Misbehaviour | None
    ) -> Document:
        now = self._clock.now
        wanted = paying.read_pay(asked, now)
        if wanted is None:
            return documents.result("PARAM_ILLEGAL")
        if payment is not None:
            same = (payment.amount_value, payment.amount_currency)
            if same != (wanted.amount_value, wanted.amount_currency):
                return documents.result("REPEAT_REQ_INCONSISTENT", "F")
            return paying.answer_to_pay(payment)
        if wanted.expires_at <= now:
            return documents.result("PARAM_ILLEGAL")
        payment = FakePayment(
            payment_request_id=wanted.payment_request_id,
            payment_id=f"{now:%Y%m%d}{uuid4().int % 10**30:030}",
            status=Status.PROCESSING,
            method="card" if wanted.is_authorization else "default",
            amount_value=wanted.amount_value,
            amount_currency=wanted.amount_currency,
            created_at=now,
            expires_at=wanted.expires_at,
            is_authorization=wanted.is_authorization,
            form=wanted.form,
            notify_url=wanted.notify_url,
        )
        if order and order.fault is Fault.EFFECT_LATER:
            arrives_at = now + timedelta(seconds=order.options["seconds"])
            self._books.on_the_way.append((arrives_at, payment))
        elif order is None or order.applied:
            self._books.enter(payment)
            buyer_is_asked(payment, now)
        elif order.fault in _TOLD:
            self._books.enter(payment)
            code = order.options.get("result_code", "UNKNOWN_EXCEPTION")
            if (
                documents.result(code, order.options.get("result_status"))["result"]["resultStatus"]
                == "F"
            ):
                payment.fail(code)
        return paying.answer_to_pay(payment)

    def _cancel(self, payment: FakePayment, order: Misbehaviour | None) -> Document:
        if order and order.fault is Fault.CANCELLED_TOLD_AS_F and payment.status == "CANCELLED":
            return documents.result(order.options["result_code"], "F")
        if order and order.fault is Fault.EFFECT_LATER:
            seconds = timedelta(seconds=order.options["seconds"])
            payment.cancel_arrives_at = self._clock.now + seconds
        if order and not order.applied:
            payment = copy(payment)  # answered as if it took effect, which it does not
        code = payment.cancel(self._clock.now, balance_is_enough=self._books.balance_is_enough)
        return documents.cancel_answer(payment) if code == "SUCCESS" else documents.result(code)

    def _capture(self, asked: Document, payment: FakePayment) -> Document:
        request_id, amount = asked.get("captureRequestId"), _amount(asked, "captureAmount")
        if not request_id or amount is None:
            return documents.result("PARAM_ILLEGAL")
        if amount[1] != payment.amount_currency:
            return documents.result("CURRENCY_NOT_SUPPORT", "F")
        return moving.capture(payment, request_id, amount[0], self._clock.now)

    def _refund(
        self, asked: Document, payment: FakePayment, order: Misbehaviour | None
    ) -> Document:
        """Carry out a refund once for each of the merchant's ids."""
        request_id, amount = asked.get("refundRequestId"), _amount(asked, "refundAmount")
        if not request_id or amount is None:
            return documents.result("PARAM_ILLEGAL")
        known = self._books.refunds.get(request_id)
        if known is not None:
            same = known[0] == (payment.payment_id, amount)
            return known[1] if same else documents.result("REPEAT_REQ_INCONSISTENT", "F")
        now, arrives_at = self._clock.now, None
        later = bool(order and order.fault is Fault.EFFECT_LATER)
        if order and later:
            arrives_at = now + timedelta(seconds=order.options["seconds"])
        elif order and not order.applied:
            # Answered as if it took effect, which it does not.
            payment = replace(payment, refunds=[*payment.refunds])
        told = moving.make_refund(
            payment,
            request_id,
            amount,
            now,
            balance_is_enough=self._books.balance_is_enough,
            notify_url=str(asked.get("refundNotifyUrl") or ""),
            arrives_at=arrives_at,
        )
        if later or not order or order.applied:
            self._books.refunds[request_id] = ((payment.payment_id, amount), told)
        return told


def _inquired(payment: FakePayment, order: Misbehaviour | None) -> Document:
    if order and order.fault is Fault.INQUIRY_LAGS and payment.status_before_cancel:
        payment = replace(payment, status=payment.status_before_cancel)
    if order and order.fault is Fault.REFUNDS_LAG and payment.refunds:
        payment = replace(payment, status=payment.status_before_refund, refunds=[])
    return documents.inquiry_answer(payment)


def _inquired_refund(
    payment: FakePayment | None, ids: tuple[str, ...], order: Misbehaviour | None
) -> Document:
    if order and order.fault is Fault.REFUND_AS_NULLS:
        names = ("refundRequestId", "refundId", "refundStatus", "refundAmount", "refundTime")
        return {**documents.result("SUCCESS"), **dict.fromkeys(names)}
    return moving.inquired_refund(payment, ids)


def _amount(asked: Document, name: str) -> tuple[int, str] | None:
    return paying.read_amount(asked.get(name))


def _refunded(payment: FakePayment, ids: tuple[str, ...]) -> bool:
    known = {id for each in payment.refunds for id in (each.id, each.request_id)}
    return not known.isdisjoint(ids)
