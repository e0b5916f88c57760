"""pay: what a merchant asks a buyer to pay, in a store or online, and how that is answered.

https://docs.antom.com/ac/ams/payment and https://docs.antom.com/ac/ams/payment_cashier
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django_alipay_cancel.testing.documents import Document, identity, result
from django_alipay_cancel.testing.fake_payment import UNPAID, UNPAID_LASTS, FakePayment, Status
from django_alipay_cancel.testing.gateway_clock import wire_time

# The way of a store whose buyer shows the code is the only one that is paid at once.
AT_ONCE = "PaymentCode"
_IN_STORE = (AT_ONCE, "OrderCode", "EntryCode")
_ORDER_CODE_LASTS = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class PayRequest:
    """A pay request that can be carried out; ``amount_value`` is in minor units."""

    payment_request_id: str
    amount_value: int
    amount_currency: str
    form: str
    is_authorization: bool
    notify_url: str
    expires_at: datetime


def read_pay(document: Document, now: datetime) -> PayRequest | None:
    """Return what is asked for, None for PARAM_ILLEGAL."""
    amount = read_amount(document.get("paymentAmount"))
    form = _form(document)
    expires_at = _expiry(document.get("paymentExpiryTime"), now)
    named = isinstance(document.get("order"), dict) and document.get("productCode")
    if not (amount and form and expires_at and named and document.get("paymentRequestId")):
        return None
    factor = _object(document.get("paymentFactor"))
    return PayRequest(
        payment_request_id=document["paymentRequestId"],
        amount_value=amount[0],
        amount_currency=amount[1],
        form=form,
        is_authorization=str(factor.get("isAuthorization", "")).lower() == "true",
        notify_url=str(document.get("paymentNotifyUrl") or ""),
        expires_at=expires_at,
    )


def read_amount(amount: Any) -> tuple[int, str] | None:
    """Return value and currency of an amount as Alipay wants them, None for anything else."""
    value, currency = _object(amount).get("value"), _object(amount).get("currency")
    # Documented as texts; a number is what the Python SDK sends for a number.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not (isinstance(value, str) and value.isascii() and value.isdecimal() and int(value)):
        return None
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isupper()):
        return None
    return int(value), currency


def answer_to_pay(payment: FakePayment) -> Document:
    """Return the answer to the first pay of ``payment``, or to one of its repeats."""
    if payment.status == Status.FAIL:
        return result(payment.failure, "F")
    if payment.status == Status.CANCELLED:
        return result("ORDER_IS_CLOSED", "F")
    if payment.status in UNPAID:
        return {**result("PAYMENT_IN_PROCESS", "U"), **identity(payment), **_way(payment)}
    told = {**result("SUCCESS"), **identity(payment)}
    if payment.paid_at:
        told["paymentTime"] = wire_time(payment.paid_at)
    if payment.auth_expires_at:
        told["authExpiryTime"] = wire_time(payment.auth_expires_at)
    return told


def _form(document: Document) -> str:
    method = _object(document.get("paymentMethod"))
    if not method.get("paymentMethodType"):
        return ""
    scenario = _object(document.get("paymentFactor")).get("inStorePaymentScenario")
    if document.get("productCode") != "IN_STORE_PAYMENT":
        return "Cashier"
    if scenario == AT_ONCE and not method.get("paymentMethodId"):
        return ""  # the code that the buyer shows is missing
    return scenario if scenario in _IN_STORE else ""


def _expiry(text: Any, now: datetime) -> datetime | None:
    if text is None:
        return now + UNPAID_LASTS
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.utcoffset() is not None else None


def _way(payment: FakePayment) -> Document:
    """Return how the buyer gets to pay: a code to be shown, or an address to be opened."""
    url = f"https://fake-alipay.invalid/{payment.form.lower()}/{payment.payment_id}"
    if payment.form == "OrderCode":
        kinds = (("QRCODE", "BIGIMAGE"), ("QRCODE", "TEXT"))
        codes = [
            {"codeValueType": value, "codeValue": url, "displayType": shown}
            for value, shown in kinds
        ]
        ends = wire_time(payment.created_at + _ORDER_CODE_LASTS)
        return {"orderCodeForm": {"expireTime": ends, "codeDetails": codes}}
    if payment.form in ("EntryCode", "Cashier"):
        form = {"method": "GET", "redirectUrl": url}
        return {"redirectActionForm": form, "normalUrl": url}
    return {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
