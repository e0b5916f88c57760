"""Notifications: signed like Alipay's, resent until they are acknowledged."""

from __future__ import annotations

import json

import pytest

from django_alipay_cancel.testing import posting
from tests.testing.calling import Told, call
from tests.testing.merchant import ACKNOWLEDGEMENT, PATH


@pytest.mark.parametrize(("result", "code"), [("S", "SUCCESS"), ("F", "RISK_REJECT")])
def test_a_notification_is_signed_for_the_merchants_path(gateway, merchant, result, code):
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1")
    outcome = gateway.notify(merchant.url, "order-1", result=result)
    assert outcome == posting.Sends(sends=1, acknowledged=True)
    (told,) = merchant.told
    assert told.is_genuine(gateway, PATH)
    assert (told.code, told.result_status) == (code, result)
    assert told.document["notifyType"] == "PAYMENT_RESULT"
    assert (told.document["paymentId"], told.document["paymentRequestId"]) == (
        "alipay-1",
        "order-1",
    )
    assert ("paymentTime" in told.document) == (result == "S")


def test_a_success_may_be_told_after_the_cancel(gateway, merchant):
    gateway.add_payment(payment_request_id="order-1", status="PROCESSING")
    assert call(gateway, paymentRequestId="order-1").code == "SUCCESS"
    assert gateway.notify(merchant.url, "order-1").acknowledged
    assert merchant.told[0].result_status == "S"
    assert gateway.payment("order-1").status == "CANCELLED"


@pytest.mark.parametrize(
    "answer",
    [
        (500, json.dumps(ACKNOWLEDGEMENT).encode()),
        (200, b"success"),
        (200, b'{"result":{"resultCode":"SUCCESS","resultStatus":"F"}}'),
        (200, b'{"result":null}'),
        (200, b"[]"),
        (302, b""),
    ],
)
def test_it_is_sent_again_until_it_is_acknowledged(gateway, merchant, answer):
    gateway.add_payment(payment_request_id="order-1")
    merchant.answers = [answer, answer, *merchant.answers]
    outcome = gateway.notify(merchant.url, "order-1")
    assert outcome == posting.Sends(sends=3, acknowledged=True)
    assert len({told.body for told in merchant.told}) == 1


def test_it_is_given_up_after_eight_sends(gateway, merchant):
    gateway.add_payment(payment_request_id="order-1")
    merchant.answers = [(503, b"")]
    outcome = gateway.notify(merchant.url, "order-1")
    assert outcome == posting.Sends(sends=8, acknowledged=False)
    assert len(merchant.told) == 8


def test_nobody_there_is_no_acknowledgement(gateway):
    gateway.add_payment(payment_request_id="order-1")
    gateway_of_nobody = "http://127.0.0.1:9/notify"
    assert not gateway.notify(gateway_of_nobody, "order-1").acknowledged


def test_the_schedule_is_alipays_times_the_scale(gateway, merchant, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(posting.time, "sleep", slept.append)
    gateway.add_payment(payment_request_id="order-1")
    merchant.answers = [(503, b"")]
    gateway.notify(merchant.url, "order-1", time_scale=0.5)
    assert slept == [0, 60, 300, 300, 1800, 3600, 10800, 27000]


def test_a_notification_may_be_posted_by_the_test_itself(gateway):
    gateway.add_payment(payment_request_id="order-1")
    headers, body = gateway.notification("order-1", path=PATH)
    told = Told(200, {**headers, "response-time": headers["request-time"]}, body)
    assert told.is_genuine(gateway, PATH)
    assert not told.is_genuine(gateway, "/another/path")
