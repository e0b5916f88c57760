"""confirm_gateway refunds once, and only what it may; FakeAlipay.like refunds as was told."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from django_alipay_cancel.confirming.asking import call_api
from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.confirming.telling import NO_ROWS, REFUSED_PAY, client_of, differing, said, written

S = {"status": "S", "code": "SUCCESS"}
U = {"status": "U", "code": "REFUND_IN_PROCESS"}
POINTS = (
    "refund_final", "refund_in_process", "refund_listed", "repeat_of_refund", "cancel_of_refunded",
)  # fmt: skip


@pytest.fixture
def add(gateway):
    gateway.misbehave(Fault.RESULT, **REFUSED_PAY)

    def make(**changes):
        return gateway.add_payment(payment_id="refund-1", amount_value=100, **changes)

    return make


def asked_for(gateway, api):
    return [json.loads(call.body) for call in gateway.calls_for("refund-1", api)]


def unseen(points):
    return [points[name]["unseen"] for name in POINTS]


@NO_ROWS
def test_money_goes_back_once_and_under_one_id(gateway, confirm, add):
    payment = add(paid_at=gateway.now - timedelta(days=2))
    _, points = confirm("--refundable=refund-1")
    assert payment.refunded_value == 100
    assert len({each["refundRequestId"] for each in asked_for(gateway, "refund")}) == 1
    assert unseen(points) == [
        "", "the refund was synchronous", "the refund was synchronous", "", "",
    ]  # fmt: skip


@NO_ROWS
def test_within_its_window_a_payment_does_not_show_what_a_cancel_looks_at_first(confirm, add):
    add()
    told, points = confirm("--refundable=refund-1")
    assert unseen(points)[-1] == "the cancellation window may still have been open"
    assert "Alipay: cancel: F PROCESS_FAIL; not seen: the cancellation window may" in told


@NO_ROWS
def test_a_refund_that_is_refused_is_not_repeated_and_its_payment_not_cancelled(
    gateway, confirm, add
):
    payment = add()
    gateway.balance_is_enough = False
    told, points = confirm("--refundable=refund-1")
    assert len(asked_for(gateway, "refund")) == 1
    assert asked_for(gateway, "cancel") == [] and payment.cancel_effects == 0
    assert unseen(points) == ["the refund was not made"] * 5
    # What it was told is told; what nobody said is no difference.
    assert differing(told) == ["refund_final"]


@NO_ROWS
@pytest.mark.parametrize("status", ["SUCCESS", "PROCESSING", "FAIL"])
def test_what_was_refunded_elsewhere_or_is_not_paid_is_left_alone(gateway, confirm, add, status):
    add(status=status)
    if status == "SUCCESS":
        gateway.refund_elsewhere("refund-1", 30)
    _, points = confirm("--refundable=refund-1")
    assert asked_for(gateway, "refund") == asked_for(gateway, "cancel") == []
    assert list(points["refund_final"]["said"]) == ["before"]


@NO_ROWS
def test_an_asynchronous_refund_shows_what_a_synchronous_one_cannot(gateway, confirm, add):
    add(refunds_take_time=True)
    told, points = confirm("--refundable=refund-1")
    assert differing(told) == []
    assert unseen(points)[:3] == ["the refund was asynchronous", "", ""]
    assert str(said(points, "refund_in_process", "refund")) == "U REFUND_IN_PROCESS"
    assert said(points, "refund_listed", "at once").transactions == ["REFUND PROCESSING"]


@NO_ROWS
def test_an_asynchronous_refund_that_ended_before_it_was_asked_about_is_told_as_that(
    gateway, confirm, add
):
    add(refunds_take_time=True)

    def settle(call):
        if call.api == "refund" and len(gateway.calls_for("refund-1", "refund")) == 1:
            gateway.refund_settles("refund-1")

    gateway.before_answer = settle
    _, points = confirm("--refundable=refund-1")
    assert unseen(points)[2] == "the refund had ended when it was asked about"


@NO_ROWS
def test_a_refund_whose_answer_is_lost_shows_neither_of_the_two(gateway, confirm, add):
    add()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="refund")
    _, points = confirm("--refundable=refund-1")
    assert unseen(points)[:2] == ["the refund was answered otherwise"] * 2


# --- FakeAlipay.like ------------------------------------------------------------------------------


def call_refund(gateway, value="100", id="r-1"):
    body = {
        "refundRequestId": id,
        "paymentId": "refund-1",
        "refundAmount": {"currency": "USD", "value": value},
    }
    return call_api(client_of(gateway), "refund", body)


def refund(gateway, *asked):
    return str(call_refund(gateway, *asked))


def inquire_refund(gateway):
    return str(call_api(client_of(gateway), "inquiryRefund", {"refundRequestId": "r-1"}))


def listed(gateway):
    return call_api(client_of(gateway), "inquiryPayment", {"paymentId": "refund-1"}).transactions


def test_asynchronous_refunds_are_replayed_until_they_are_settled(tmp_path):
    file = written(
        tmp_path,
        refund_in_process={"refund": U, "refund inquiry": {**S, "refund_status": "PROCESSING"}},
        refund_listed={"at once": {**S, "transactions": ("REFUND PENDING",)}},
    )
    with FakeAlipay.like(file) as gateway:
        gateway.add_payment(payment_id="refund-1")
        assert (refund(gateway), refund(gateway)) == ("U REFUND_IN_PROCESS",) * 2
        assert inquire_refund(gateway) == "S SUCCESS PROCESSING"
        assert listed(gateway) == ("REFUND PENDING",)
        gateway.refund_settles("refund-1")
        assert inquire_refund(gateway) == "S SUCCESS SUCCESS"
        assert listed(gateway) == ("REFUND SUCCESS",)


MADE = {"refund_final": {"refund": U, "refund inquiry": {**S, "refund_status": "SUCCESS"}}}


def test_what_was_told_of_synchronous_refunds_is_not_said_of_others(tmp_path):
    done = {"refund": S, "refund inquiry": {**S, "refund_status": "SUCCESS"}}
    with FakeAlipay.like(written(tmp_path, refund_final=done)) as gateway:
        gateway.add_payment(payment_id="refund-1", refunds_take_time=True)
        assert refund(gateway) == "U REFUND_IN_PROCESS"
        gateway.refund_settles("refund-1")
        assert inquire_refund(gateway) == "S SUCCESS SUCCESS"


def test_a_refund_is_answered_as_was_told_with_its_ids_and_so_is_its_repeat(tmp_path):
    with FakeAlipay.like(written(tmp_path, **MADE)) as gateway:
        gateway.add_payment(payment_id="refund-1")
        first, again = (call_refund(gateway) for _ in range(2))
    assert (str(first), first.ids) == ("U REFUND_IN_PROCESS", ("paymentId",))
    assert again == first


def test_refusals_of_refunds_stay_those_of_fake_alipay(tmp_path):
    with FakeAlipay.like(written(tmp_path, **MADE)) as gateway:
        gateway.add_payment(payment_id="refund-1")
        assert refund(gateway, "2000", "r-2") == "F REFUND_AMOUNT_EXCEED"
        assert refund(gateway) == "U REFUND_IN_PROCESS"
        assert refund(gateway, "200") == "F REPEAT_REQ_INCONSISTENT"


def test_captures_are_listed_beside_a_refund_that_is_not_listed_yet(tmp_path):
    looks = {
        "at once": {**S, "transactions": "null"},
        "after 1 s": {**S, "transactions": ("CAPTURE SUCCESS",), "after": 1},
        "after 15 s": {**S, "transactions": ("REFUND SUCCESS",), "after": 15},
    }
    with FakeAlipay.like(written(tmp_path, **MADE, refund_listed=looks)) as gateway:
        gateway.add_payment(payment_id="refund-1", status="CAPTURED")
        body = {
            "paymentId": "refund-1",
            "captureRequestId": "c-1",
            "captureAmount": {"currency": "USD", "value": "1000"},
        }
        call_api(client_of(gateway), "capture", body)
        refund(gateway)
        at_once = listed(gateway)
        gateway.advance(15)
        assert listed(gateway) == (*at_once, "REFUND SUCCESS")
