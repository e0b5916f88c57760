"""Alipay's own SDK refunds, asks and hears of refunds, beside our client and our gateway.

https://docs.antom.com/ac/ams/refund_online, https://docs.antom.com/ac/ams/ir_online and
https://docs.antom.com/ac/ams/notifyrefund
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from django_alipay_cancel import services
from django_alipay_cancel.alipay.refunds import refund_body, refund_inquiry_body
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.keys import private_key_text
from tests.peer.environment import call_with_the_sdk, order_for, private_key_for_the_sdk
from tests.peer.far_end import FarEnd

pytestmark = [pytest.mark.slow, pytest.mark.once]

PATH = "/alipay/notify"


def refund(name: str, payment_id: str, value: str = "1250") -> dict[str, str]:
    return {
        "api": "refund",
        "refund_request_id": name,
        "payment_id": payment_id,
        "value": value,
    }


def asked(name: str) -> dict[str, str]:
    return {"api": "inquiryRefund", "refund_request_id": name}


def paid(far_end: FarEnd, name: str, **options: Any) -> str:
    """Let a buyer have paid, days ago; return Alipay's id of the payment."""
    at = "2026-01-02T12:00:00+08:00"
    added = far_end.control(
        "payments", payment_request_id=name, paid_at=at, amount_value=1250, **options
    )
    return str(added["payment_id"])


def test_the_sdk_refunds_and_inquires(far_end: FarEnd) -> None:
    payment_id = paid(far_end, "wallet-1")
    done, again, known, other, more = far_end.sdk(
        refund("r-1", payment_id),
        refund("r-1", payment_id),
        asked("r-1"),
        asked("never-seen"),
        refund("r-2", payment_id, "1"),
    )
    assert done["read"]["result"] == "S"
    assert done["read"]["payment_id"] == payment_id
    assert done["read"]["refund_amount"] == "1250 USD"
    assert done["read"] == again["read"]
    assert known["read"]["refund_status"] == "SUCCESS"
    for name in ("refund_request_id", "refund_id", "refund_amount", "refund_time"):
        assert known["read"][name] == done["read"][name]
    assert other["read"]["result"] == "F"
    assert more["answer"]["result"]["resultCode"] == "REFUND_AMOUNT_EXCEED"


def test_the_sdk_waits_for_an_asynchronous_refund(far_end: FarEnd) -> None:
    payment_id = paid(far_end, "bank-1", refunds_take_time=True)
    begun, under_way = far_end.sdk(refund("r-3", payment_id), asked("r-3"))
    assert begun["read"]["result"] == "U"
    assert under_way["read"]["refund_status"] == "PROCESSING"
    assert under_way["read"]["refund_time"] is None
    far_end.control("settle", payment="bank-1")
    (known,) = far_end.sdk(asked("r-3"))
    assert known["read"]["refund_status"] == "SUCCESS"


@pytest.mark.parametrize("notify_url", [None, "https://shop.example/alipay/notify"])
def test_our_bodies_are_the_sdks(far_end: FarEnd, notify_url: str | None) -> None:
    calls = [
        {**refund("r-1", "2019"), "notify_url": notify_url},
        {**asked("r-1"), "merchant_account_id": "m-1"},
        asked("r-1"),
    ]
    theirs = call_with_the_sdk(order_for(far_end.merchant, [], bodies=calls), far_end.ca_file)
    ours = [
        refund_body(
            refund_request_id="r-1",
            payment_id="2019",
            value=1250,
            currency="USD",
            notify_url=notify_url,
        ),
        refund_inquiry_body(refund_request_id="r-1", merchant_account_id="m-1"),
        refund_inquiry_body(refund_request_id="r-1", merchant_account_id=None),
    ]
    assert list(map(json.loads, theirs["bodies"])) == list(map(json.loads, ours))


@pytest.fixture
def webhooks(far_end: FarEnd) -> Callable[..., dict[str, Any]]:
    def ask(**order: Any) -> dict[str, Any]:
        return call_with_the_sdk(order_for(far_end.merchant, [], **order), far_end.ca_file)

    return ask


@pytest.mark.parametrize("status", ["SUCCESS", "FAIL"])
def test_the_sdk_reads_our_notification_of_a_refund(
    webhooks: Callable[..., dict[str, Any]], status: str
) -> None:
    with FakeAlipay() as gateway:
        gateway.add_payment(payment_request_id="order-1")
        made = gateway.refund_elsewhere("order-1", status="PROCESSING")
        gateway.refund_settles("order-1", status=status)
        headers, body = gateway.refund_notification("order-1", path=PATH)
        key = gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"]
    sent = {
        "path": PATH,
        "client_id": headers["client-id"],
        "time": headers["request-time"],
        "body": body.decode(),
        "signature": headers["signature"],
    }
    told = webhooks(notifications=[sent], alipay_public_key=key)
    assert told["genuine"] == [True]
    (heard,) = told["heard"]
    assert (heard["refund_status"], heard["refund_id"]) == (status, made.id)
    assert bool(heard["refund_time"]) == (status == "SUCCESS")


@pytest.mark.django_db
def test_we_hear_of_a_refund_what_the_sdk_signed(
    webhooks: Callable[..., dict[str, Any]], gateway: FakeAlipay
) -> None:
    told = {"notifyType": "REFUND_RESULT", "refundStatus": "FAIL", "refundRequestId": "r-1"}
    to_sign = {
        "path": PATH,
        "client_id": gateway.client_id,
        "time": "2026-01-02T12:00:00+08:00",
        "body": json.dumps(told),
        "private_key": private_key_for_the_sdk(private_key_text(gateway.keys.alipay)),
    }
    (signature,) = webhooks(to_sign=[to_sign])["signed"]
    notification = services.verify_notification(
        headers={
            "signature": f"algorithm=RSA256,keyVersion=1,signature={signature}",
            "client-id": gateway.client_id,
            "request-time": to_sign["time"],
        },
        body=to_sign["body"].encode(),
        path=PATH,
    )
    assert notification.notify_type == "REFUND_RESULT"
    assert notification.refund_request_id == "r-1"


@pytest.mark.django_db(transaction=True)
def test_what_the_app_refunds_the_sdk_sees(far_end: FarEnd, settings: Any) -> None:
    settings.ALIPAY_CANCEL = {
        "MERCHANTS": {"default": far_end.merchant},
        "REFUNDS": True,
        "QUIET_PERIOD": 0,
    }
    name = f"late-{settings.DATABASES['default']['ENGINE'].rpartition('.')[2]}"
    payment_id = paid(far_end, name)
    payment = services.record_payment(payment_request_id=name)
    cancellation = services.cancel_payment(payment, or_refund=True)
    assert (cancellation.status, payment.status) == ("REFUNDED", "REFUNDED")
    known, payment_asked, again, cancelled = far_end.sdk(
        asked(cancellation.pk.hex),
        ("inquiryPayment", name),
        refund(cancellation.pk.hex, payment_id),
        ("cancel", name),
    )
    assert known["read"]["refund_status"] == "SUCCESS"
    assert known["read"]["refund_id"] == again["read"]["refund_id"] == cancellation.refund_id
    assert payment_asked["read"]["payment_status"] == "SUCCESS", "a refund is no cancellation"
    listed = payment_asked["answer"]["transactions"]
    assert [(each["transactionType"], each["transactionId"]) for each in listed] == [
        ("REFUND", cancellation.refund_id)
    ]
    assert cancelled["read"]["result"] == "F"
    assert cancelled["answer"]["result"]["resultCode"] == "PROCESS_FAIL"
    assert known["read"]["refund_time"] == again["read"]["refund_time"]
