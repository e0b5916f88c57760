"""A verdict written into rows, as a pass does it: inside a transaction that has the lock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services import finish, schedule
from django_alipay_cancel.services.announcing import announcement_due
from django_alipay_cancel.services.decision import Act, Because, Verdict
from django_alipay_cancel.services.history import Call

pytestmark = pytest.mark.django_db

TOLD = {"code": "ORDER_STATUS_INVALID", "message": "order status invalid."}


@pytest.fixture
def wish(gateway, pay, still):
    """Make a payment without a result and a wish to cancel it, an hour ago; the time stands."""

    def make(**facts):
        payment = pay(status="PROCESSING", **facts)
        cancellation = services.request_cancellation(payment)
        still.shift(3600)
        return payment, cancellation

    return make


def written(payment, cancellation, write):
    """Let `write` write under the payment's lock; return both rows as they are stored then."""
    with transaction.atomic():
        finish.lock(payment)
        write()
    payment.refresh_from_db()
    cancellation.refresh_from_db()
    return payment, cancellation


def test_a_payment_that_had_failed_is_failed_from_now_on_and_the_wish_is_met(wish):
    payment, cancellation = wish()
    written(payment, cancellation, lambda: finish.succeed_unpaid(payment, cancellation, **TOLD))
    assert (payment.status, payment.failed_at) == ("FAIL", timezone.now())
    assert (cancellation.status, cancellation.next_step) == ("SUCCEEDED", "NONE")
    assert (cancellation.result_code, cancellation.result_message) == tuple(TOLD.values())
    assert cancellation.open_for is None and cancellation.next_attempt_at is None


def test_a_failure_learned_later_leaves_a_finished_wish_as_it_ended(wish):
    payment, cancellation = wish()
    rejected = {"code": "CANCEL_WINDOW_EXCEED", "message": "cancel window exceed."}
    written(
        payment,
        cancellation,
        lambda: finish.reject(payment, cancellation, NextStep.REFUND, **rejected),
    )
    assert (payment.status, cancellation.status) == ("PROCESSING", "REJECTED")
    written(payment, cancellation, lambda: finish.succeed_unpaid(payment, cancellation, **TOLD))
    assert (cancellation.status, cancellation.result_code) == ("REJECTED", rejected["code"])


def test_what_is_written_says_when(wish):
    payment, cancellation = wish()
    written(
        payment,
        cancellation,
        lambda: finish.reject(payment, cancellation, NextStep.REFUND, **TOLD),
    )
    assert payment.updated_at == cancellation.finished_at == timezone.now()


@pytest.mark.parametrize("known", [True, False])
def test_the_time_of_a_cancel_is_filled_in_once_also_when_it_comes_late(wish, pay, known):
    payment, cancellation = wish()
    other = pay("order-2")
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=5)
    first = at if known else None
    told = {"code": "SUCCESS", "message": ""}
    for cancel_time in (first, at if not known else at + timedelta(seconds=9)):
        written(
            payment,
            cancellation,
            lambda time=cancel_time: finish.succeed(
                payment, cancellation, cancel_time=time, **told
            ),
        )
    assert (payment.status, payment.cancelled_at) == ("CANCELLED", at)
    other.refresh_from_db()
    assert other.cancelled_at is None, "it is the time of one payment"


def test_a_yes_takes_no_lock_and_says_when_it_was_written(wish):
    payment, cancellation = wish()
    with transaction.atomic():
        finish.succeed(payment, cancellation, code="SUCCESS", message="")
    payment.refresh_from_db()
    assert (payment.status, payment.updated_at) == ("CANCELLED", timezone.now())


# A refund's cancellation is only missing where rows were restored apart.
REFUNDED_ALONE = pytest.param("REFUNDED", marks=pytest.mark.broken_rows)


