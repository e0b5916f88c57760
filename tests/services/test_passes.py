"""One pass, step by step: what it may do, what it writes when, and what it does when it is late."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import override_settings
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Gateway, Payment
from django_alipay_cancel.services import attempts, finish, schedule
from django_alipay_cancel.services.history import AskedBy, Word
from django_alipay_cancel.services.judging import locked_and_judged
from django_alipay_cancel.services.passes import Pass
from django_alipay_cancel.testing import Fault
from tests.meanwhile import meanwhile, thrown_out
from tests.services.routers import ByRow
from tests.services.test_refund_words import SHOWN as REFUNDABLE
from tests.services.test_words import answer

# Some steps are looked at here without those that follow.
pytestmark = [pytest.mark.django_db, pytest.mark.broken_rows]

Kind = CancellationAttempt.Kind
WINDOW = {"result_status": "F", "result_code": "CANCEL_WINDOW_EXCEED"}
SHOWN = {"result_status": "S", "result_code": "SUCCESS", "ids_match": True}
HOUR = timedelta(hours=1)


@pytest.fixture
def wish(gateway, pay, settings, still):
    """Make a payment and a wish to cancel it that is claimed; the time stands."""
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True}

    def make(name="order-1", status="SUCCESS", **facts):
        payment = pay(name, status=status)
        cancellation = services.request_cancellation(payment, **facts)
        assert schedule.claim(cancellation)
        return cancellation

    return make


def a_pass(cancellation, **options):
    """Return a pass with the calls and the claim of a worker, unless told otherwise."""
    options = {
        "token": cancellation.next_attempt_at,
        "cancels": 1,
        "inquiries": 3,
        "refunds": 1,
        **options,
    }
    return Pass(cancellation.payment, client_for("default"), cancellation, **options)


def judged(this):
    """Let it judge in a transaction of its own, as it does."""
    with transaction.atomic():
        return locked_and_judged(this)


def opened(this, *args, **options):
    with transaction.atomic():
        return this.open(*args, **options)


def said(cancellation, kind, word, facts, *, by=AskedBy.SCHEDULE):
    """Let an earlier call of this wish have said so; `None`: it is still open."""
    attempt = attempts.create(
        cancellation.payment,
        cancellation,
        client_for("default"),
        kind,
        claim_until=timezone.now() + timedelta(seconds=31),
        asked_by=by,
    )
    if word is not None:
        attempts.record_answer(attempt, answer(facts), word)
    return attempt


def in_flight(this, kind=Kind.CANCEL):
    return opened(this, kind, AskedBy.SCHEDULE)


def reject(cancellation):
    """Let Alipay have refused this wish."""
    with transaction.atomic():
        finish.lock(cancellation.payment)
        told = {"code": "CANCEL_WINDOW_EXCEED", "message": ""}
        finish.reject(cancellation.payment, cancellation, NextStep.REFUND, **told)


def budget(this):
    return this.cancels, this.inquiries, this.refunds


def stored(cancellation):
    return Cancellation.objects.select_related("payment").get(pk=cancellation.pk)


# --- a call is opened -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (Kind.CANCEL, (0, 3, 1)),
        (Kind.INQUIRY, (1, 2, 1)),
        (Kind.REFUND_INQUIRY, (1, 2, 1)),
        (Kind.REFUND, (1, 3, 0)),
    ],
)
def test_a_call_costs_one_of_its_kind(wish, kind, left):
    this = a_pass(wish())
    attempt = opened(this, kind, AskedBy.REVIEW, first_body='{"first":1}')
    assert (attempt.kind, attempt.asked_by, attempt.asked_by_name) == (kind, "review", "")
    assert attempt.request_body == '{"first":1}'
    assert budget(this) == left


def test_a_pass_has_no_calls_and_nobodys_name_unless_it_is_given_them(wish):
    this = Pass(wish().payment, None)
    assert budget(this) == (0, 0, 0)
    assert (this.cancellation, this.token, this.just_claimed) == (None, None, False)
    assert (this.asked_by, this.person_name) == (AskedBy.SCHEDULE, "")


def test_a_call_renews_the_claim_and_is_claimed_as_long(wish, still):
    cancellation = wish()
    this, first = a_pass(cancellation), cancellation.next_attempt_at
    cancellation.result_code, cancellation.repeats = "CODE", 4
    still.shift(5)
    attempt = opened(this, Kind.INQUIRY, AskedBy.SCHEDULE)
    kept = stored(cancellation)
    assert this.token == attempt.claim_until == kept.next_attempt_at
    assert this.token > first
    assert (kept.result_code, kept.repeats) == ("CODE", 4), "written with the claim"


def test_a_claim_of_the_same_transaction_is_not_renewed_and_the_next_one_is(wish):
    cancellation = wish()
    first = cancellation.next_attempt_at
    this = a_pass(cancellation, just_claimed=True)
    assert opened(this, Kind.CANCEL, AskedBy.SCHEDULE).claim_until == first
    assert stored(cancellation).next_attempt_at == first
    second = opened(this, Kind.INQUIRY, AskedBy.SCHEDULE).claim_until
    assert stored(cancellation).next_attempt_at == second
    assert second != first


def test_a_claim_that_somebody_else_has_by_now_opens_no_call(wish):
    cancellation = wish()
    Cancellation.objects.update(next_attempt_at=timezone.now() + HOUR, reason="theirs")
    this = a_pass(cancellation)
    assert opened(this, Kind.INQUIRY, AskedBy.SCHEDULE) is None
    assert (this.token, budget(this)) == (None, (1, 3, 1))
    assert (cancellation.next_attempt_at, cancellation.reason) == (
        timezone.now() + HOUR,
        "theirs",
    )
    assert not CancellationAttempt.objects.exists()


def test_a_call_without_a_claim_is_made_within_a_lease_and_leaves_the_schedule_alone(wish):
    cancellation = wish()
    due = cancellation.next_attempt_at
    this = a_pass(cancellation, token=None, person_name="Li Wei")
    attempt = opened(this, Kind.INQUIRY, AskedBy.PERSON)
    lease = timezone.now() + schedule.lease_length()
    assert lease <= attempt.claim_until < lease + timedelta(milliseconds=1)
    assert (attempt.asked_by, attempt.asked_by_name) == ("person", "Li Wei")
    assert (this.token, stored(cancellation).next_attempt_at) == (None, due)


def test_a_call_may_be_about_the_refund_of_an_earlier_wish(wish, pay):
    cancellation, earlier = wish(), wish("order-2")
    this = a_pass(cancellation)
    attempt = opened(this, Kind.REFUND_INQUIRY, AskedBy.SCHEDULE, about=earlier.pk)
    assert (attempt.cancellation, attempt.payment) == (earlier, cancellation.payment)
    assert earlier.refund_request_id in attempt.request_body


# --- the first judgement --------------------------------------------------------------------------


def test_a_wish_of_which_nothing_was_said_is_sent_without_reading_a_history(
    wish, django_assert_num_queries
):
    this = a_pass(wish(), just_claimed=True)
    finish.lock(this.payment)
    # The newest attempt, and the row of the first.
    with django_assert_num_queries(2):
        attempt = this.judge()
    assert (attempt.kind, attempt.asked_by, attempt.number) == ("cancel", "schedule", 1)


@pytest.mark.parametrize(
    ("options", "facts", "kind"),
    [
        ({}, {}, "cancel"),
        ({"token": None}, {}, None),
        ({"cancels": 0}, {}, None),
        ({}, {"source": "no_result"}, "inquiry"),
    ],
)
def test_what_may_be_sent_first_hangs_on_the_pass_and_on_the_wish(wish, options, facts, kind):
    cancellation = wish(status="PROCESSING", **facts)
    attempt = judged(a_pass(cancellation, **options))
    assert (attempt and attempt.kind) == kind


def test_a_payment_that_alipay_says_had_failed_is_not_cancelled(wish):
    cancellation = wish(status="PROCESSING")
    now = timezone.now()
    payment = cancellation.payment
    payment.events.create(kind="failed", source="notification", at=now, learned_at=now)
    Payment.objects.update(failed_at=now)
    payment.refresh_from_db()
    assert judged(a_pass(cancellation)) is None
    assert (stored(cancellation).status, payment.status) == ("SUCCEEDED", "FAIL")


@pytest.mark.parametrize("called", [True, False], ids=["after a call", "without any"])
def test_one_in_review_is_asked_about_and_not_cancelled(wish, called):
    cancellation = wish()
    if called:
        said(cancellation, Kind.CANCEL, Word.MIXED, {"error": "id_mismatch"})
    Cancellation.objects.update(status="NEEDS_REVIEW")
    cancellation.refresh_from_db()
    attempt = judged(a_pass(cancellation))
    assert (attempt.kind, attempt.asked_by) == ("inquiry", "review")


def test_a_wish_that_was_read_before_the_lock_is_read_again_under_it(wish):
    cancellation = wish()
    said(cancellation, Kind.INQUIRY, Word.SHOWS_TAKEN, SHOWN)
    stale = stored(cancellation)
    reject(cancellation)
    this = a_pass(stale)
    assert judged(this) is None
    assert (this.token, stale.status) == (None, "REJECTED")
    assert stale.payment is this.payment
    assert CancellationAttempt.objects.count() == 1


def test_one_that_was_just_claimed_is_not_read_again(wish):
    cancellation = wish()
    said(cancellation, Kind.INQUIRY, Word.SHOWS_TAKEN, SHOWN)
    Cancellation.objects.update(reason="written since")
    judged(a_pass(cancellation, just_claimed=True))
    assert cancellation.reason == ""


# --- what the verdict says ------------------------------------------------------------------------


def test_calls_that_nobody_came_back_to_are_given_up_before_it_is_judged(wish, still):
    cancellation = wish()
    lost = said(cancellation, Kind.CANCEL, None, {})
    this = a_pass(cancellation)
    assert judged(this) is None, "it is under way"
    lost.refresh_from_db()
    assert lost.outcome == "OPEN"
    still.shift(3600)
    schedule.claim(cancellation)
    attempt = judged(a_pass(cancellation))
    lost.refresh_from_db()
    assert (lost.outcome, lost.error, lost.finished_at) == (
        "UNKNOWN",
        "abandoned",
        timezone.now(),
    )
    assert attempt.kind == "cancel"
    assert attempt.request_body == lost.request_body
    assert stored(cancellation).repeats == 1


def test_what_is_not_due_yet_is_put_off_and_the_claim_is_over(wish):
    cancellation = wish()
    this = a_pass(cancellation, cancels=2)
    silence = answer({"error": "timeout", "http_status": None})
    assert this.keep(in_flight(this), silence) is None
    kept, now = stored(cancellation), timezone.now()
    assert now + timedelta(seconds=1) <= kept.next_attempt_at <= now + timedelta(seconds=2)
    assert (this.token, kept.status, kept.error) == (None, "PENDING", "timeout")


def test_how_often_it_was_tried_is_stored_when_it_is_put_off(wish):
    cancellation = wish()
    for _ in range(2):
        said(cancellation, Kind.CANCEL, Word.NO_WORD, {"error": "timeout"})
    assert judged(a_pass(cancellation, cancels=0, inquiries=0)) is None
    assert stored(cancellation).repeats == 2


def test_a_claim_that_is_lost_while_it_is_put_off_is_left_to_who_has_it(wish):
    cancellation = wish()
    said(cancellation, Kind.CANCEL, Word.NO_WORD, {"error": "timeout"})
    this = a_pass(cancellation, cancels=0)

    def claim():
        Cancellation.objects.update(next_attempt_at=timezone.now() + HOUR)

    with meanwhile("UPDATE", Cancellation, claim):
        assert judged(this) is None
    assert this.token is None
    due = timezone.now() + HOUR
    assert stored(cancellation).next_attempt_at == cancellation.next_attempt_at == due


@pytest.mark.parametrize("inquiries", [0, 1])
def test_alipay_is_asked_as_long_as_the_pass_may(wish, inquiries):
    cancellation = wish()
    said(cancellation, Kind.CANCEL, Word.REFUSED, WINDOW)
    this = a_pass(cancellation, inquiries=inquiries)
    attempt = judged(this)
    assert (attempt and attempt.kind) == ("inquiry" if inquiries else None)
    assert (this.token is None) == (not inquiries)
    if inquiries:
        assert (attempt.asked_by, attempt.cancellation) == ("schedule", cancellation)


@pytest.mark.parametrize("cancels", [0, 1])
def test_a_cancel_is_repeated_as_long_as_the_pass_may(wish, still, cancels):
    cancellation = wish()
    said(cancellation, Kind.CANCEL, Word.NO_WORD, {"error": "timeout"})
    still.shift(60)
    schedule.claim(cancellation)
    attempt = judged(a_pass(cancellation, cancels=cancels))
    assert (attempt and attempt.kind) == ("cancel" if cancels else None)


def test_a_verdict_without_the_claim_makes_no_call_and_no_date(wish, still):
    cancellation = wish()
    said(cancellation, Kind.CANCEL, Word.NO_WORD, {"error": "timeout"})
    still.shift(60)
    due = stored(cancellation).next_attempt_at
    assert judged(a_pass(cancellation, token=None)) is None
    assert stored(cancellation).next_attempt_at == due


def test_what_is_final_is_written_without_the_claim_too(wish):
    cancellation = wish()
    attempt = said(cancellation, Kind.CANCEL, Word.S_UNBOUND, SHOWN)
    said(cancellation, Kind.INQUIRY, Word.SHOWS_CANCELLED, SHOWN)
    assert judged(a_pass(cancellation, token=None)) is None
    kept = stored(cancellation)
    assert (kept.status, kept.payment.status) == ("SUCCEEDED", "CANCELLED")
    attempt.refresh_from_db()
    assert attempt.outcome == "SUCCEEDED", "whose the S was is proved"


def test_what_is_rejected_proves_nothing(wish, still):
    cancellation = wish()
    unbound = said(cancellation, Kind.CANCEL, Word.S_UNBOUND, SHOWN)
    still.shift(120)
    said(cancellation, Kind.CANCEL, Word.REFUSED, WINDOW)
    still.shift(120)
    said(cancellation, Kind.INQUIRY, Word.SHOWS_TAKEN, SHOWN)
    assert judged(a_pass(cancellation, token=None)) is None
    unbound.refresh_from_db()
    assert (stored(cancellation).status, unbound.outcome) == ("REJECTED", "UNKNOWN")


def test_what_a_person_has_to_look_at_is_asked_about_an_hour_later(wish):
    cancellation = wish()
    said(cancellation, Kind.CANCEL, Word.MIXED, {"error": "id_mismatch"})
    assert judged(a_pass(cancellation)) is None
    kept = stored(cancellation)
    assert (kept.status, kept.error) == ("NEEDS_REVIEW", "id_mismatch")
    assert kept.next_attempt_at == timezone.now() + HOUR


def test_a_review_needs_the_claim_that_the_pass_came_with(wish):
    cancellation = wish()
    said(cancellation, Kind.CANCEL, Word.MIXED, {"error": "id_mismatch"})
    this = a_pass(cancellation, just_claimed=True)
    Cancellation.objects.update(next_attempt_at=timezone.now() + 2 * HOUR)
    assert judged(this) is None
    kept = stored(cancellation)
    assert (kept.status, kept.next_attempt_at) == ("PENDING", timezone.now() + 2 * HOUR)


# --- whose wish is judged -------------------------------------------------------------------------


def test_a_late_answer_of_an_old_wish_is_judged_for_the_one_that_is_open(wish):
    old = wish()
    reject(old)
    new = services.request_cancellation(old.payment)
    said(old, Kind.INQUIRY, Word.SHOWS_CANCELLED, SHOWN)
    this = a_pass(old, token=None)
    assert judged(this) is None
    assert this.cancellation == new
    assert this.cancellation.payment is this.payment
    assert stored(new).status == "SUCCEEDED"


def test_a_payment_without_a_wish_that_is_in_change_has_its_open_one_judged(wish):
    cancellation = wish()
    said(cancellation, Kind.INQUIRY, Word.SHOWS_CANCELLED, SHOWN)
    this = Pass(cancellation.payment, None)
    assert judged(this) is None
    assert stored(cancellation).status == "SUCCEEDED"


def test_the_open_wish_of_another_payment_is_left_alone(wish):
    cancellation, other = wish(), wish("order-2")
    said(cancellation, Kind.INQUIRY, Word.SHOWS_CANCELLED, SHOWN)
    judged(Pass(cancellation.payment, None))
    assert (stored(cancellation).status, stored(other).status) == ("SUCCEEDED", "PENDING")


def test_a_payment_in_change_whose_wish_is_gone_is_asked_about(wish):
    cancellation = wish()
    payment = cancellation.payment
    cancellation.delete()
    this = Pass(payment, client_for("default"), inquiries=1)
    assert judged(this) is None
    assert (this.cancellation, Payment.objects.get().status) == (None, "CANCELLING")


def test_a_payment_at_rest_is_judged_with_the_wish_of_the_pass(wish):
    cancellation = wish()
    reject(cancellation)
    said(cancellation, Kind.CANCEL, Word.S_UNBOUND, SHOWN)
    said(cancellation, Kind.INQUIRY, Word.SHOWS_CANCELLED, SHOWN)
    judged(a_pass(cancellation, token=None))
    assert stored(cancellation).status == "SUCCEEDED"
    assert stored(cancellation).payment.status == "CANCELLED"


# --- an answer is kept ----------------------------------------------------------------------------


def test_a_yes_is_written_with_its_code_and_time_and_nothing_is_read_for_it(wish):
    cancellation = wish()
    this = a_pass(cancellation)
    attempt = in_flight(this)
    at = timezone.now() - timedelta(seconds=3)
    told = {**SHOWN, "result_message": "success.", "cancel_time": at}
    assert this.keep(attempt, answer(told)) is None
    kept = stored(cancellation)
    assert (kept.status, kept.result_code, kept.result_message) == (
        "SUCCEEDED",
        "SUCCESS",
        "success.",
    )
    assert (kept.payment.status, kept.payment.cancelled_at) == ("CANCELLED", at)
    assert (cancellation.status, this.payment.status) == ("SUCCEEDED", "CANCELLED")
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.said) == ("SUCCEEDED", "YES")


def test_an_answer_to_a_cancel_is_shown_on_the_wish_and_judged(wish, still):
    cancellation = wish()
    this = a_pass(cancellation)
    attempt = in_flight(this)
    still.shift(2)
    asked = this.keep(attempt, answer({**WINDOW, "result_message": "window exceed."}))
    kept = stored(cancellation)
    assert kept.payment.updated_at == timezone.now(), "it was locked"
    assert (asked.kind, asked.number) == ("inquiry", 2)
    assert (kept.result_code, kept.result_message) == ("CANCEL_WINDOW_EXCEED", "window exceed.")
    assert (kept.status, kept.next_step) == ("PENDING", "WAIT")


def test_an_answer_to_an_inquiry_is_not_shown_on_the_wish(wish):
    cancellation = wish()
    this = a_pass(cancellation, cancels=0)
    this.keep(in_flight(this, Kind.INQUIRY), answer({"error": "timeout", "http_status": None}))
    assert stored(cancellation).error == ""


def test_an_answer_whose_claim_was_lost_is_kept_and_not_shown(wish):
    cancellation = wish()
    this = a_pass(cancellation)
    attempt = in_flight(this)
    Cancellation.objects.update(next_attempt_at=timezone.now() + HOUR)
    assert this.keep(attempt, answer(WINDOW)) is None
    attempt.refresh_from_db()
    kept = stored(cancellation)
    assert (attempt.outcome, this.token) == ("REJECTED", None)
    assert (kept.result_code, kept.next_attempt_at) == ("", timezone.now() + HOUR)


def cannot_carry():
    raise UnicodeEncodeError("latin-1", "好", 0, 1, "ordinal not in range(256)")


def cannot_store():
    raise DatabaseError("no")


def test_a_text_that_cannot_be_carried_is_stored_escaped(wish, caplog):
    cancellation = wish()
    this = a_pass(cancellation)
    attempt = in_flight(this)
    with meanwhile("UPDATE", CancellationAttempt, cannot_carry):
        asked = this.keep(attempt, answer({**WINDOW, "result_message": "好"}))
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.result_message) == ("REJECTED", "\\u597d")
    assert asked.kind == "inquiry"
    told = f"The answer to attempt {attempt.pk} cannot be stored; less of it is."
    assert [each.getMessage() for each in caplog.records if each.exc_info] == [told]


def lose(cancellation, number, still):
    """Let so many answers of this wish have never been stored."""
    for _ in range(number):
        said(cancellation, Kind.INQUIRY, None, {})
    still.shift(3600)
    attempts.abandon(cancellation.payment, timezone.now())
    schedule.claim(cancellation)


def test_two_answers_that_cannot_be_stored_are_left_to_the_lease(wish, still):
    cancellation = wish()
    lose(cancellation, 1, still)
    this = a_pass(cancellation)
    attempt = in_flight(this)
    failing = meanwhile("UPDATE", CancellationAttempt, cannot_store)
    with failing, pytest.raises(DatabaseError, match="no"):
        this.keep(attempt, answer(WINDOW))
    assert CancellationAttempt.objects.get(pk=attempt.pk).outcome == "OPEN"


def test_of_the_third_that_cannot_be_stored_the_texts_are_left_out(wish, still):
    cancellation = wish()
    lose(cancellation, 2, still)
    this = a_pass(cancellation)
    attempt = in_flight(this)
    with meanwhile("UPDATE", CancellationAttempt, cannot_store):
        this.keep(attempt, answer({**WINDOW, "result_message": "window exceed."}))
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.result_code) == ("REJECTED", "CANCEL_WINDOW_EXCEED")
    assert attempt.result_message == ""


def test_what_cannot_be_stored_at_all_goes_to_a_person_who_is_told(wish, still, caplog):
    cancellation = wish()
    lose(cancellation, 2, still)
    this = a_pass(cancellation)
    attempt = in_flight(this)
    with meanwhile("UPDATE", CancellationAttempt, cannot_store, times=2):
        assert this.keep(attempt, answer(WINDOW)) is None
    kept = stored(cancellation)
    assert (kept.status, kept.error, kept.next_step) == (
        "NEEDS_REVIEW",
        "not_stored",
        "FIX_CONFIGURATION",
    )
    assert kept.next_attempt_at == timezone.now() + HOUR
    assert kept.payment.updated_at == timezone.now()
    assert CancellationAttempt.objects.get(pk=attempt.pk).outcome == "OPEN"
    told = [each.getMessage() for each in caplog.records if each.exc_info]
    assert told == [
        f"The answer to attempt {attempt.pk} cannot be stored; less of it is.",
        f"The answer to attempt {attempt.pk} cannot be stored.",
    ]


def test_what_was_put_into_review_in_vain_is_put_there_as_not_stored(wish):
    cancellation = wish()
    this = a_pass(cancellation)
    attempt = in_flight(this)
    with (
        meanwhile("UPDATE", CancellationAttempt, cannot_carry),
        meanwhile("UPDATE", Cancellation, cannot_store),
    ):
        assert this.keep(attempt, answer({"error": "id_mismatch"})) is None
    kept = stored(cancellation)
    assert (kept.status, kept.error) == ("NEEDS_REVIEW", "not_stored")


def test_what_cannot_be_stored_of_a_payment_alone_is_left_alone(wish, still):
    payment = wish().payment
    this = Pass(payment, client_for("default"), inquiries=1)
    attempt = in_flight(this, Kind.INQUIRY)
    with meanwhile("UPDATE", CancellationAttempt, cannot_carry, times=2):
        assert this.keep(attempt, answer(SHOWN)) is None
    assert CancellationAttempt.objects.get().outcome == "OPEN"


class SoftTimeLimitExceeded(Exception):
    """As Celery's: its name is all that is known of it."""


