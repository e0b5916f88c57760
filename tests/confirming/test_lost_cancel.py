"""A cancel whose answer nobody reads: sent all the same, and looked for until it took effect."""

from __future__ import annotations

import time

import pytest

from django_alipay_cancel.confirming import run as confirming
from django_alipay_cancel.confirming.asking import Said, call_api
from django_alipay_cancel.confirming.points import POINTS
from django_alipay_cancel.confirming.run import Run
from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.confirming.telling import client_of, written

(LOST,) = (point for point in POINTS if point.name == "lost_cancel")
BODY = {"paymentRequestId": "confirm-x-lost"}
S = {"status": "S", "code": "SUCCESS"}


@pytest.fixture
def waits():
    return []


@pytest.fixture
def run(gateway, waits, monkeypatch):
    monkeypatch.setattr(confirming, "READS_FOR", 5)

    def sleep(seconds):
        waits.append(seconds)
        gateway.advance(seconds)

    return Run(client=client_of(gateway), sleep=sleep, now=lambda: gateway.now, name="x")


def test_the_cancel_is_sent_and_its_answer_not_waited_for(gateway):
    payment = gateway.add_payment(payment_request_id="confirm-x-lost", status="PROCESSING")
    gateway.latency = 60
    begun = time.monotonic()
    said = Run(client=client_of(gateway), sleep=time.sleep).cancel_unread(BODY)
    assert str(said) == "no answer (unread)"
    assert time.monotonic() - begun < 20
    while payment.status != "CANCELLED":
        assert time.monotonic() - begun < 40
        time.sleep(0.01)


def test_a_cancel_that_could_not_be_sent_is_no_lost_one():
    with FakeAlipay() as gateway:
        client = client_of(gateway)
    said = Run(client=client, sleep=time.sleep).cancel_unread(BODY)
    assert str(said) == "no answer (connection_failed)"


def test_it_is_told_after_how_many_seconds_it_took_effect(gateway, run, waits):
    gateway.misbehave(Fault.EFFECT_LATER, api="cancel", seconds=10)
    heard = LOST.hear(run)
    assert LOST.shown(heard) == {
        "pay": "U PAYMENT_IN_PROCESS",
        "unread": "no answer (unread)",
        "at once": "S SUCCESS PROCESSING",
        "after 1 s": "S SUCCESS PROCESSING",
        "after 5 s": "S SUCCESS PROCESSING",
        "after 15 s": "took effect",
    }
    assert heard.steps["after 15 s"].after == 15
    assert waits == [1, 4, 10]


def test_one_that_never_takes_effect_is_looked_for_two_minutes_and_then_repeated(
    gateway, run, waits
):
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")
    steps = LOST.ask(run)
    assert str(steps["after 120 s"]) == "S SUCCESS PROCESSING"
    assert sum(waits) == 120
    assert gateway.payment("confirm-x-lost").status == "CANCELLED"


def test_a_payment_that_was_not_made_is_not_cancelled(gateway, run):
    gateway.misbehave(Fault.RESULT, api="pay", result_code="RISK_REJECT")
    assert list(LOST.ask(run)) == ["pay"]
    assert gateway.calls_for("confirm-x-lost", "cancel") == ()


def test_slow_answers_count_as_time_that_passed(run, monkeypatch):
    monkeypatch.setattr(confirming, "LOOKS", (0,))

    def slow():
        time.sleep(1.01)
        return Said()

    assert list(run.watch(slow, lambda said: False)) == ["at once", "after 1 s"]


def test_a_cancel_that_arrives_late_at_a_gateway_made_like_it_takes_as_long(tmp_path):
    looks = {
        "at once": {**S, "payment_status": "PROCESSING"},
        "after 15 s": {**S, "payment_status": "CANCELLED", "after": 15},
    }
    with FakeAlipay.like(written(tmp_path, lost_cancel=looks)) as gateway:
        client = client_of(gateway)
        for id, options in (("seen", {}), ("given", {"seconds": 40})):
            gateway.add_payment(payment_request_id=id, status="PROCESSING")
            gateway.misbehave(Fault.EFFECT_LATER, api="cancel", **options)
            call_api(client, "cancel", {"paymentRequestId": id})

        def statuses():
            bodies = ({"paymentRequestId": id} for id in ("seen", "given"))
            return [call_api(client, "inquiryPayment", each).payment_status for each in bodies]

        gateway.advance(14)
        assert statuses() == ["PROCESSING", "PROCESSING"]
        gateway.advance(2)
        assert statuses() == ["CANCELLED", "PROCESSING"]


def test_other_calls_that_take_effect_late_do_so_by_their_own_time(tmp_path):
    looks = {"at once": {**S, "payment_status": "CANCELLED"}}
    with FakeAlipay.like(written(tmp_path, lost_cancel=looks)) as gateway:
        gateway.misbehave(Fault.EFFECT_LATER, api="pay")
        run = Run(client=client_of(gateway), sleep=gateway.advance, now=lambda: gateway.now)
        run.pay("late")
        assert run.inquire(run.named("late")).code == "ORDER_NOT_EXIST"
        gateway.advance(31)
        assert run.inquire(run.named("late")).payment_status == "PROCESSING"
