"""The row of a call: opened before it, closed with what it said, given up when nobody came."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.clock import storable
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.services import attempts
from django_alipay_cancel.services.history import AskedBy, Word
from tests.services.routers import ByRow
from tests.services.test_words import answer

# Rows of calls are looked at here without the pass that makes them.
pytestmark = [pytest.mark.django_db, pytest.mark.broken_rows]

Kind = CancellationAttempt.Kind
Outcome = CancellationAttempt.Outcome
TICK = timedelta(microseconds=1)


@pytest.fixture
def wish(gateway, pay, settings, still):
    """Make a payment and a wish to cancel it; the time stands."""
    merchants = {"default": {**gateway.merchant_settings(), "MERCHANT_ACCOUNT_ID": "account-1"}}
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "MERCHANTS": merchants}

    def make(name="order-1"):
        return services.request_cancellation(pay(name))

    return make


def opened(wish, kind=Kind.CANCEL, payment=None, **options):
    """Open an attempt as a pass does; claimed for a minute unless told otherwise."""
    payment = payment or wish.payment
    options = {
        "claim_until": timezone.now() + timedelta(minutes=1),
        "asked_by": AskedBy.SCHEDULE,
        **options,
    }
    client = client_for(payment.merchant)
    return attempts.create(payment, wish, client, kind, **options)


def stored(attempt):
    return CancellationAttempt.objects.get(pk=attempt.pk)


# --- opened ---------------------------------------------------------------------------------------


def test_an_attempt_says_what_is_sent_for_whom_and_until_when(wish):
    cancellation, until = wish(), timezone.now() + timedelta(seconds=31)
    opened(cancellation, claim_until=until, asked_by=AskedBy.PERSON, asked_by_name="Li Wei")
    attempt = CancellationAttempt.objects.get()
    assert (attempt.payment, attempt.cancellation) == (cancellation.payment, cancellation)
    assert (attempt.number, attempt.kind, attempt.outcome) == (1, "cancel", "OPEN")
    assert attempt.open_for == cancellation
    assert (attempt.asked_by, attempt.asked_by_name) == ("person", "Li Wei")
    assert (attempt.sent_at, attempt.claim_until) == (timezone.now(), until)
    assert attempt.client_id == client_for("default").credentials.client_id
    assert json.loads(attempt.request_body) == {
        "paymentId": "payment-order-1",
        "paymentRequestId": "request-order-1",
        "merchantAccountId": "account-1",
    }


def test_who_asked_may_have_no_name(wish):
    assert opened(wish()).asked_by_name == ""


@pytest.mark.parametrize(
    ("kind", "acts"),
    [(Kind.CANCEL, True), (Kind.REFUND, True), (Kind.INQUIRY, False), (Kind.REFUND_INQUIRY, False)],
)
def test_only_what_changes_something_at_alipay_is_one_of_a_wish_at_once(wish, kind, acts):
    cancellation = wish()
    assert opened(cancellation, kind).open_for == (cancellation if acts else None)


def test_an_inquiry_of_a_refund_names_the_refund_and_all_others_the_payment(wish):
    cancellation = wish()
    for kind in (Kind.CANCEL, Kind.INQUIRY):
        assert "paymentId" in json.loads(opened(cancellation, kind).request_body)
    assert json.loads(opened(cancellation, Kind.REFUND_INQUIRY).request_body) == {
        "refundRequestId": cancellation.refund_request_id,
        "merchantAccountId": "account-1",
    }


def test_attempts_of_a_wish_are_numbered_in_their_order_and_of_each_wish_anew(wish):
    first, second = wish(), wish("order-2")
    made = [opened(each, Kind.INQUIRY).number for each in (first, second, first, first)]
    assert made == [1, 1, 2, 3]
    CancellationAttempt.objects.filter(cancellation=first, number=1).update(number=7)
    assert opened(first, Kind.INQUIRY).number == 8


def test_an_inquiry_of_a_payment_alone_is_number_one_and_has_a_body_of_its_own(wish):
    cancellation = wish()
    opened(cancellation)
    payment = cancellation.payment
    CancellationAttempt.objects.update(request_body='{"paymentId":"an older one"}')
    for _ in range(2):
        made = opened(None, Kind.INQUIRY, payment)
        assert (made.number, made.cancellation) == (1, None)
        assert json.loads(made.request_body)["paymentId"] == "payment-order-1"


def test_a_repeat_carries_the_text_of_the_first_of_its_kind_and_wish(wish):
    cancellation, other = wish(), wish("order-2")
    opened(other, Kind.INQUIRY, first_body='{"of":"another wish"}')
    opened(cancellation, Kind.REFUND_INQUIRY, first_body='{"of":"another kind"}')
    first = opened(cancellation, Kind.INQUIRY, first_body='{"first":1}')
    later = opened(cancellation, Kind.INQUIRY)
    CancellationAttempt.objects.filter(pk=later.pk).update(request_body='{"second":2}')
    for body in ("", '{"third":3}'):
        repeat = opened(cancellation, Kind.INQUIRY, first_body=body)
        assert repeat.request_body == first.request_body == '{"first":1}'


def test_the_newest_attempt_is_the_last_one_of_the_payment(wish):
    cancellation, other = wish(), wish("order-2")
    assert attempts.newest(cancellation.payment) == 0
    for _ in range(2):
        latest = opened(cancellation, Kind.INQUIRY)
    opened(other, Kind.INQUIRY)
    assert attempts.newest(cancellation.payment) == latest.pk


# --- closed ---------------------------------------------------------------------------------------

OUTCOMES = {
    Word.NOTHING_SENT: Outcome.NOT_SENT,
    Word.YES: Outcome.SUCCEEDED,
    Word.S_UNBOUND: Outcome.UNKNOWN,
    Word.MIXED: Outcome.UNKNOWN,
    Word.REFUSED: Outcome.REJECTED,
    Word.THROTTLED: Outcome.UNKNOWN,
    Word.UNKNOWN_PAYMENT: Outcome.REJECTED,
    Word.NO_WORD: Outcome.UNKNOWN,
    Word.SHOWS_CANCELLED: Outcome.SUCCEEDED,
    Word.SHOWS_CANCELLING: Outcome.SUCCEEDED,
    Word.SHOWS_FAILED: Outcome.SUCCEEDED,
    Word.SHOWS_TAKEN: Outcome.SUCCEEDED,
    Word.SHOWS_UNPAID: Outcome.SUCCEEDED,
    Word.ACCEPTED: Outcome.SUCCEEDED,
    Word.REFUND_DONE: Outcome.SUCCEEDED,
    Word.REFUND_OPEN: Outcome.SUCCEEDED,
    Word.REFUND_FAILED: Outcome.SUCCEEDED,
    Word.UNKNOWN_REFUND: Outcome.REJECTED,
}


@pytest.mark.parametrize("word", OUTCOMES)
def test_a_word_closes_the_attempt(wish, still, word):
    attempt = opened(wish())
    still.shift(2)
    attempts.record_answer(attempt, answer({}), word)
    kept = stored(attempt)
    assert (kept.outcome, kept.said) == (OUTCOMES[word], word)
    assert (kept.open_for, kept.finished_at) == (None, timezone.now())
    assert kept.refund_status == ""


@pytest.mark.parametrize(
    ("error", "outcome"), [("", Outcome.REJECTED), ("unsigned", Outcome.UNKNOWN)]
)
def test_a_refusal_of_the_request_itself_is_one_only_when_alipay_signed_it(wish, error, outcome):
    attempt = opened(wish())
    attempts.record_answer(attempt, answer({"error": error}), Word.MISCONFIGURED)
    assert stored(attempt).outcome == outcome


def test_an_unsigned_answer_that_is_no_refusal_of_the_request_stays_what_its_word_says(wish):
    attempt = opened(wish())
    attempts.record_answer(attempt, answer({}), Word.MIXED)
    assert stored(attempt).outcome == Outcome.UNKNOWN


def test_what_was_said_is_kept_word_for_word(wish):
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    told = {
        "http_status": 203,
        "result_status": "F",
        "result_code": "CODE",
        "result_message": "a message.",
        "payment_status": "PROCESSING",
        "error": "bad_signature",
        "cause": "other_key",
        "detail": "key 2",
        "response_body": '{"result":{}}',
        "trace_id": "trace-1",
    }
    attempt = opened(wish())
    attempts.record_answer(
        attempt,
        answer({**told, "cancel_time": at, "answered_at": at + timedelta(seconds=1)}),
        Word.NO_WORD,
        refund_status="PART",
    )
    kept = stored(attempt)
    assert {name: getattr(kept, name) for name in told} == told
    assert (kept.said, kept.refund_status) == ("NO_WORD", "PART")
    assert kept.cancel_time == storable(at)
    assert kept.response_time == storable(at + timedelta(seconds=1))


def test_a_detail_without_a_cause_is_left_to_the_column_of_the_body(wish):
    attempt = opened(wish())
    said = answer({"error": "invalid_body", "detail": "Expecting value: <html>"})
    attempts.record_answer(attempt, said, Word.NO_WORD)
    assert stored(attempt).detail == ""


@pytest.mark.parametrize(("word", "outcome"), [(Word.YES, "SUCCEEDED"), (Word.REFUSED, "REJECTED")])
def test_one_that_was_given_up_takes_a_late_yes_or_no(wish, still, word, outcome):
    attempt = opened(wish())
    still.shift(61)
    attempts.abandon(attempt.payment, timezone.now())
    attempts.record_answer(attempt, answer({"result_code": "LATE"}), word)
    kept = stored(attempt)
    assert (kept.outcome, kept.said, kept.result_code) == (outcome, word, "LATE")
    assert kept.error == ""


def test_one_that_was_given_up_takes_no_late_unknown(wish, still):
    attempt = opened(wish())
    still.shift(61)
    attempts.abandon(attempt.payment, timezone.now())
    attempts.record_answer(attempt, answer({"result_code": "LATE"}), Word.NO_WORD)
    kept = stored(attempt)
    assert (kept.outcome, kept.said, kept.error) == ("UNKNOWN", "", "abandoned")


@pytest.mark.parametrize(
    ("error", "step"),
    [("", "WAIT"), ("timeout", "WAIT"), ("unsigned", "FIX_CONFIGURATION")],
)
def test_an_open_wish_shows_the_last_answer_and_waits_unless_settings_are_wrong(wish, error, step):
    cancellation = wish()
    cancellation.next_step = "REFUND"
    told = {"result_code": "CODE", "result_message": "a message.", "error": error}
    attempts.show_answer(cancellation, answer(told))
    assert {name: getattr(cancellation, name) for name in told} == told
    assert cancellation.next_step == step
    assert Cancellation.objects.get().result_code == "", "it is stored with the verdict"


# --- under way, and given up ----------------------------------------------------------------------


def test_a_call_is_under_way_until_its_claim_is_over_or_its_answer_came(wish):
    cancellation, other = wish(), wish("order-2")
    payment = cancellation.payment
    assert not attempts.has_call_under_way(payment, timezone.now())
    attempt = opened(cancellation)
    assert attempts.has_call_under_way(payment, attempt.claim_until - TICK)
    assert not attempts.has_call_under_way(payment, attempt.claim_until)
    assert not attempts.has_call_under_way(other.payment, timezone.now())
    attempts.record_answer(attempt, answer({}), Word.YES)
    assert not attempts.has_call_under_way(payment, timezone.now())


def test_a_call_is_given_up_when_its_claim_is_over(wish):
    attempt = opened(wish())
    others = [opened(wish("order-2")), opened(attempt.cancellation, Kind.INQUIRY)]
    CancellationAttempt.objects.filter(pk=others[1].pk).update(
        claim_until=attempt.claim_until + TICK
    )
    payment, until = attempt.payment, attempt.claim_until
    assert attempts.abandon(payment, until - TICK) == 0
    assert attempts.abandon(payment, until) == 1
    kept = stored(attempt)
    assert (kept.outcome, kept.error, kept.said) == ("UNKNOWN", "abandoned", "")
    assert (kept.open_for, kept.finished_at) == (None, until)
    assert {stored(other).outcome for other in others} == {"OPEN"}
    assert attempts.abandon(payment, until) == 0


def test_what_was_answered_is_not_given_up(wish):
    attempt = opened(wish())
    attempts.record_answer(attempt, answer({}), Word.REFUSED)
    assert attempts.abandon(attempt.payment, attempt.claim_until) == 0
    assert stored(attempt).outcome == "REJECTED"


def orphans(now, limit=10):
    return attempts.abandon_orphaned(database="default", now=now, limit=limit)


def test_calls_of_wishes_that_nobody_claims_again_are_given_up_after_their_claim(wish):
    pending, finished = wish(), wish("order-2")
    made = {
        "of a pending wish": opened(pending),
        "of a finished wish": opened(finished),
        "of a payment alone": opened(None, Kind.INQUIRY, pending.payment),
    }
    Cancellation.objects.filter(pk=finished.pk).update(status="NEEDS_REVIEW")
    until = made["of a finished wish"].claim_until
    assert orphans(until) == 0
    assert orphans(until + TICK) == 2
    outcomes = {which: stored(attempt).outcome for which, attempt in made.items()}
    assert outcomes == {
        "of a pending wish": "OPEN",
        "of a finished wish": "UNKNOWN",
        "of a payment alone": "UNKNOWN",
    }
    kept = stored(made["of a finished wish"])
    assert (kept.error, kept.open_for, kept.finished_at) == ("abandoned", None, until + TICK)
    assert orphans(until + TICK) == 0


def test_orphans_are_given_up_as_many_at_once_as_told(wish, django_assert_num_queries):
    payment = wish().payment
    for _ in range(3):
        made = opened(None, Kind.INQUIRY, payment)
    now = made.claim_until + TICK
    assert [orphans(now, limit=2) for _ in range(3)] == [2, 1, 0]
    with django_assert_num_queries(1):
        orphans(now)


def test_a_finished_call_of_a_finished_wish_is_no_orphan(wish):
    attempt = opened(wish())
    attempts.record_answer(attempt, answer({}), Word.REFUSED)
    Cancellation.objects.update(status="NEEDS_REVIEW")
    assert orphans(attempt.claim_until + TICK) == 0


# --- later knowledge ------------------------------------------------------------------------------


def test_an_inquiry_proves_only_an_s_without_ids_of_the_same_payment(wish):
    cancellation, other = wish(), wish("order-2")
    words = (Word.S_UNBOUND, Word.NO_WORD)
    ours = [opened(cancellation, Kind.INQUIRY) for _ in words]
    foreign = opened(other)
    for attempt, word in zip([*ours, foreign], [*words, Word.S_UNBOUND], strict=True):
        attempts.record_answer(attempt, answer({}), word)
    attempts.prove(cancellation.payment)
    outcomes = [stored(attempt).outcome for attempt in (*ours, foreign)]
    assert outcomes == ["SUCCEEDED", "UNKNOWN", "UNKNOWN"]


def test_a_proof_changes_nothing_of_what_was_decided_otherwise(wish):
    attempt = opened(wish())
    attempts.record_answer(attempt, answer({}), Word.REFUSED)
    CancellationAttempt.objects.update(said=Word.S_UNBOUND)
    attempts.prove(attempt.payment)
    assert stored(attempt).outcome == "REJECTED"


def test_answers_that_were_never_stored_are_counted_per_wish_without_the_one_in_hand(wish, still):
    cancellation, other = wish(), wish("order-2")
    calls = [(cancellation, cancellation.payment)] * 3 + [(other, other.payment)]
    for of, payment in [*calls, (None, cancellation.payment)]:
        opened(of, Kind.INQUIRY, payment)
    attempts.record_answer(opened(cancellation, Kind.INQUIRY), answer({}), Word.NO_WORD)
    still.shift(61)
    for payment in (cancellation.payment, other.payment):
        attempts.abandon(payment, timezone.now())
    in_hand = opened(cancellation)
    assert attempts.not_stored(in_hand) == 3
    CancellationAttempt.objects.filter(pk=in_hand.pk).update(error="abandoned")
    assert attempts.not_stored(in_hand) == 3


def test_answers_to_payments_alone_are_counted_per_payment(wish, still):
    payment, other = wish().payment, wish("order-2").payment
    for of in (payment, payment, other):
        attempt = opened(None, Kind.INQUIRY, of)
    still.shift(61)
    for of in (payment, other):
        attempts.abandon(of, timezone.now())
    assert attempts.not_stored(opened(None, Kind.INQUIRY, payment)) == 2
    assert attempts.not_stored(attempt) == 0


def test_calls_are_looked_up_and_written_where_their_payment_is(wish, still):
    cancellation = wish()
    payment = cancellation.payment
    with override_settings(DATABASE_ROUTERS=[ByRow()]):
        attempt = opened(cancellation)
        assert attempts.newest(payment) == attempt.pk
        assert attempts.has_call_under_way(payment, timezone.now())
        assert attempts.not_stored(attempt) == 0
        attempts.record_answer(attempt, answer({}), Word.S_UNBOUND)
        attempts.prove(payment)
        opened(cancellation)
        still.shift(61)
        assert attempts.abandon(payment, timezone.now()) == 1
        assert orphans(timezone.now()) == 0
    assert stored(attempt).outcome == "SUCCEEDED"