@pytest.mark.parametrize("times", [1, 2])
def test_the_end_of_a_task_is_no_fault_of_the_row(wish, still, times):
    cancellation = wish()
    lose(cancellation, 2, still)
    this = a_pass(cancellation)
    attempt = in_flight(this)
    raised = iter([SoftTimeLimitExceeded()] if times == 1 else [None, SoftTimeLimitExceeded()])

    def end():
        error = next(raised)
        if error is not None:
            raise error
        cannot_carry()

    with (
        pytest.raises(SoftTimeLimitExceeded),
        meanwhile("UPDATE", CancellationAttempt, end, times=times),
    ):
        this.keep(attempt, answer(WINDOW))
    assert stored(cancellation).status == "PENDING"


# --- a transaction is thrown out ------------------------------------------------------------------


def later_thrown_out(still):
    """Return a database that finds a deadlock after ten seconds, within every lease."""

    def act():
        still.shift(10)
        thrown_out()

    return act


@pytest.mark.django_db(transaction=True)
def test_an_answer_whose_transaction_is_thrown_out_is_stored_by_the_next(wish, still):
    cancellation = wish()
    this = a_pass(cancellation, inquiries=1)
    attempt = in_flight(this)
    with meanwhile("UPDATE", Cancellation, later_thrown_out(still)):
        asked = this.keep(attempt, answer(WINDOW))
    assert asked.kind == "inquiry"
    assert CancellationAttempt.objects.get(pk=attempt.pk).outcome == "REJECTED"
    assert stored(cancellation).result_code == "CANCEL_WINDOW_EXCEED"


