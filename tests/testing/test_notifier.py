"""What a payment with a notify URL is told by itself, when the gateway's clock says so."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import pytest

from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.posting import RESEND_SECONDS
from tests.testing.calling import call
from tests.testing.merchant import PATH
from tests.testing.ordering import pay
from tests.testing.test_moving import ROOT, usd

NOON = datetime.fromisoformat("2026-01-02T12:00:00+08:00")


def wait_for(merchant, count):
    """Wait until the merchant was told so often, and a moment longer for what is too much."""
    ends = time.monotonic() + 10
    while len(merchant.told) < count and time.monotonic() < ends:
        time.sleep(0.01)
    time.sleep(0.2)
    return [(told.document["notifyType"], told.result_status) for told in merchant.told]


def test_a_payment_is_told_once_it_is_paid_signed_for_its_address(gateway, merchant):
    pay(gateway, "OrderCode", paymentNotifyUrl=merchant.url)
    assert wait_for(merchant, 0) == []
    gateway.buyer_pays("order-1")
    assert wait_for(merchant, 1) == [("PAYMENT_RESULT", "S")]
    assert merchant.told[0].is_genuine(gateway, PATH)
    assert merchant.told[0].document["paymentAmount"] == usd(1250)


def test_a_payment_that_expires_is_told_as_failed_without_any_call(gateway, merchant):
    gateway.set_clock(NOON)
    pay(gateway, "OrderCode", paymentNotifyUrl=merchant.url)
    gateway.advance(14 * 60)
    assert wait_for(merchant, 1) == [("PAYMENT_RESULT", "F")]
    assert merchant.told[0].code == "ORDER_IS_CLOSED"


def test_a_payment_that_arrives_late_is_told_when_it_does(gateway, merchant):
    gateway.set_clock(NOON)
    gateway.misbehave(Fault.EFFECT_LATER, api="pay", seconds=30)
    with pytest.raises(ConnectionError):
        pay(gateway, paymentNotifyUrl=merchant.url)
    assert wait_for(merchant, 0) == []
    gateway.advance(30)
    assert wait_for(merchant, 1) == [("PAYMENT_RESULT", "S")]


def test_every_kind_of_news_is_told(gateway, merchant):
    pay(
        gateway, "Cashier", paymentNotifyUrl=merchant.url, paymentFactor={"isAuthorization": "true"}
    )
    gateway.buyer_is_done("order-1")
    payment = gateway.buyer_pays("order-1")
    gateway.change_amount("order-1", 2000)
    call(
        gateway,
        f"{ROOT}capture",
        captureRequestId="c-1",
        paymentId=payment.payment_id,
        captureAmount=usd(2000),
    )
    assert wait_for(merchant, 4) == [
        ("PAYMENT_PENDING", "U"),
        ("PAYMENT_RESULT", "S"),
        ("UPDATE_AMOUNT_RESULT", "S"),
        ("CAPTURE_RESULT", "S"),
    ]
    assert "updateRequestId" in merchant.told[2].document
    assert merchant.told[3].document["captureAmount"] == usd(2000)


def test_money_for_a_cancelled_payment_is_told_too(gateway, merchant):
    pay(gateway, "OrderCode", paymentNotifyUrl=merchant.url)
    call(gateway, paymentRequestId="order-1")
    gateway.buyer_pays("order-1")
    assert wait_for(merchant, 1) == [("PAYMENT_RESULT", "S")]
    assert gateway.payment("order-1").status == "CANCELLED"


def test_it_is_sent_eight_times_by_the_gateways_clock_and_then_given_up(gateway, merchant):
    gateway.set_clock(NOON)
    merchant.answers = [(503, b"")]
    gateway.add_payment(payment_request_id="order-1", status="PROCESSING", notify_url=merchant.url)
    gateway.payment_fails("order-1")
    for sends, seconds in enumerate(RESEND_SECONDS, start=1):
        gateway.advance(seconds)
        assert len(wait_for(merchant, sends)) == sends
    gateway.advance(30 * 86400)
    assert len(wait_for(merchant, 8)) == 8
    assert len({told.body for told in merchant.told}) == 1


def test_what_is_acknowledged_is_not_sent_again(gateway, merchant):
    gateway.set_clock(NOON)
    merchant.answers = [(503, b""), *merchant.answers]
    gateway.add_payment(payment_request_id="order-1", status="PROCESSING", notify_url=merchant.url)
    gateway.buyer_pays("order-1")
    wait_for(merchant, 1)
    gateway.advance(120)
    wait_for(merchant, 2)
    gateway.advance(30 * 86400)
    assert len(wait_for(merchant, 2)) == 2


def test_a_stopped_gateway_leaves_nothing_running_and_tells_the_rest_later(merchant):
    gateway = FakeAlipay()
    gateway.add_payment(payment_request_id="order-1", status="PROCESSING", notify_url=merchant.url)
    gateway.start()
    gateway.stop()
    assert not [each for each in threading.enumerate() if "fake-alipay" in each.name]
    gateway.payment("order-1").pay(gateway.now)
    assert wait_for(merchant, 0) == []
    with gateway:
        assert wait_for(merchant, 1) == [("PAYMENT_RESULT", "S")]


def test_an_address_that_is_none_is_no_acknowledgement(gateway):
    gateway.add_payment(
        payment_request_id="order-1", status="PROCESSING", notify_url="not an address"
    )
    gateway.buyer_pays("order-1")
    assert not gateway.notify("not an address", "order-1").acknowledged
    assert call(gateway, paymentRequestId="order-1").code == "SUCCESS"
