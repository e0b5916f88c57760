"""Control from another process: plain JSON under /fake/, beside the signed routes.

``GET /fake/payments`` lists the payments, ``POST /fake/payments`` adds one (the arguments of
`FakeAlipay.add_payment`), ``POST /fake/misbehave`` orders a fault (those of `FakeAlipay.misbehave`,
with the fault's name as ``fault``). The server listens on loopback only.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django_alipay_cancel.testing.clock import wire_time
from django_alipay_cancel.testing.faults import Fault
from django_alipay_cancel.testing.payments import FakePayment
from django_alipay_cancel.testing.wire import JSON_TYPE, Delivery, Request

if TYPE_CHECKING:
    from django_alipay_cancel.testing.gateway import FakeAlipay

PREFIX = "/fake/"


def answer(gateway: FakeAlipay, request: Request) -> Delivery:
    """Carry out one control request; 400 says what is wrong with its JSON."""
    try:
        match request.method, request.path.removeprefix(PREFIX):
            case "GET", "payments":
                return _json(200, {"payments": [describe(each) for each in gateway.payments]})
            case "POST", "payments":
                return _json(201, describe(add_payment(gateway, json.loads(request.body))))
            case "POST", "misbehave":
                _misbehave(gateway, json.loads(request.body))
                return Delivery(status=204)
    except (ValueError, TypeError) as error:
        return _json(400, {"detail": str(error)})
    return _json(404, {"detail": "Not found."})


def add_payment(gateway: FakeAlipay, arguments: Any) -> FakePayment:
    """Add a payment told in JSON, its ``paid_at`` in ISO 8601; ValueError, TypeError if wrong."""
    if not isinstance(arguments, dict):
        raise ValueError("A payment must be a JSON object.")
    if arguments.get("paid_at"):
        arguments = {**arguments, "paid_at": datetime.fromisoformat(arguments["paid_at"])}
    return gateway.add_payment(**arguments)


def describe(payment: FakePayment) -> dict[str, Any]:
    """Return a payment as JSON tells it."""
    return {
        "payment_request_id": payment.payment_request_id,
        "payment_id": payment.payment_id,
        "status": str(payment.status),
        "method": payment.method,
        "amount_value": payment.amount_value,
        "amount_currency": payment.amount_currency,
        "paid_at": wire_time(payment.paid_at) if payment.paid_at else None,
        "cancel_time": wire_time(payment.cancel_time) if payment.cancel_time else None,
        "cancel_effects": payment.cancel_effects,
    }


def _misbehave(gateway: FakeAlipay, arguments: Any) -> None:
    if not isinstance(arguments, dict):
        raise ValueError("An order must be a JSON object.")
    name = str(arguments.pop("fault", ""))
    if name not in Fault.__members__:
        raise ValueError(f"fault must be one of {', '.join(Fault.__members__)}.")
    gateway.misbehave(Fault[name], **arguments)


def _json(status: int, document: dict[str, Any]) -> Delivery:
    return Delivery(
        status=status, headers={"content-type": JSON_TYPE}, body=json.dumps(document).encode()
    )