@pytest.mark.django_db(transaction=True)
def test_a_call_that_was_thrown_out_with_its_row_has_cost_nothing(wish, still):
    cancellation = wish()
    this = a_pass(cancellation, inquiries=1)
    attempt = in_flight(this)
    with meanwhile("INSERT", CancellationAttempt, later_thrown_out(still)):
        asked = this.keep(attempt, answer(WINDOW))
    assert (asked.kind, this.inquiries) == ("inquiry", 0)
    assert CancellationAttempt.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_is_stored_with_less_text_is_tried_again_as_well(wish, still):
    cancellation = wish()
    this = a_pass(cancellation)
    attempt = in_flight(this)
    with (
        meanwhile("UPDATE", CancellationAttempt, cannot_carry),
        meanwhile("UPDATE", Cancellation, later_thrown_out(still)),
    ):
        asked = this.keep(attempt, answer(WINDOW))
    assert asked.kind == "inquiry"
    assert CancellationAttempt.objects.get(pk=attempt.pk).outcome == "REJECTED"


@pytest.mark.django_db(transaction=True)
def test_a_late_yes_that_is_thrown_out_meets_the_rejected_wish_all_the_same(wish, still):
    cancellation = wish()
    this = a_pass(cancellation)
    attempt = in_flight(this)
    reject(stored(cancellation))
    with meanwhile("UPDATE", CancellationAttempt, later_thrown_out(still)):
        this.keep(attempt, answer(SHOWN))
    kept = stored(cancellation)
    assert (kept.status, kept.payment.status) == ("SUCCEEDED", "CANCELLED")


