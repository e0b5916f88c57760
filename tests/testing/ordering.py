"""Pay requests as the pages show them."""

from __future__ import annotations

from typing import Any

from django_alipay_cancel.testing import FakeAlipay
from tests.testing.calling import Told, call

PAY = "/ams/sandbox/api/v1/payments/pay"
FORMS = ("PaymentCode", "OrderCode", "EntryCode", "Cashier")


def pay(gateway: FakeAlipay, form: str = "PaymentCode", *, path: str = PAY, **changes: Any) -> Told:
    """Ask a buyer to pay 12.50 USD for order-1."""
    amount = {"currency": "USD", "value": "1250"}
    asked: dict[str, Any] = {
        "productCode": "CASHIER_PAYMENT" if form == "Cashier" else "IN_STORE_PAYMENT",
        "paymentRequestId": "order-1",
        "order": {"referenceOrderId": "1", "orderDescription": "a hat", "orderAmount": amount},
        "paymentAmount": amount,
        "paymentMethod": {
            "paymentMethodType": "ALIPAY_CN" if form == "Cashier" else "CONNECT_WALLET"
        },
    }
    if form != "Cashier":
        asked["paymentFactor"] = {"inStorePaymentScenario": form}
    if form == "PaymentCode":
        asked["paymentMethod"]["paymentMethodId"] = "288888888888888888"
    return call(gateway, path, **asked | changes)
