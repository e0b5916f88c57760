"""Alipay's own SDK plays both use cases against `run_fake_alipay --tls`, its classes included."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from django_alipay_cancel import services
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.keys import private_key_text
from tests.peer.environment import (
    VERSION,
    call_with_the_sdk,
    order_for,
    private_key_for_the_sdk,
)
from tests.peer.far_end import FarEnd

pytestmark = [pytest.mark.slow, pytest.mark.once]

DOCS = Path(__file__).parent.parent.parent / "docs" / "reference" / "testing.md"


def test_no_payment_result_for_a_long_time_ends_in_a_cancellation(far_end: FarEnd) -> None:
    far_end.control("misbehave", fault="ANSWER_LOST_AFTER", payment="sale-1", api="pay")
    paid, asked, cancelled, again = far_end.sdk(
        ("OrderCode", "sale-1"),
        ("inquiryPayment", "sale-1"),
        ("cancel", "sale-1"),
        ("inquiryPayment", "sale-1"),
    )
    assert "answer" not in paid, "the till does not know what became of it"
    assert asked["read"]["payment_status"] == "PROCESSING"
    assert cancelled["read"]["result"] == "S"
    assert again["read"]["payment_status"] == "CANCELLED"


def test_an_authorization_is_cancelled(far_end: FarEnd) -> None:
    (asked,) = far_end.sdk(("Cashier", "booking-1"))
    assert asked["answer"]["result"]["resultCode"] == "PAYMENT_IN_PROCESS"
    far_end.control("pay", payment="booking-1")
    held, cancelled, again = far_end.sdk(
        ("inquiryPayment", "booking-1"), ("cancel", "booking-1"), ("inquiryPayment", "booking-1")
    )
    assert held["read"]["payment_status"] == "SUCCESS"
    assert held["read"]["auth_expiry_time"]
    assert cancelled["read"]["result"] == "S"
    assert again["read"]["payment_status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("form", "result"),
    [("PaymentCode", "S"), ("OrderCode", "U"), ("EntryCode", "U"), ("Cashier", "U")],
)
def test_the_sdk_reads_every_form_of_a_pay(far_end: FarEnd, form: str, result: str) -> None:
    first, again = far_end.sdk((form, f"form-{form}"), (form, f"form-{form}"))
    assert first["read"]["result"] == result
    assert first["read"]["payment_id"] == again["read"]["payment_id"]
    assert bool(first["read"].get("codes")) == (form == "OrderCode")


def test_a_pay_that_arrives_late_is_unknown_until_it_does(far_end: FarEnd) -> None:
    far_end.control("misbehave", fault="EFFECT_LATER", payment="late-1", api="pay", seconds=40)
    _, asked, cancelled = far_end.sdk(
        ("PaymentCode", "late-1"), ("inquiryPayment", "late-1"), ("cancel", "late-1")
    )
    codes = [told["answer"]["result"]["resultCode"] for told in (asked, cancelled)]
    assert codes == ["ORDER_NOT_EXIST", "ORDER_NOT_EXIST"]
    far_end.control("clock", advance=40)
    (cancelled,) = far_end.sdk(("cancel", "late-1"))
    assert cancelled["read"]["result"] == "S"


def test_the_sdk_cannot_read_transactions_that_are_null(far_end: FarEnd) -> None:
    """Its response class raises TypeError: hence they are left out unless a fault is ordered."""
    far_end.control("misbehave", fault="NULL_TRANSACTIONS", payment="demo-success")
    first, second = far_end.sdk(
        ("inquiryPayment", "demo-success"), ("inquiryPayment", "demo-success")
    )
    assert "NoneType" in first["unreadable"]
    assert second["read"]["payment_status"] == "SUCCESS"


@pytest.fixture
def webhooks(far_end: FarEnd) -> Callable[..., dict[str, Any]]:
    def ask(**order: Any) -> dict[str, Any]:
        return call_with_the_sdk(order_for(far_end.merchant, [], **order), far_end.ca_file)

    return ask


def test_the_webhook_helper_of_the_sdk_verifies_our_notifications(
    webhooks: Callable[..., dict[str, Any]],
) -> None:
    with FakeAlipay() as gateway:
        gateway.add_payment(payment_request_id="order-1")
        headers, body = gateway.notification("order-1", path="/alipay/notify")
        sent = {
            "path": "/alipay/notify",
            "client_id": headers["client-id"],
            "time": headers["request-time"],
            "body": body.decode(),
            "signature": headers["signature"],
        }
        changed = {**sent, "body": sent["body"].replace('"S"', '"F"')}
        key = gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"]
    told = webhooks(notifications=[sent, changed], alipay_public_key=key)
    assert told["genuine"] == [True, False]


@pytest.mark.django_db
def test_we_verify_what_the_sdk_signed(
    webhooks: Callable[..., dict[str, Any]], gateway: FakeAlipay
) -> None:
    body = json.dumps({"notifyType": "PAYMENT_RESULT", "paymentId": "茶"}, ensure_ascii=False)
    to_sign = {
        "path": "/alipay/notify",
        "client_id": gateway.client_id,
        "time": "2026-01-02T12:00:00+08:00",
        "body": body,
        "private_key": private_key_for_the_sdk(private_key_text(gateway.keys.alipay)),
    }
    (signature,) = webhooks(to_sign=[to_sign])["signed"]
    notification = services.verify_notification(
        headers={
            "signature": f"algorithm=RSA256,keyVersion=1,signature={signature}",
            "client-id": gateway.client_id,
            "request-time": to_sign["time"],
        },
        body=body.encode(),
        path="/alipay/notify",
    )
    assert notification.payment_id == "茶"


def test_what_the_sdk_sends_stands_in_the_docs(far_end: FarEnd) -> None:
    far_end.sdk(("OrderCode", "seen-1"), ("cancel", "seen-1"), ("inquiryPayment", "seen-1"))
    calls = [call for call in far_end.control("calls")["calls"] if "seen-1" in call["ids"]]
    rows = documented_rows()
    assert [call["path"] for call in calls] == re.findall("`([^`]+)`", rows["Paths"])
    for call in calls:
        names = {name for name in call["headers"] if name != "content-length"} | {"signature"}
        assert names == set(re.findall("`([^`]+)`", rows["Headers"]))
        assert call["headers"]["content-type"] == re.findall("`([^`]+)`", rows["Charset"])[0]
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", call["headers"]["request-time"]
        )
    assert "Tee" in calls[0]["body"] and calls[0]["body"].isascii()


def documented_rows() -> dict[str, str]:
    """Return the table of what the SDK sends, by its first column."""
    text = DOCS.read_text(encoding="utf-8")
    assert f"Python SDK {VERSION}" in text
    lines = text.partition("## What the official SDK sends")[2].splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("|")]
    return {name.strip(): value.strip() for name, value in rows}
