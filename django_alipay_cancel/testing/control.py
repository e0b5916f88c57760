"""Control from another process: plain JSON under /fake/, beside the signed routes.

==========================  ======================================================================
``GET /fake/payments``      the payments there are
``POST /fake/payments``     add one: the arguments of `FakeAlipay.add_payment`
``POST /fake/pay``          the buyer acts: ``payment`` (either id) and ``result``, S or F
``POST /fake/refund``       a refund made elsewhere: ``payment``, ``value`` (null: all), ``status``
``POST /fake/settle``       the refund of ``payment`` that is under way ends: ``status``
``POST /fake/notify``       tell a merchant: ``payment``, ``url`` (default: the payment's own),
                            ``result``, ``notify_type``; answers with the number of sends
``GET /fake/clock``         the gateway's time
``POST /fake/clock``        set it: ``at`` (ISO 8601, or null) or ``advance`` (seconds)
``GET /fake/calls``         the calls that came
``POST /fake/misbehave``    order a fault: its name as ``fault``, the arguments of
                            `FakeAlipay.misbehave`
==========================  ======================================================================

The server listens on loopback only.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django_alipay_cancel.testing import strangers
from django_alipay_cancel.testing.books import RecordedCall
from django_alipay_cancel.testing.fake_payment import FakePayment
from django_alipay_cancel.testing.faults import Fault
from django_alipay_cancel.testing.gateway_clock import wire_time
from django_alipay_cancel.testing.wire import JSON_TYPE, Delivery, Request

if TYPE_CHECKING:
    from django_alipay_cancel.testing.gateway import FakeAlipay

PREFIX = "/fake/"


def handle(gateway: FakeAlipay, request: Request) -> Delivery:
    """Carry out one control request; 400 says what is wrong with its JSON."""
    if refused := strangers.stranger_refusal(request):
        status, reason = refused
        return _json(status, {"detail": reason})
    try:
        match request.method, request.path.removeprefix(PREFIX):
            case "GET", "payments":
                return _json(200, {"payments": [describe(each) for each in gateway.payments]})
            case "GET", "calls":
                return _json(200, {"calls": [_call(each) for each in gateway.calls]})
            case "GET", "clock":
                return _json(200, {"now": gateway.now.isoformat()})
            case "POST", "clock":
                _set_clock(gateway, _arguments(request))
                return _json(200, {"now": gateway.now.isoformat()})
            case "POST", "pay":
                return _json(200, describe(_pay(gateway, _arguments(request))))
            case "POST", "refund":
                return _json(200, describe(_refund(gateway, _arguments(request))))
            case "POST", "settle":
                return _json(200, describe(_settle(gateway, _arguments(request))))
            case "POST", "notify":
                return _json(200, _notify(gateway, _arguments(request)))
            case "POST", "payments":
                return _json(201, describe(add_payment(gateway, json.loads(request.body))))
            case "POST", "misbehave":
                _misbehave(gateway, json.loads(request.body))
                return Delivery(status=204)
    except KeyError as error:
        return _json(400, {"detail": f"There is no {error}."})
    except (ValueError, TypeError) as error:
        return _json(400, {"detail": str(error)})
    return _json(404, {"detail": "Not found."})


def add_payment(gateway: FakeAlipay, arguments: Any) -> FakePayment:
    """Add a payment told in JSON, its times in ISO 8601; ValueError, TypeError if wrong."""
    if not isinstance(arguments, dict):
        raise ValueError("A payment must be a JSON object.")
    for name in ("paid_at", "expires_at"):
        if arguments.get(name):
            arguments = {**arguments, name: datetime.fromisoformat(arguments[name])}
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
        "refunded_value": payment.refunded_value,
    }


def _call(call: RecordedCall) -> dict[str, Any]:
    return {
        "api": call.api,
        "path": call.path,
        "ids": sorted(call.ids),
        "answered": call.answered,
        "at": wire_time(call.at),
        "headers": {name: text for name, text in call.headers.items() if name != "signature"},
        "body": call.body.decode("utf-8", "replace"),
    }


def _arguments(request: Request) -> dict[str, Any]:
    arguments = json.loads(request.body)
    if not isinstance(arguments, dict):
        raise ValueError("What is asked for must be a JSON object.")
    return arguments


def _set_clock(gateway: FakeAlipay, arguments: dict[str, Any]) -> None:
    if arguments.keys() == {"advance"}:
        gateway.advance(float(arguments["advance"]))
    elif arguments.keys() == {"at"}:
        at = arguments["at"]
        gateway.set_clock(None if at is None else datetime.fromisoformat(at))
    else:
        raise ValueError("Give at (ISO 8601, or null) or advance (seconds).")


def _pay(gateway: FakeAlipay, arguments: dict[str, Any]) -> FakePayment:
    id, result = str(arguments.get("payment")), arguments.get("result", "S")
    if result not in ("S", "F"):
        raise ValueError("result must be S (the buyer pays) or F (the payment fails).")
    return gateway.buyer_pays(id) if result == "S" else gateway.payment_fails(id)


def _refund(gateway: FakeAlipay, arguments: dict[str, Any]) -> FakePayment:
    id, status = str(arguments.get("payment")), str(arguments.get("status", "SUCCESS"))
    gateway.refund_elsewhere(id, arguments.get("value"), status=status)
    return gateway.payment(id)


def _settle(gateway: FakeAlipay, arguments: dict[str, Any]) -> FakePayment:
    id = str(arguments.get("payment"))
    gateway.refund_settles(id, status=str(arguments.get("status", "SUCCESS")))
    return gateway.payment(id)


def _notify(gateway: FakeAlipay, arguments: dict[str, Any]) -> dict[str, Any]:
    id = str(arguments.pop("payment", None))
    url = arguments.pop("url", None) or gateway.payment(id).notify_url
    if not url:
        raise ValueError("Give url: the payment has no notify URL.")
    outcome = gateway.notify(url, id, **arguments)
    return {"sends": outcome.sends, "acknowledged": outcome.acknowledged}


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
