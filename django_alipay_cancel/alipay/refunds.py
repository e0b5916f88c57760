"""refund, inquiryRefund and notifyRefund: codes with the next step they ask for, bodies, answers.

From public documentation and the official SDKs; the wire itself was not seen by us.
https://docs.antom.com/ac/ams/refund_online and https://docs.antom.com/ac/ams/ir_online
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django_alipay_cancel.alipay.inquiry_transactions import currency_code, read_minor_units
from django_alipay_cancel.alipay.results import CONFIGURATION_CODES, NextStep, next_step
from django_alipay_cancel.alipay.times import parse_time

REFUND_STEPS: Final[Mapping[str, NextStep]] = MappingProxyType(
    {
        "MERCHANT_BALANCE_NOT_ENOUGH": NextStep.TOP_UP_BALANCE,
        "REFUND_AMOUNT_EXCEED": NextStep.CHECK_REFUNDS,
        "MULTIPLE_REFUNDS_NOT_SUPPORTED": NextStep.CHECK_REFUNDS,
        "PARTIAL_REFUND_NOT_SUPPORTED": NextStep.CHECK_REFUNDS,
        "ORDER_IS_CANCELED": NextStep.CHECK_ORDER_STATUS,
        "ORDER_IS_CLOSED": NextStep.CHECK_ORDER_STATUS,
        "ORDER_STATUS_INVALID": NextStep.CHECK_ORDER_STATUS,
        "ORDER_NOT_EXIST": NextStep.CHECK_PAYMENT_ID,
        "REFUND_WINDOW_EXCEED": NextStep.CONTACT_ALIPAY,
        "REFUND_NOT_SUPPORTED": NextStep.CONTACT_ALIPAY,
        "PAYMENT_METHOD_NOT_SUPPORTED": NextStep.CONTACT_ALIPAY,
        "INVALID_MERCHANT_STATUS": NextStep.CONTACT_ALIPAY,
        "PROCESS_FAIL": NextStep.CONTACT_ALIPAY,
        "SYSTEM_ERROR": NextStep.CONTACT_ALIPAY,
        "CURRENCY_NOT_SUPPORT": NextStep.CONTACT_ALIPAY,
        "REPEAT_REQ_INCONSISTENT": NextStep.CONTACT_ALIPAY,
    }
)
"""What each F of refund asks for; a code may mean something else here than as an F of cancel."""

REFUND_UNKNOWN_CODES: Final = frozenset(
    {"REFUND_IN_PROCESS", "UNKNOWN_EXCEPTION", "REQUEST_TRAFFIC_EXCEED_LIMIT"}
)
"""Codes that say neither yes nor no, whatever status stands beside them."""


def refund_next_step(*, result_code: str, error: str = "") -> NextStep:
    """Return what a refund that was refused, or is in review, asks of the merchant."""
    if error or result_code in CONFIGURATION_CODES:
        return next_step(result_code=result_code, error=error)
    return REFUND_STEPS.get(result_code, NextStep.CONTACT_ALIPAY)


@dataclass(frozen=True, kw_only=True)
class RefundTold:
    """What a verified answer says of one refund, or of the payment it would be of.

    ``amount_value`` is in minor units, None for one that is missing or no text of digits: the
    refund's own in answers to refund and inquiryRefund, the payment's in one to inquiryPayment.
    """

    refund_request_id: str
    refund_id: str
    status: str
    amount_value: int | None
    amount_currency: str
    refunded_at: datetime | None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "RefundTold":
        """Read what is there; nothing in ``document`` can make this raise."""
        amount = document.get("refundAmount", document.get("paymentAmount"))
        amount = amount if isinstance(amount, dict) else {}
        return cls(
            refund_request_id=_id(document.get("refundRequestId")),
            refund_id=_id(document.get("refundId")),
            status=_id(document.get("refundStatus")),
            amount_value=read_minor_units(amount.get("value")),
            amount_currency=currency_code(amount.get("currency")),
            refunded_at=parse_time(document.get("refundTime")),
        )


def refund_body(
    *, refund_request_id: str, payment_id: str, value: int, currency: str, notify_url: str | None
) -> str:
    """Return the body that asks for ``value`` minor units back; no merchantAccountId, by the page.

    Raises ValueError without an id, and for an amount that is none.
    """
    if not refund_request_id or not payment_id:
        raise ValueError("A refund_request_id and a payment_id are needed.")
    if value <= 0 or not currency_code(currency):
        raise ValueError("A refund needs an amount above 0 in a currency.")
    asked: dict[str, Any] = {
        "refundRequestId": refund_request_id,
        "paymentId": payment_id,
        "refundAmount": {"currency": currency, "value": str(value)},
    }
    if notify_url:
        asked["refundNotifyUrl"] = notify_url
    return json.dumps(asked, separators=(",", ":"))


def refund_inquiry_body(*, refund_request_id: str, merchant_account_id: str | None) -> str:
    """Return the body that asks for one refund; ValueError without its id."""
    if not refund_request_id:
        raise ValueError("A refund_request_id is needed.")
    asked = {"refundRequestId": refund_request_id}
    if merchant_account_id:
        asked["merchantAccountId"] = merchant_account_id
    return json.dumps(asked, separators=(",", ":"))


def _id(value: object) -> str:
    # As it stands, and never cut: a part of an id would name another refund.
    printable = isinstance(value, str) and value.isascii() and value.isprintable()
    return str(value) if printable and len(str(value)) <= 64 else ""
