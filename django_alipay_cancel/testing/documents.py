"""The JSON documents of the gateway's answers and notifications."""

import json
from datetime import datetime, timedelta
from typing import Any

from django_alipay_cancel.alipay.results import RESULT_CODES
from django_alipay_cancel.testing.fake_payment import UNPAID, FakePayment, Movement, Status
from django_alipay_cancel.testing.gateway_clock import wire_time

Document = dict[str, Any]

# Alipay's own test data shows UNKNOWN_EXCEPTION beside CANCELLED: nobody may rely on this field.
_PAYMENT_RESULT_CODES = {
    Status.PROCESSING: "PAYMENT_IN_PROCESS",
    Status.PENDING: "PAYMENT_IN_PROCESS",
    Status.CANCELLED: "UNKNOWN_EXCEPTION",
}


def to_bytes(document: Document) -> bytes:
    """Return ``document`` as compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


def result(code: str, status: str | None = None, message: str | None = None) -> Document:
    """Return a document with nothing but a result; ``status`` defaults to the documented one."""
    if status is None:
        status = RESULT_CODES[code].result_status.value if code in RESULT_CODES else "F"
    if message is None:
        message = code.replace("_", " ").lower() + "."
    return {"result": {"resultCode": code, "resultStatus": status, "resultMessage": message}}


def cancel_answer(payment: FakePayment) -> Document:
    """Return the answer to a cancel that is done, whether now or earlier."""
    assert payment.cancel_time is not None
    return {
        **result("SUCCESS"),
        "paymentRequestId": payment.payment_request_id,
        "paymentId": payment.payment_id,
        "cancelTime": wire_time(payment.cancel_time),
    }


def inquiry_answer(payment: FakePayment) -> Document:
    """Return the answer to an inquiry; an authorized payment reads SUCCESS, as Alipay has it."""
    status = Status(payment.status)
    failed = payment.failure if status == Status.FAIL else "SUCCESS"
    code = _PAYMENT_RESULT_CODES.get(status, failed)
    told = status if status in (*UNPAID, Status.FAIL, Status.CANCELLED) else Status.SUCCESS
    document = {
        **result("SUCCESS"),
        "paymentStatus": told.value,
        "paymentResultCode": code,
        "paymentResultMessage": code.replace("_", " ").lower() + ".",
        **identity(payment),
    }
    if told == Status.SUCCESS:
        document["paymentTime"] = wire_time(payment.paid_at or payment.created_at)
    if payment.auth_expires_at:
        document["authExpiryTime"] = wire_time(payment.auth_expires_at)
    listed = _transactions(payment)
    if listed:
        document["transactions"] = listed
    return document


def _transactions(payment: FakePayment) -> list[Document]:
    listed = [_moved(payment, "CAPTURE", each) for each in payment.captures]
    listed += [_moved(payment, "REFUND", each) for each in payment.refunds]
    if payment.status == Status.REFUNDED and not payment.refunds:
        listed.append(transaction(payment, "REFUND"))
    if payment.status == Status.CAPTURED and not payment.captures:
        listed.append(transaction(payment, "CAPTURE"))
    return listed


def transaction(payment: FakePayment, kind: str) -> Document:
    """Return an entry of an inquiry's ``transactions`` that succeeded over the full amount."""
    return {
        "transactionType": kind,
        "transactionStatus": "SUCCESS",
        "transactionResult": result("SUCCESS")["result"],
        "transactionId": f"{kind.lower()}-{payment.payment_id}"[:64],
        "transactionAmount": amount(payment.amount_value, payment.amount_currency),
    }


def _moved(payment: FakePayment, kind: str, done: Movement) -> Document:
    return {
        **transaction(payment, kind),
        "transactionId": done.id,
        "transactionRequestId": done.request_id,
        "transactionAmount": amount(done.value, payment.amount_currency),
        "transactionTime": wire_time(done.at),
        **_state(done),
    }


def _state(done: Movement) -> Document:
    if done.status == "SUCCESS":
        return {}
    status = {"PROCESSING": "U", "FAIL": "F"}[done.status]
    return {
        "transactionStatus": done.status,
        "transactionResult": result("PROCESS_FAIL", status)["result"],
    }


def notified(
    payment: FakePayment, result_status: str, notify_type: str = "PAYMENT_RESULT"
) -> Document:
    """Return a message to the payment's notify URL that says S, F or U of what its type names."""
    codes = {"S": "SUCCESS", "U": "PAYMENT_IN_PROCESS"}
    document = {
        "notifyType": notify_type,
        **result(codes.get(result_status, payment.failure), result_status),
    }
    if notify_type == "CAPTURE_RESULT":
        return {**document, **_captured(payment)}
    document |= identity(payment)
    if notify_type == "UPDATE_AMOUNT_RESULT":
        document["updateRequestId"] = f"update-{payment.payment_id}"[:64]
    if result_status == "S":
        document["paymentTime"] = wire_time(_told_paid_at(payment))
        if payment.auth_expires_at:
            document["authExpiryTime"] = wire_time(payment.auth_expires_at)
    return document


def _captured(payment: FakePayment) -> Document:
    if not payment.captures:
        raise ValueError(f"Nothing of the payment {payment.payment_id} was captured.")
    done = payment.captures[-1]
    return {
        "captureRequestId": done.request_id,
        "captureId": done.id,
        "paymentId": payment.payment_id,
        "captureAmount": amount(done.value, payment.amount_currency),
        "captureTime": wire_time(done.at),
    }


def _told_paid_at(payment: FakePayment) -> datetime:
    if payment.paid_at is None and payment.cancel_time is not None:
        return payment.cancel_time + timedelta(seconds=1)  # unpaid until it was cancelled
    return payment.paid_at or payment.created_at


def amount(value: int, currency: str) -> Document:
    return {"currency": currency, "value": str(value)}


def identity(payment: FakePayment) -> Document:
    """Return which payment it is, over how much and of when."""
    return {
        "paymentRequestId": payment.payment_request_id,
        "paymentId": payment.payment_id,
        "paymentAmount": amount(payment.amount_value, payment.amount_currency),
        "paymentCreateTime": wire_time(payment.created_at),
    }