@pytest.mark.parametrize("end", [REFUNDED_ALONE, "FAIL", "PROCESSING", "CANCELLED"])
def test_a_payment_in_change_without_a_wish_ends_alone(wish, end):
    payment, cancellation = wish()
    cancellation.delete()
    said = {"code": "SUCCESS", "message": ""}
    ends = {
        "REFUNDED": lambda: finish.succeed_refunded(payment, None, **said),
        "FAIL": lambda: finish.succeed_unpaid(payment, None, **said),
        "PROCESSING": lambda: finish.reject(payment, None, NextStep.NONE, **said),
        "CANCELLED": lambda: finish.succeed(payment, None, **said),
    }
    with transaction.atomic():
        finish.lock(payment)
        ends[end]()
    payment.refresh_from_db()
    now = timezone.now()
    assert (payment.status, payment.updated_at, payment.cancelled_at) == (end, now, None)
    assert payment.refunded_at == (now if end == "REFUNDED" else None)
    assert payment.failed_at == (now if end == "FAIL" else None)


@pytest.mark.parametrize("known", [True, False])
def test_what_alipay_calls_cancelled_after_its_refund_is_an_error_with_both_times(
    wish, caplog, known
):
    payment, cancellation = wish()
    said = {"code": "SUCCESS", "message": ""}
    written(payment, cancellation, lambda: finish.succeed_refunded(payment, cancellation, **said))
    at = timezone.now() - timedelta(minutes=5) if known else None
    written(
        payment, cancellation, lambda: finish.succeed(payment, cancellation, cancel_time=at, **said)
    )
    assert (payment.status, payment.cancelled_at) == ("REFUNDED", at or timezone.now())
    assert (cancellation.status, payment.refunded_at) == ("REFUNDED", timezone.now())
    (record,) = (each for each in caplog.records if each.levelname == "ERROR")
    told = f"Payment {payment.pk} is refunded, and Alipay says that it is cancelled."
    assert record.getMessage() == told


def test_a_late_yes_to_a_rejected_wish_closes_the_one_that_is_open_now(wish):
    payment, first = wish()
    written(payment, first, lambda: finish.reject(payment, first, NextStep.REFUND, **TOLD))
    second = services.request_cancellation(payment)
    told = {"code": "SUCCESS", "message": "success."}
    written(payment, first, lambda: finish.succeed(payment, first, **told))
    for cancellation in Cancellation.objects.filter(pk__in=(first.pk, second.pk)):
        assert (cancellation.status, cancellation.result_code) == ("SUCCEEDED", "SUCCESS")


def test_a_stale_row_takes_the_lock_and_is_what_is_stored(wish):
    payment, _ = wish()
    stale = type(payment).objects.get(pk=payment.pk)
    moved_at = payment.updated_at - timedelta(seconds=1)
    type(payment).objects.filter(pk=payment.pk).update(reference="moved", updated_at=moved_at)
    with transaction.atomic():
        finish.lock(stale)
    assert (stale.reference, stale.updated_at) == ("moved", timezone.now())


def test_a_row_that_is_locked_knows_since_when(wish):
    payment, _ = wish()
    with transaction.atomic():
        finish.lock(payment)
    assert payment.updated_at == timezone.now()


def verdict(act, **facts):
    return Verdict(act=act, because=Because.REFUSED, next_step=NextStep.REFUND, **facts)


def answered(**facts):
    now = timezone.now()
    return Call(cancels=True, opened_at=now, claim_until=now, code="C", message="M", **facts)


FINAL = {
    Act.CANCELLED: ("CANCELLED", "SUCCEEDED", "NONE"),
    Act.UNPAID: ("FAIL", "SUCCEEDED", "NONE"),
    Act.REJECT: ("PROCESSING", "REJECTED", "REFUND"),
    Act.REFUNDED: ("REFUNDED", "REFUNDED", "NONE"),
}


@pytest.mark.parametrize("act", FINAL)
@pytest.mark.parametrize("told", [True, False])
def test_what_is_final_is_written_with_what_the_call_said_that_told_it(wish, act, told):
    payment, cancellation = wish()
    found = verdict(act, told=answered(error="timeout") if told else None)
    written(payment, cancellation, lambda: finish.write(payment, cancellation, found))
    status = (payment.status, cancellation.status, cancellation.next_step)
    assert status == FINAL[act]
    said = (cancellation.result_code, cancellation.result_message, cancellation.error)
    assert said == (("C", "M", "") if told else ("", "", ""))
    assert cancellation.finished_at == timezone.now()
    assert cancellation.announce_at == announcement_due(timezone.now())


