"""The JSON documents of the gateway's answers and notifications."""

import json
from datetime import datetime, timedelta
from typing import Any

from django_alipay_cancel.alipay.results import RESULT_CODES
from django_alipay_cancel.testing.clock import wire_time
from django_alipay_cancel.testing.payments import UNPAID, FakePayment, Status

Document = dict[str, Any]

# Alipay's own test data shows UNKNOWN_EXCEPTION beside CANCELLED: nobody may rely on this field.
_PAYMENT_RESULT_CODES = {
    Status.PROCESSING: "PAYMENT_IN_PROCESS",
    Status.PENDING: "PAYMENT_IN_PROCESS",
    Status.FAIL: "RISK_REJECT",
    Status.CANCELLED: "UNKNOWN_EXCEPTION",
}
_TRANSACTION_TYPES = {Status.REFUNDED: "REFUND", Status.CAPTURED: "CAPTURE"}


def to_bytes(document: Document) -> bytes:
    """Return ``document`` as compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


def result(code: str, status: str | None = None) -> Document:
    """Return a document with nothing but a result; ``status`` defaults to the documented one."""
    if status is None:
        status = RESULT_CODES[code].result_status.value if code in RESULT_CODES else "F"
    message = code.replace("_", " ").lower() + "."
    return {"result": {"resultCode": code, "resultStatus": status, "resultMessage": message}}


def cancelled(payment: FakePayment) -> Document:
    """Return the answer to a cancel that is done, whether now or earlier."""
    assert payment.cancel_time is not None
    return {
        **result("SUCCESS"),
        "paymentRequestId": payment.payment_request_id,
        "paymentId": payment.payment_id,
        "cancelTime": wire_time(payment.cancel_time),
    }


def inquired(payment: FakePayment) -> Document:
    """Return the answer to an inquiry; an authorized payment reads SUCCESS, as Alipay has it."""
    status = Status(payment.status)
    code = _PAYMENT_RESULT_CODES.get(status, "SUCCESS")
    told = status if status in (*UNPAID, Status.FAIL, Status.CANCELLED) else Status.SUCCESS
    document = {
        **result("SUCCESS"),
        "paymentStatus": told.value,
        "paymentResultCode": code,
        "paymentResultMessage": code.replace("_", " ").lower() + ".",
        **_identity(payment),
        "transactions": None,  # really null in Alipay's samples
    }
    if told == Status.SUCCESS:
        document["paymentTime"] = wire_time(payment.paid_at or payment.created_at)
    if status in _TRANSACTION_TYPES:
        document["transactions"] = [transaction(payment, _TRANSACTION_TYPES[status])]
    return document


def transaction(payment: FakePayment, kind: str) -> Document:
    """Return an entry of an inquiry's ``transactions`` that succeeded over the full amount."""
    return {
        "transactionType": kind,
        "transactionStatus": "SUCCESS",
        "transactionResult": result("SUCCESS")["result"],
        "transactionId": f"{kind.lower()}-{payment.payment_id}"[:64],
        "transactionAmount": _identity(payment)["paymentAmount"],
    }


def notified(payment: FakePayment, result_status: str) -> Document:
    """Return a notifyPayment message that says S or F of the payment."""
    document = {
        "notifyType": "PAYMENT_RESULT",
        **result("SUCCESS" if result_status == "S" else "RISK_REJECT", result_status),
        **_identity(payment),
    }
    if result_status == "S":
        document["paymentTime"] = wire_time(_told_paid_at(payment))
    return document


def _told_paid_at(payment: FakePayment) -> datetime:
    if payment.paid_at is None and payment.cancel_time is not None:
        return payment.cancel_time + timedelta(seconds=1)  # unpaid until it was cancelled
    return payment.paid_at or payment.created_at


def _identity(payment: FakePayment) -> Document:
    return {
        "paymentRequestId": payment.payment_request_id,
        "paymentId": payment.payment_id,
        "paymentAmount": {
            "currency": payment.amount_currency,
            "value": str(payment.amount_value),
        },
        "paymentCreateTime": wire_time(payment.created_at),
    }
