"""A sale at the till: the order is written, then Alipay is asked for a code that the buyer scans.

A real shop calls pay with Alipay's SDK or with code of its own, as here; cancelling is the app's.
https://docs.antom.com/ac/ams/payment (order code)
"""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import requests
from django.contrib.auth.models import User

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.signing import content_to_be_signed, signature_header
from django_alipay_cancel.alipay.trust import distrust
from django_alipay_cancel.conf import client_for
from shop.models import Order
from shop.orders import place_order

_PAY_TIMEOUT = (3, 10)  # seconds
_STORE = {
    "referenceMerchantId": "tea-shop",
    "merchantMCC": "5499",
    "merchantName": "Tea shop",
    "store": {
        "referenceStoreId": "tea-shop-1",
        "storeName": "Tea shop, Harbour Street",
        "storeMCC": "5499",
    },
}


def sell(total: int, *, cashier: User) -> Order:
    """Write a new order over `total` US cents: committed before Alipay hears of it."""
    return place_order(f"S-{uuid4().hex[:8]}", buyer=cashier, total=total)


def ask_for_code(order: Order, notify_url: str) -> str:
    """Call pay and return the code to be shown; "" when no answer came that can be believed.

    Then the payment may exist or not: it is waited for, asked about and cancelled all the same.
    """
    client = client_for(order.payment.merchant)
    sandbox = "sandbox/" if client.uses_sandbox_path else ""
    path = f"/ams/{sandbox}api/v1/payments/pay"
    body = json.dumps(_pay_request(order, notify_url)).encode()
    try:
        response = requests.post(
            client.credentials.gateway_url + path,
            data=body,
            headers=_headers(client, path, body),
            timeout=_PAY_TIMEOUT,
            allow_redirects=False,
            verify=client.credentials.ca_bundle or True,
        )
    except requests.RequestException:
        return ""
    distrusted = distrust(
        response.raw.headers,
        response.content,
        time_header="response-time",
        path=path,
        client_id=client.credentials.client_id,
        public_keys=client.credentials.alipay_public_keys,
    )
    return "" if distrusted else _code_in(response.json())


def let_the_buyer(order: Order, *, pay: bool) -> None:
    """Act as the buyer, who is at FakeAlipay: pay what waits, or let it fail."""
    gateway = client_for(order.payment.merchant).credentials.gateway_url
    told = {"payment": order.payment.payment_request_id, "result": "S" if pay else "F"}
    requests.post(f"{gateway}/fake/pay", json=told, timeout=_PAY_TIMEOUT)


def _pay_request(order: Order, notify_url: str) -> dict[str, Any]:
    amount = {"currency": order.payment.amount_currency, "value": str(order.total)}
    return {
        "productCode": "IN_STORE_PAYMENT",
        "paymentRequestId": order.payment.payment_request_id,
        "order": {
            "referenceOrderId": order.number,
            "orderDescription": "Tea",
            "orderAmount": amount,
            "merchant": _STORE,
        },
        "paymentAmount": amount,
        "paymentMethod": {"paymentMethodType": "CONNECT_WALLET"},
        "paymentFactor": {"inStorePaymentScenario": "OrderCode"},
        "paymentNotifyUrl": notify_url,
    }


def _headers(client: AlipayClient, path: str, body: bytes) -> dict[str, str]:
    credentials = client.credentials
    now = str(time.time_ns() // 1_000_000)
    content = content_to_be_signed(path=path, client_id=credentials.client_id, time=now, body=body)
    return {
        "Signature": signature_header(content, credentials.private_key, credentials.key_version),
        "Client-Id": credentials.client_id,
        "Request-Time": now,
        "Content-Type": "application/json; charset=UTF-8",
    }


def _code_in(document: dict[str, Any]) -> str:
    codes = document.get("orderCodeForm", {}).get("codeDetails", [])
    return next((code["codeValue"] for code in codes if code["displayType"] == "TEXT"), "")