@pytest.mark.parametrize("act", [Act.WAIT, Act.ASK, Act.CANCEL, Act.REVIEW])
def test_what_is_not_final_writes_nothing(wish, act):
    payment, cancellation = wish()
    written(payment, cancellation, lambda: finish.write(payment, cancellation, verdict(act)))
    assert (payment.status, cancellation.status) == ("CANCELLING", "PENDING")


@pytest.mark.parametrize(
    ("error", "told", "said"),
    [
        ("", {"error": "timeout"}, ("C", "M", "timeout")),
        ("not_stored", {"error": "timeout"}, ("C", "M", "not_stored")),
        ("", None, ("", "", "")),
    ],
)
def test_a_review_says_why_to_whom_it_is_announced_and_when_alipay_is_asked(
    wish, error, told, said
):
    payment, cancellation = wish()
    cancellation.repeats = 3
    found = verdict(Act.REVIEW, told=None if told is None else answered(**told))
    ask_at = timezone.now() + timedelta(hours=1)
    token = cancellation.next_attempt_at
    options = {"token": token} | ({"error": error} if error else {})
    written(
        payment,
        cancellation,
        lambda: finish.review(cancellation, found, **options),
    )
    assert (cancellation.status, cancellation.next_step) == ("NEEDS_REVIEW", "REFUND")
    assert (cancellation.result_code, cancellation.result_message, cancellation.error) == said
    assert (cancellation.next_attempt_at, cancellation.repeats) == (ask_at, 3)
    assert cancellation.announce_at == announcement_due(timezone.now())


def test_a_review_without_the_claim_or_of_a_finished_wish_is_not_written(wish):
    payment, cancellation = wish()
    found, now = verdict(Act.REVIEW), timezone.now()
    with transaction.atomic():
        finish.lock(payment)
        assert not finish.review(cancellation, found, token=now)
        assert cancellation.status == "PENDING" and cancellation.next_attempt_at != now
        finish.reject(payment, cancellation, NextStep.NONE, **TOLD)
        assert not finish.review(cancellation, found, token=None)
    assert cancellation.status == "REJECTED"


def test_a_review_without_a_token_asks_for_no_claim(wish):
    payment, cancellation = wish()
    with transaction.atomic():
        finish.lock(payment)
        assert finish.review(cancellation, verdict(Act.REVIEW), token=None)


def test_a_claim_is_lost_to_who_came_first_and_kept_by_who_renews_it(wish):
    _, cancellation = wish()
    other = Cancellation.objects.get(pk=cancellation.pk)
    cancellation.reason = "written with it"
    assert schedule.claim(cancellation, "reason")
    assert not schedule.claim(other)
    assert schedule.claim(cancellation)
    other.refresh_from_db()
    assert (other.reason, other.next_attempt_at) == (
        "written with it",
        cancellation.next_attempt_at,
    )


@pytest.mark.parametrize("claimed", [True, False])
def test_a_new_wish_is_due_at_once_or_claimed_by_who_made_it(wish, claimed):
    _, cancellation = wish()
    schedule.start(cancellation, claimed=claimed)
    if claimed:
        assert cancellation.next_attempt_at >= timezone.now() + schedule.lease_length()
    else:
        assert cancellation.next_attempt_at == cancellation.asked_at


def test_rows_are_overdue_from_their_time_on_and_unreachable_beyond_any_rule(wish):
    _, cancellation = wish()
    rows, at = Cancellation.objects.all(), cancellation.next_attempt_at
    early = timedelta(microseconds=1)
    assert schedule.overdue(rows, now=at) and not schedule.overdue(rows, now=at - early)
    beyond = at - schedule.reach()
    assert schedule.unreachable(rows, now=beyond - early)
    assert not schedule.unreachable(rows, now=beyond)


def test_a_rejected_wish_that_alipay_cancelled_after_all_has_succeeded(wish):
    payment, cancellation = wish()
    written(
        payment,
        cancellation,
        lambda: finish.write(payment, cancellation, verdict(Act.REJECT)),
    )
    found = verdict(Act.CANCELLED, told=answered())
    written(payment, cancellation, lambda: finish.write(payment, cancellation, found))
    assert (payment.status, cancellation.status) == ("CANCELLED", "SUCCEEDED")