# --- a whole pass ---------------------------------------------------------------------------------


def test_a_pass_returns_its_last_call_and_tells_how_it_ended(gateway, wish):
    told = []

    def receive(sender, cancellation, **kwargs):
        told.append(cancellation.status)

    cancellation = wish()
    gateway.misbehave(Fault.RESULT, api="cancel", **WINDOW)
    signals.cancellation_rejected.connect(receive)
    try:
        last = a_pass(cancellation).run(locked_and_judged)
    finally:
        signals.cancellation_rejected.disconnect(receive)
    assert (last.kind, last.number, last.said) == ("inquiry", 2, "SHOWS_TAKEN")
    assert told == ["REJECTED"]


def test_a_pass_that_makes_no_call_returns_none(wish):
    cancellation = wish()
    said(cancellation, Kind.CANCEL, Word.NO_WORD, {"error": "timeout"})
    assert a_pass(cancellation, cancels=0).run(locked_and_judged) is None


def test_a_pass_notes_how_the_gateway_of_its_merchant_is(gateway, wish):
    cancellation = wish()
    gateway.misbehave(Fault.THROTTLED, api="cancel", calls=1)
    a_pass(cancellation).run(locked_and_judged)
    assert Gateway.objects.get(pk="default").failures == 1


def test_a_pass_over_a_payment_alone_announces_nothing(gateway, pay):
    payment = pay()
    this = Pass(payment, client_for("default"), inquiries=1)
    last = this.run(lambda this: this.open(Kind.INQUIRY, AskedBy.UNNAMED))
    assert (last.said, last.cancellation) == ("SHOWS_TAKEN", None)


