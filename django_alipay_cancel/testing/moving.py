"""capture, refund and inquiryRefund: money of a payment that moves after it was authorized or paid.

https://docs.antom.com/ac/ams/capture and https://docs.antom.com/ac/ams/refund_online
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django_alipay_cancel.testing.documents import Document, amount, result
from django_alipay_cancel.testing.fake_payment import (
    AUTHORIZATION_ENDED,
    REFUNDABLE,
    FakePayment,
    Movement,
    News,
    Status,
)
from django_alipay_cancel.testing.gateway_clock import wire_time

_NOT_CAPTURABLE = {
    Status.CANCELLED: "AUTH_CANCELLED",
    Status.CAPTURED: "CAPTURE_AMOUNT_EXCEED_AUTH_LIMIT",
}
_NOT_REFUNDABLE = {
    Status.CANCELLED: "ORDER_IS_CANCELED",
    Status.FAIL: "ORDER_IS_CLOSED",
}


def capture(payment: FakePayment, request_id: str, value: int, now: datetime) -> Document:
    """Capture ``value`` of an authorization; a repeat with the same amount is answered alike."""
    done = _find(payment.captures, request_id)
    if done is None:
        code = _not_capturable(payment, value)
        if code:
            return result(code, "F")
        done = Movement(request_id=request_id, id=_new_id(now), value=value, at=now)
        payment.captures.append(done)
        payment.status = Status.CAPTURED
        payment.tell(News(notify_type="CAPTURE_RESULT"))
    elif done.value != value:
        return result("REPEAT_REQ_INCONSISTENT", "F")
    return {
        **result("SUCCESS"),
        "captureRequestId": request_id,
        "captureId": done.id,
        "paymentId": payment.payment_id,
        "captureAmount": amount(done.value, payment.amount_currency),
        "captureTime": wire_time(done.at),
    }


def make_refund(
    payment: FakePayment,
    request_id: str,
    asked: tuple[int, str],
    now: datetime,
    *,
    balance_is_enough: bool,
    notify_url: str = "",
    arrives_at: datetime | None = None,
) -> Document:
    """Give a part of the money back, or say why not; with ``arrives_at`` only then."""
    value, currency = asked
    if payment.status not in REFUNDABLE:
        return result(_NOT_REFUNDABLE.get(Status(payment.status), "ORDER_STATUS_INVALID"), "F")
    if currency != payment.amount_currency:
        return result("CURRENCY_NOT_SUPPORT", "F")
    if payment.refunded_value + value > payment.taken:
        return result("REFUND_AMOUNT_EXCEED", "F")
    if not balance_is_enough:
        return result("MERCHANT_BALANCE_NOT_ENOUGH", "F")
    done = Movement(
        request_id=request_id,
        id=_new_id(now),
        value=value,
        at=now,
        status="PROCESSING" if payment.refunds_take_time else "SUCCESS",
        notify_url=notify_url,
    )
    if arrives_at is not None:
        payment.refunds_on_the_way.append((arrives_at, done))
    else:
        payment.refund(done)
    told = ("REFUND_IN_PROCESS", "U") if payment.refunds_take_time else ("SUCCESS", "S")
    return {**result(*told), "paymentId": payment.payment_id, **refund_facts(payment, done)}


def inquired_refund(payment: FakePayment | None, ids: tuple[str, ...]) -> Document:
    """Return the answer to inquiryRefund; refundId comes first and wins."""
    if payment is None:
        return result("REFUND_NOT_EXIST", "F")
    done = next(each for id in ids for each in payment.refunds if id in (each.id, each.request_id))
    return {**result("SUCCESS"), "refundStatus": done.status, **refund_facts(payment, done)}


def settled_refund(payment: FakePayment, done: Movement) -> Document:
    """Return what notifyRefund says; it names no payment, and in it is no S or F."""
    return {
        "notifyType": "REFUND_RESULT",
        "refundStatus": done.status,
        **refund_facts(payment, done),
    }


def refund_facts(payment: FakePayment, done: Movement) -> Document:
    """Return which refund it is, over how much and, once it is done, of when."""
    told = {
        "refundRequestId": done.request_id,
        "refundId": done.id,
        "refundAmount": amount(done.value, payment.amount_currency),
    }
    return {**told, "refundTime": wire_time(done.at)} if done.status == "SUCCESS" else told


def _not_capturable(payment: FakePayment, value: int) -> str:
    if payment.failure == AUTHORIZATION_ENDED:
        return AUTHORIZATION_ENDED
    captured = sum(each.value for each in payment.captures)
    if payment.status == Status.CAPTURED and captured + value <= payment.amount_value:
        return ""
    if payment.status != Status.AUTHORIZED:
        return _NOT_CAPTURABLE.get(Status(payment.status), "AUTH_NOT_FOUND")
    return "" if value <= payment.amount_value else "CAPTURE_AMOUNT_EXCEED_AUTH_LIMIT"


def _find(movements: list[Movement], request_id: str) -> Movement | None:
    return next((each for each in movements if each.request_id == request_id), None)


def _new_id(now: datetime) -> str:
    return f"{now:%Y%m%d}{uuid4().int % 10**30:030}"
