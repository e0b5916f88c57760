"""Each row of the table "what an inquiry means", asked by a person through refresh_payment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_review(gateway, pay):
    """Make a payment whose cancellation is in review and was applied or not."""

    def make(told_status):
        payment = pay(status="PROCESSING")
        gateway.misbehave(
            Fault.RESULT,
            api="cancel",
            calls=1,
            result_code="INVALID_SIGNATURE",
            result_status="F",
            signed=False,
        )
        services.cancel_payment(payment)
        assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"
        gateway.payment("payment-order-1").status = told_status
        return payment

    return make


@pytest.mark.parametrize(
    ("told", "payment_status", "cancellation"),
    [
        ("CANCELLED", "CANCELLED", ("SUCCEEDED", "SUCCESS", "", "NONE")),
        ("FAIL", "FAIL", ("SUCCEEDED", "SUCCESS", "", "NONE")),
        ("SUCCESS", "SUCCESS", ("REJECTED", "", "", "CHECK_ORDER_STATUS")),
        ("PROCESSING", "PROCESSING", ("REJECTED", "", "", "CHECK_ORDER_STATUS")),
        ("PENDING", "PROCESSING", ("REJECTED", "", "", "CHECK_ORDER_STATUS")),
    ],
)
def test_a_persons_question_decides_what_is_in_review(
    in_review, clock, told, payment_status, cancellation
):
    payment = in_review(told)
    clock.shift(timedelta(seconds=61))
    services.refresh_payment(payment, requested_by="Li Wei")
    stored = rows(payment)
    assert stored["payment"] == payment.status == payment_status
    assert stored["cancellations"] == [cancellation]
    assert stored["attempts"][-1] == ("inquiry", "SUCCEEDED", "SUCCESS", "")
    assert payment.checked_status == told
    assert payment.checked_at is not None
    assert payment.cancelled_at is None


@pytest.mark.parametrize(
    ("seconds", "person"), [(61, None), (5, "Li Wei")], ids=["without a name", "too early"]
)
def test_a_check_that_says_paid_leaves_the_review_open(in_review, clock, seconds, person):
    payment = in_review("SUCCESS")
    clock.shift(timedelta(seconds=seconds))
    services.refresh_payment(payment, requested_by=person)
    assert rows(payment)["payment"] == "CANCELLING"
    assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"
    assert payment.checked_status == "SUCCESS"


def test_a_payment_alipay_does_not_know_leaves_the_review_open(gateway, pay):
    payment = pay(status="PROCESSING", known=False)
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=1, result_code="KEY_NOT_FOUND", result_status="F",
        signed=False,
    )  # fmt: skip
    services.cancel_payment(payment)
    services.refresh_payment(payment)
    assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"
    assert payment.checked_status == "ORDER_NOT_EXIST"


@pytest.mark.parametrize(
    "fault",
    [Fault.WRONG_KEY, Fault.UNSIGNED, Fault.OTHER_IDS, Fault.NO_IDS, Fault.ANSWER_LOST_BEFORE],
)
def test_an_inquiry_that_cannot_be_trusted_changes_nothing(gateway, in_review, fault):
    payment = in_review("CANCELLED")
    before = rows(payment)
    gateway.misbehave(fault, api="inquiryPayment", calls=1)
    services.refresh_payment(payment)
    after = rows(payment)
    assert (after["payment"], after["cancellations"]) == (
        before["payment"],
        before["cancellations"],
    )
    assert payment.checked_at is None


def test_a_pending_one_is_not_rejected_by_a_persons_question(gateway, pay):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    services.cancel_payment(payment)
    services.refresh_payment(payment)
    assert rows(payment)["cancellations"][0][0] == "PENDING"


def test_a_pending_one_that_took_effect_is_finished_by_a_persons_question(gateway, pay):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    services.cancel_payment(payment)
    services.refresh_payment(payment)
    assert rows(payment)["cancellations"] == [("SUCCEEDED", "SUCCESS", "", "NONE")]
    assert payment.status == "CANCELLED"


def test_a_rejected_one_succeeds_when_alipay_says_cancelled_later(gateway, pay):
    payment = pay()
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED", result_status="F"
    )
    services.cancel_payment(payment)
    gateway.payment("payment-order-1").status = "CANCELLED"
    services.refresh_payment(payment)
    assert rows(payment)["payment"] == "CANCELLED"
    assert rows(payment)["cancellations"] == [("SUCCEEDED", "SUCCESS", "", "NONE")]


@pytest.mark.parametrize(
    ("recorded", "told", "status"),
    [
        ("PROCESSING", "SUCCESS", "SUCCESS"),
        ("PROCESSING", "FAIL", "FAIL"),
        ("PROCESSING", "CANCELLED", "CANCELLED"),
        ("PROCESSING", "PROCESSING", "PROCESSING"),
        ("AUTHORIZED", "SUCCESS", "AUTHORIZED"),
        ("SUCCESS", "CANCELLED", "CANCELLED"),
    ],
)
def test_a_payment_without_a_cancellation_takes_over_what_alipay_says(
    gateway, pay, recorded, told, status
):
    payment = pay(status=recorded)
    gateway.payment("payment-order-1").status = told
    assert services.refresh_payment(payment) is payment
    assert rows(payment) == {"payment": status, "cancellations": [], "attempts": []}
    assert payment.checked_status == told
    assert (payment.paid_at is not None) == (status == "SUCCESS" or recorded == "SUCCESS")


def test_a_cancelled_payment_stays_cancelled_whatever_an_inquiry_says(gateway, pay):
    payment = pay()
    services.cancel_payment(payment)
    gateway.payment("payment-order-1").status = "SUCCESS"
    services.refresh_payment(payment)
    assert payment.status == "CANCELLED"


def test_the_payment_time_of_an_inquiry_is_kept(gateway, pay):
    payment = pay(status="PROCESSING")
    known = gateway.payment("payment-order-1")
    known.status = "SUCCESS"
    services.refresh_payment(payment)
    assert abs((payment.paid_at - timezone.now()).total_seconds()) < 60
    assert Payment.objects.get().status == "SUCCESS"


@pytest.mark.parametrize(
    ("told", "payment_status", "status"),
    [("CANCELLED", "CANCELLED", "SUCCEEDED"), ("FAIL", "FAIL", "SUCCEEDED")],
)
def test_the_workers_hourly_inquiry_finishes_a_review(
    gateway, in_review, fall_due, told, payment_status, status
):
    payment = in_review(told)
    Cancellation.objects.update(next_attempt_at=timezone.now())
    assert services.process_due_cancellations().succeeded == 1
    assert rows(payment)["payment"] == payment_status
    assert rows(payment)["cancellations"][0][0] == status


def test_an_inquiry_that_could_not_be_sent_says_so(gateway, in_review):
    payment = in_review("CANCELLED")
    gateway.stop()
    services.refresh_payment(payment)
    assert rows(payment)["attempts"][-1] == ("inquiry", "NOT_SENT", "", "connection_failed")
    assert rows(payment)["payment"] == "CANCELLING"


@pytest.mark.parametrize(
    ("code", "status"), [("PAYMENT_IN_PROCESS", "U"), ("PARAM_ILLEGAL", "F"), ("SUCCESS", "S")]
)
def test_an_inquiry_that_tells_no_status_decides_nothing(gateway, in_review, code, status):
    payment = in_review("CANCELLED")
    gateway.misbehave(Fault.RESULT, api="inquiryPayment", result_code=code, result_status=status)
    services.refresh_payment(payment)
    assert rows(payment)["payment"] == "CANCELLING"
    assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"


def test_a_rejected_one_of_a_payment_that_failed_stays_rejected(gateway, pay):
    payment = pay(status="PROCESSING")
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="USER_NOT_EXIST", result_status="F")
    services.cancel_payment(payment)
    gateway.payment("payment-order-1").status = "FAIL"
    services.refresh_payment(payment)
    assert rows(payment)["payment"] == "FAIL"
    assert rows(payment)["cancellations"][0][0] == "REJECTED"


def test_a_cancel_among_the_transactions_of_a_paid_payment_is_a_cancellation(gateway, in_review):
    payment = in_review("PROCESSING")
    gateway.payment("payment-order-1").cancel(gateway.now, balance_is_enough=True)
    gateway.misbehave(Fault.CANCEL_AS_TRANSACTION)
    services.refresh_payment(payment)
    assert payment.checked_status == "SUCCESS"
    assert rows(payment)["payment"] == "CANCELLED"