def test_a_pass_reads_and_writes_where_its_payment_is(wish, still):
    cancellation, late = wish(), wish("order-2")
    said(cancellation, Kind.CANCEL, Word.S_UNBOUND, SHOWN)
    said(late, Kind.INQUIRY, Word.SHOWS_CANCELLED, SHOWN)
    with override_settings(DATABASE_ROUTERS=[ByRow()]):
        attempt = judged(a_pass(cancellation))
        assert attempt.kind == "inquiry"
        about = opened(
            a_pass(cancellation, token=None), Kind.INQUIRY, AskedBy.SCHEDULE, about=late.pk
        )
        assert about.cancellation == late
        assert judged(Pass(late.payment, None)) is None
    assert stored(late).status == "SUCCEEDED"


# --- a refund -------------------------------------------------------------------------------------


def turning(cancellation, **options):
    """Return a pass whose cancel came too late, and the inquiry that it asks before it turns."""
    this = a_pass(cancellation, **options)
    return this, this.keep(in_flight(this), answer(WINDOW))


def paid_in_full(cancellation):
    """Alipay's answer to the inquiry: all of it was paid, and nothing is refunded."""
    ours = {"payment_id": cancellation.payment.payment_id, "payment_status": "SUCCESS"}
    return answer({**SHOWN, **REFUNDABLE, **ours})


