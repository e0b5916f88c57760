"""Ways into a pass besides a request: a claimed row, facts that came, keys that fail to load."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import evidence, judging, schedule
from django_alipay_cancel.testing import Fault

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


# --- a claimed row --------------------------------------------------------------------------------


@pytest.fixture
def impatient(settings, gateway):
    """Let everything be due again at once, so that only its bounds end a pass."""
    settings.ALIPAY_CANCEL = {
        **settings.ALIPAY_CANCEL,
        "RETRY_DELAYS": (0,) * 20,
        "QUIET_PERIOD": 0,
        "REFUNDS": True,
    }


def carry_on(wish):
    before = list(wish.payment.attempts.values_list("pk", flat=True))
    assert schedule.claim(wish)
    judging.carry_on(wish, client_for("default"))
    made = wish.payment.attempts.exclude(pk__in=before).order_by("pk")
    return list(made.values_list("kind", flat=True))


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST_BEFORE, Fault.UNKNOWN_RESULT])
def test_one_pass_makes_one_cancel_however_often_it_is_due(gateway, pay, impatient, still, fault):
    gateway.misbehave(fault, calls=None)
    wish = services.request_cancellation(pay())
    assert carry_on(wish) == ["cancel"]
    assert carry_on(wish) == ["cancel", "inquiry"]


@pytest.mark.parametrize(
    ("lost", "then"),
    [("refund", ["refund", "refund_inquiry"]), ("inquiryRefund", ["refund_inquiry"] * 3)],
)
def test_one_pass_makes_one_refund_and_three_inquiries_at_most(
    gateway, pay, impatient, still, lost, then
):
    wish = services.request_cancellation(pay(), or_refund=True)
    gateway.payment("request-order-1").paid_at = gateway.now - timedelta(days=3)
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api=lost, calls=None)
    carry_on(wish)
    assert carry_on(wish) == then


# --- facts that came ------------------------------------------------------------------------------


def failed(payment):
    """Let it be known from Alipay that the payment has failed, and judge nothing yet."""
    evidence.append_event(payment, "failed", source="notification")
    payment.failed_at = timezone.now()
    payment.save()


def test_facts_that_came_end_the_open_wish_of_their_payment_and_tell_so(pay):
    payment, other = pay("order-1", "PROCESSING"), pay("order-2", "PROCESSING")
    waiting = services.request_cancellation(other)
    wish = services.request_cancellation(payment)
    failed(payment)
    told = []

    def receive(sender, cancellation, payment, **kwargs):
        told.append((cancellation, payment))

    signals.cancellation_succeeded.connect(receive)
    judging.judge_open_cancellation(payment)
    wish.refresh_from_db()
    assert (wish.status, payment.status) == ("SUCCEEDED", "FAIL")
    assert told == [(wish, payment)] and told[0][1] is payment
    assert wish.announce_at is None
    waiting.refresh_from_db()
    assert waiting.status == "PENDING"


def test_facts_of_a_payment_without_an_open_wish_change_nothing(pay):
    payment = pay()
    judging.judge_open_cancellation(payment)
    assert (payment.status, Cancellation.objects.count()) == ("SUCCESS", 0)


def test_beside_a_replica_the_open_wish_is_read_from_where_it_is_written(pay, replica):
    payment = pay(status="PROCESSING")
    services.request_cancellation(payment)
    failed(payment)
    with replica():
        judging.judge_open_cancellation(payment)
    assert Payment.objects.get().status == "FAIL"


def test_the_end_of_a_wish_is_told_after_the_commit_in_its_own_database(pay, elsewhere):
    told = []

    def receive(sender, cancellation, **kwargs):
        told.append(cancellation)

    signals.cancellation_succeeded.connect(receive)
    with elsewhere():
        payment = pay(status="PROCESSING")
        wish = services.request_cancellation(payment)
        failed(payment)
        with transaction.atomic(using="elsewhere"):
            judging.judge_open_cancellation(payment)
            assert told == []
    assert told == [wish]


# --- keys that cannot be loaded -------------------------------------------------------------------


def test_a_claimed_wish_whose_keys_cannot_be_loaded_goes_to_a_person_and_is_looked_at_hourly(
    pay, still
):
    wish = services.request_cancellation(pay())
    assert schedule.claim(wish)
    for _ in range(2):
        judging.review_configuration(wish)
        wish.refresh_from_db()
        assert (wish.status, wish.error) == ("NEEDS_REVIEW", "configuration")
        assert wish.next_step == "FIX_CONFIGURATION"
        assert (wish.next_attempt_at, wish.announce_at) == (timezone.now() + HOUR, None)
        still.shift(HOUR)


@pytest.mark.parametrize("status", ["PENDING", "NEEDS_REVIEW"])
def test_a_wish_that_somebody_else_has_by_now_is_left_to_them(pay, status, still):
    wish = services.request_cancellation(pay())
    if status == "NEEDS_REVIEW":
        judging.review_configuration(wish)
    theirs = timezone.now() + timedelta(minutes=1)
    Cancellation.objects.update(next_attempt_at=theirs)
    judging.review_configuration(wish)
    wish.refresh_from_db()
    assert (wish.status, wish.next_attempt_at) == (status, theirs)