@pytest.mark.parametrize("refunds", [0, 1])
def test_a_wish_turns_over_what_was_just_shown_as_long_as_the_pass_may(wish, refunds):
    cancellation = wish(or_refund=True)
    this, inquiry = turning(cancellation, refunds=refunds)
    attempt = this.keep(inquiry, paid_in_full(cancellation))
    kept = stored(cancellation)
    if not refunds:
        assert (attempt, kept.means, this.token) == (None, "cancel", None)
        return
    assert (attempt.kind, attempt.asked_by, this.refunds) == ("refund", "schedule", 0)
    asked = json.loads(attempt.request_body)
    assert asked["refundRequestId"] == cancellation.refund_request_id
    assert (asked["paymentId"], asked["refundAmount"]["value"]) == ("payment-order-1", "1250")
    assert (kept.means, kept.payment.status) == ("refund", "REFUNDING")
    assert kept.next_attempt_at == this.token == attempt.claim_until


def test_a_wish_that_says_or_refund_since_the_call_turns(wish):
    cancellation = wish()
    this, inquiry = turning(cancellation)
    services.request_cancellation(Payment.objects.get(), or_refund=True)
    assert this.keep(inquiry, paid_in_full(cancellation)).kind == "refund"


@pytest.mark.parametrize("inquiries", [1, 2])
def test_a_refund_is_asked_about_as_long_as_the_pass_may(wish, inquiries):
    cancellation = wish(or_refund=True)
    this, inquiry = turning(cancellation, inquiries=inquiries)
    refund = this.keep(inquiry, paid_in_full(cancellation))
    asked = this.keep(refund, answer({**SHOWN, "refund": REFUNDABLE["refund"]}))
    if inquiries == 1:
        assert (asked, this.token) == (None, None)
        return
    assert (asked.kind, asked.asked_by) == ("refund_inquiry", "schedule")
    assert asked.cancellation == cancellation
    assert cancellation.refund_request_id in asked.request_body


def test_a_refund_that_is_done_ends_the_wish(wish):
    cancellation = wish(or_refund=True)
    this, inquiry = turning(cancellation)
    refund = this.keep(inquiry, paid_in_full(cancellation))
    asked = this.keep(refund, answer({**SHOWN, "refund": REFUNDABLE["refund"]}))
    done = replace(REFUNDABLE["refund"], status="SUCCESS")
    assert this.keep(asked, answer({**SHOWN, "refund": done})) is None
    kept = stored(cancellation)
    assert (kept.status, kept.payment.status) == ("REFUNDED", "REFUNDED")


def test_a_new_wish_first_asks_about_the_refund_of_an_earlier_one(wish, still):
    earlier = wish(or_refund=True)
    this, inquiry = turning(earlier)
    refund = this.keep(inquiry, paid_in_full(earlier))
    silence = answer({"error": "timeout", "http_status": None})
    assert this.keep(this.keep(refund, silence), silence) is None
    reject(earlier)
    still.shift(60)
    later = services.request_cancellation(earlier.payment, or_refund=True)
    assert schedule.claim(later)
    attempt = judged(a_pass(later))
    assert (attempt.kind, attempt.cancellation) == ("refund_inquiry", earlier)
    assert attempt.asked_by == "schedule"


def test_a_wish_whose_claim_is_lost_at_that_moment_does_not_turn(wish):
    cancellation = wish(or_refund=True)
    this, inquiry = turning(cancellation)

    def claim():
        Cancellation.objects.update(next_attempt_at=timezone.now() + HOUR)

    with meanwhile("UPDATE", Cancellation, claim):
        assert this.keep(inquiry, paid_in_full(cancellation)) is None
    kept = stored(cancellation)
    assert (kept.means, kept.payment.status) == ("cancel", "CANCELLING")
    assert kept.next_attempt_at == timezone.now() + HOUR
