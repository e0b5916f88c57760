"""The history of a payment as its rows tell it, and what is added to them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment, PaymentEvent
from django_alipay_cancel.services import evidence
from django_alipay_cancel.services.history import AskedBy, FactKind, Listed, WishState, Word
from django_alipay_cancel.testing import Fault

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
STATES = {
    WishState.PENDING: lambda wish: None,
    WishState.IN_REVIEW: lambda wish: wish.need_review(),
    WishState.OVER: lambda wish: wish.reject(timezone.now()),
}


@pytest.fixture
def payment(pay):
    return pay(status="PROCESSING")


def facts_of(payment):
    facts = evidence.history_of(payment, None).facts
    return {fact.kind: (fact.learned_at, fact.signed) for fact in facts}


# --- what is read ---------------------------------------------------------------------------------


def test_calls_are_read_as_they_stand_in_their_rows_the_first_one_first(gateway, payment):
    other = services.record_payment(payment_request_id="another-payment")
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")
    services.cancel_payment(payment)
    services.refresh_payment(payment, requested_by="clerk")
    rows = CancellationAttempt.objects.order_by("pk")
    calls = evidence.history_of(payment, None).calls
    assert [call.cancels for call in calls] == [True, False]
    assert [call.by for call in calls] == [AskedBy.SCHEDULE, AskedBy.PERSON]
    for call, row in zip(calls, rows, strict=True):
        assert (call.wish, call.opened_at) == (row.cancellation_id, row.sent_at)
        assert (call.claim_until, call.answered_at) == (row.claim_until, row.finished_at)
        assert (call.said, call.response_time) == (row.said, row.response_time)
        assert (call.code, call.message) == (row.result_code, row.result_message)
        assert call.error == row.error
    assert calls[0].error == "connection_lost" and calls[1].response_time is not None
    assert evidence.history_of(other, None).calls == []


def test_an_open_call_has_said_nothing(gateway, payment):
    services.cancel_payment(payment)
    CancellationAttempt.objects.update(said="")
    assert evidence.history_of(payment, None).calls[0].said is None


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("source", ["code", "no_result"])
def test_a_wish_is_read_with_its_state_and_who_made_it(payment, source, state):
    wish = services.request_cancellation(payment, source=source)
    STATES[state](wish)
    read = evidence.history_of(payment, wish).wish
    assert (read.key, read.state, read.no_result) == (wish.pk, state, source != "code")
    assert (read.asked_at, read.due, read.seen) == (wish.asked_at, wish.next_attempt_at, 0)


@pytest.mark.parametrize("or_refund", [True, False])
@pytest.mark.parametrize("means", ["cancel", "refund"])
def test_a_wish_is_read_with_what_it_says_of_refunds(payment, or_refund, means):
    wish = services.request_cancellation(payment)
    wish.or_refund, wish.means = or_refund, means
    read = evidence.history_of(payment, wish).wish
    assert (read.or_refund, read.refunds) == (or_refund, means == "refund")


@pytest.mark.parametrize(
    ("kind", "status", "read"),
    [
        ("cancel", "", (True, False, False, None)),
        ("refund", "SUCCESS", (False, True, False, None)),
        ("refund_inquiry", "SUCCESS", (False, False, True, None)),
        ("inquiry", "ALL", (False, False, False, Listed.ALL)),
        ("inquiry", "", (False, False, False, None)),
    ],
)
def test_a_call_is_read_by_its_kind_with_what_an_inquiry_lists(kind, status, read):
    now = timezone.now()
    row = CancellationAttempt(kind=kind, refund_status=status, sent_at=now, claim_until=now)
    call = evidence._call(row)
    assert (call.cancels, call.refunds, call.asks_refund, call.listed) == read


def test_what_was_told_of_another_payment_is_no_fact_of_this_one(payment):
    services.record_payment(payment_request_id="another-payment", paid_at=timezone.now())
    assert facts_of(payment) == {}


def test_a_claim_goes_before_the_rows_own_time_and_says_what_it_has_seen(gateway, payment):
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=2)
    wish = services.cancel_payment(payment)
    services.refresh_payment(payment)
    first, second = CancellationAttempt.objects.order_by("pk")
    claimed_at = timezone.now()
    read = evidence.history_of(payment, wish, claimed_at=claimed_at, seen=first.pk).wish
    assert (read.due, read.seen) == (claimed_at, 1)
    assert evidence.history_of(payment, wish, seen=second.pk).wish.seen == 2
    assert evidence.history_of(payment, wish).wish.seen == 2


def test_without_a_wish_the_payment_itself_is_looked_after_from_its_beginning(payment):
    wish = evidence.history_of(payment, None).wish
    assert (wish.key, wish.state, wish.due) == (None, WishState.NONE, None)
    assert (wish.asked_at, wish.seen) == (payment.created_at, 0)


def test_without_a_wish_all_calls_have_been_seen(gateway, payment):
    services.refresh_payment(payment)
    assert evidence.history_of(payment, None).wish.seen == 1


@pytest.mark.parametrize(("value", "listed"), [(None, False), (0, True), (5, True)])
def test_a_refund_is_listed_from_the_first_inquiry_on_that_lists_one(payment, value, listed):
    payment.refunded_value = value
    assert evidence.history_of(payment, None).refund_listed is listed


@pytest.mark.parametrize(
    ("source", "signed"),
    [("shop", False), ("import", False), ("notification", True), ("inquiry", True)],
)
def test_a_fact_is_signed_when_alipay_told_it(payment, still, source, signed):
    still.shift(60)
    evidence.append_event(payment, "paid", source=source, at=timezone.now() - MINUTE)
    assert facts_of(payment) == {FactKind.PAID: (timezone.now(), signed)}


def test_a_row_that_the_shop_wrote_itself_tells_its_facts_from_the_beginning(payment):
    payment.paid_at = payment.failed_at = payment.authorized_at = timezone.now() + MINUTE
    evidence.append_event(payment, "failed", source="inquiry")
    told = facts_of(payment)
    assert told[FactKind.PAID] == told[FactKind.AUTHORIZED] == (payment.created_at, False)
    assert told[FactKind.FAILED][1] is True


def test_beside_a_replica_the_history_is_read_from_where_it_is_written(gateway, payment, replica):
    evidence.append_event(payment, "paid", source="shop")
    services.refresh_payment(payment)
    with replica():
        history = evidence.history_of(payment, None)
    assert (len(history.calls), len(history.facts)) == (1, 1)


# --- what is added --------------------------------------------------------------------------------


def test_an_event_says_what_when_from_whom_and_by_whom(payment, still):
    still.shift(60)
    at = timezone.now() - MINUTE
    evidence.append_event(payment, "checked", source="person", at=at, person="clerk", text="why")
    event = PaymentEvent.objects.get(kind="checked")
    assert (event.payment, event.at, event.learned_at) == (payment, at, timezone.now())
    assert (event.source, event.person, event.person_name) == ("person", None, "clerk")
    assert event.text == "why"
    evidence.append_event(payment, "checked", source="person")
    assert PaymentEvent.objects.get(kind="checked", at=timezone.now()).text == ""


def test_an_event_keeps_the_account_of_whoever_has_one(payment):
    clerk = get_user_model().objects.create_user("clerk")
    evidence.append_event(payment, "checked", source="person", person=clerk)
    event = PaymentEvent.objects.get(kind="checked")
    assert (event.person, event.person_name) == (clerk, "clerk")


def test_a_fact_is_kept_once_from_alipay_and_once_from_each_other(payment):
    for source in ("shop", "shop", "import", "notification", "inquiry", "notification"):
        evidence.append_event(payment, "paid", source=source)
    told = PaymentEvent.objects.filter(kind="paid").values_list("source", flat=True)
    assert sorted(told) == ["import", "notification", "shop"]
    other = services.record_payment(payment_request_id="another-payment")
    evidence.append_event(other, "paid", source="shop")
    evidence.append_event(payment, "failed", source="shop")
    assert PaymentEvent.objects.filter(kind__in=["paid", "failed"]).count() == 5


def test_beside_a_replica_a_fact_is_compared_with_what_was_written(payment, replica):
    with replica():
        evidence.append_event(payment, "paid", source="shop")
        evidence.append_event(payment, "paid", source="shop")
    assert PaymentEvent.objects.filter(kind="paid").count() == 1


def take_over(payment, word, **facts):
    answer = Answer(sent=True, result_status="S", result_code="SUCCESS", **facts)
    with transaction.atomic():
        evidence.take_over(payment, answer, word)
    return Payment.objects.get(pk=payment.pk)


@pytest.mark.parametrize("word", [Word.NO_WORD, Word.NOTHING_SENT, Word.MISCONFIGURED])
def test_an_inquiry_that_says_nothing_leaves_the_payment_as_it_is(payment, word):
    stored = take_over(payment, word, payment_status="SUCCESS")
    assert (stored.status, stored.checked_at, stored.checked_status) == ("PROCESSING", None, "")


PAID_AT = timezone.now().replace(microsecond=0) - MINUTE
SHOWN = {
    "paid": (Word.SHOWS_TAKEN, {}, "SUCCESS", {"paid"}),
    "captured": (Word.SHOWS_TAKEN, {"captured": True}, "SUCCESS", {"paid", "captured"}),
    "authorized": (Word.SHOWS_TAKEN, {"auth_expires_at": PAID_AT}, "AUTHORIZED", {"authorized"}),
    "failed": (Word.SHOWS_FAILED, {}, "FAIL", {"failed"}),
    "unpaid": (Word.SHOWS_UNPAID, {}, "PROCESSING", set()),
    "unknown": (Word.UNKNOWN_PAYMENT, {}, "PROCESSING", set()),
}


@pytest.mark.parametrize("shown", SHOWN)
def test_what_an_inquiry_shows_is_stored_with_its_time_and_kept_as_evidence(payment, still, shown):
    word, facts, status, kinds = SHOWN[shown]
    still.shift(60)
    stored = take_over(payment, word, payment_time=PAID_AT, payment_status="TOLD", **facts)
    assert (stored.status, stored.checked_status) == (status, "TOLD")
    assert stored.checked_at == stored.updated_at == timezone.now()
    events = PaymentEvent.objects.exclude(kind="recorded")
    assert {event.kind for event in events} == kinds
    assert {event.source for event in events} <= {"inquiry"}
    for event in events:
        assert event.at == (timezone.now() if shown == "failed" else PAID_AT)
    assert stored.paid_at == (PAID_AT if "paid" in kinds else None)
    assert stored.authorized_at == (PAID_AT if "authorized" in kinds else None)
    assert stored.failed_at == (timezone.now() if "failed" in kinds else None)


def test_an_inquiry_without_a_status_or_a_time_is_told_by_its_code_and_dated_now(payment, still):
    stored = take_over(payment, Word.SHOWS_TAKEN)
    assert (stored.checked_status, stored.paid_at) == ("SUCCESS", timezone.now())


def test_an_authorization_that_shows_as_taken_stays_one_until_anything_says_paid(pay):
    authorized = pay("booking", status="AUTHORIZED")
    assert take_over(authorized, Word.SHOWS_TAKEN).paid_at is None
    Payment.objects.update(paid_at=PAID_AT)
    authorized.refresh_from_db()
    take_over(authorized, Word.SHOWS_TAKEN)
    assert "paid" in authorized.events.values_list("kind", flat=True)


def test_a_failure_is_taken_back_when_an_inquiry_shows_the_payment_as_taken(payment):
    take_over(payment, Word.SHOWS_FAILED)
    assert take_over(payment, Word.SHOWS_TAKEN).status == "SUCCESS"


@pytest.mark.parametrize(("value", "stored"), [(250, 250), (None, 0)])
def test_refunds_that_are_listed_are_kept_by_their_amount_when_it_is_told(payment, value, stored):
    facts = {"refund_listed": True, "refunded_value": value}
    assert take_over(payment, Word.SHOWS_TAKEN, **facts).refunded_value == stored
    assert take_over(payment, Word.SHOWS_TAKEN, refunded_value=7).refunded_value == stored


@pytest.mark.parametrize(("by_alipay", "status"), [(True, "SUCCESS"), (False, "FAIL")])
def test_out_of_a_failure_leads_only_what_alipay_says(payment, by_alipay, status):
    evidence.learn(payment, {FactKind.FAILED: PAID_AT}, by_alipay=False)
    assert payment.status == "FAIL"
    changed = evidence.learn(payment, {FactKind.PAID: PAID_AT}, by_alipay=by_alipay)
    assert (payment.status, payment.paid_at, changed) == (status, PAID_AT, ["paid_at"])


def test_a_fact_that_is_known_is_not_dated_anew(payment):
    evidence.learn(payment, {FactKind.AUTHORIZED: PAID_AT}, by_alipay=True)
    again = {FactKind.AUTHORIZED: PAID_AT + MINUTE, FactKind.PAID: PAID_AT + MINUTE}
    assert evidence.learn(payment, again, by_alipay=True) == ["paid_at"]
    assert (payment.authorized_at, payment.paid_at) == (PAID_AT, PAID_AT + MINUTE)
    assert payment.status == "SUCCESS"


# --- what nobody expected any more ----------------------------------------------------------------


@pytest.fixture
def heard(caplog):
    """Collect which of the signals about a late payment were sent, and for which payment."""
    told = []
    names = ("paid_after_cancellation", "paid_after_failure", "paid_after_rejection")
    receivers = {}
    for name in names:

        def receive(sender, payment, name=name, **kwargs):
            told.append((name, payment.pk))

        receivers[name] = receive
        getattr(signals, name).connect(receive, sender=Payment)
    yield told
    for name, receive in receivers.items():
        getattr(signals, name).disconnect(receive, sender=Payment)


def announce(payment, *fields):
    with transaction.atomic():
        evidence.announce_late_fact(payment, fields or ["paid_at"])


def rejected(payment, code):
    wish = services.request_cancellation(payment)
    wish.reject(timezone.now())
    wish.result_code = code
    wish.save()
    payment.refresh_from_db()
    payment.restore()
    payment.save()


@pytest.mark.parametrize(
    ("code", "told"), [("ORDER_NOT_EXIST", ["paid_after_rejection"]), ("PROCESS_FAIL", [])]
)
def test_a_payment_after_alipay_knew_of_none_is_told(payment, heard, caplog, code, told):
    rejected(payment, code)
    announce(payment)
    assert heard == [(name, payment.pk) for name in told]
    warned = f"Payment {payment.id} was reported as paid although it is PROCESSING."
    assert (warned in caplog.messages) is bool(told)


def test_a_payment_that_alipay_does_not_know_yet_may_still_be_reported_as_paid(payment, heard):
    wish = services.request_cancellation(payment)
    Cancellation.objects.filter(pk=wish.pk).update(result_code="ORDER_NOT_EXIST")
    announce(payment)
    assert heard == []


def test_a_payment_after_a_failure_or_a_cancellation_is_told_by_its_own_signal(
    gateway, payment, heard
):
    payment.failed_at = PAID_AT
    announce(payment)
    services.cancel_payment(services.record_payment(payment_request_id="request-order-1"))
    announce(Payment.objects.get())
    assert [name for name, _ in heard] == ["paid_after_failure", "paid_after_cancellation"]


def test_a_late_payment_is_told_after_the_commit_in_its_own_database(gateway, heard, elsewhere):
    with elsewhere():
        payment = services.record_payment(payment_request_id="request-order-1")
        payment.failed_at = PAID_AT
        with transaction.atomic(using="elsewhere"):
            evidence.announce_late_fact(payment, ["paid_at"])
            assert heard == []
    assert heard == [("paid_after_failure", payment.pk)]


def test_only_a_payment_that_is_new_is_told_and_an_expected_one_is_not(payment, heard):
    announce(payment)
    payment.failed_at = PAID_AT
    announce(payment, "checked_at", "failed_at")
    assert heard == []


def test_it_was_paid_after_its_cancellation_by_the_order_in_which_both_were_learned(
    gateway, payment, still
):
    services.cancel_payment(payment)
    payment.paid_at = PAID_AT
    assert not evidence.was_paid_after_cancellation(payment)
    still.shift(60)
    other = services.record_payment(payment_request_id="another-payment")
    evidence.append_event(other, "paid", source="notification", at=PAID_AT)
    evidence.append_event(payment, "authorized", source="notification", at=PAID_AT)
    evidence.append_event(payment, "paid", source="notification", at=PAID_AT + MINUTE)
    assert not evidence.was_paid_after_cancellation(payment), "another fact than the one it has"
    payment.paid_at = PAID_AT + MINUTE
    assert evidence.was_paid_after_cancellation(payment)
    Cancellation.objects.update(finished_at=timezone.now() + MINUTE)
    assert evidence.was_paid_after_cancellation(payment), "a call had told it before"
    CancellationAttempt.objects.update(finished_at=timezone.now() + MINUTE)
    assert not evidence.was_paid_after_cancellation(payment)
    Cancellation.objects.update(finished_at=timezone.now() - MINUTE)
    assert evidence.was_paid_after_cancellation(payment), "a person had closed it before"


def test_what_was_learned_at_the_moment_of_the_cancellation_did_not_come_after_it(
    gateway, payment, still
):
    services.cancel_payment(payment)
    evidence.append_event(payment, "paid", source="notification", at=PAID_AT)
    payment.paid_at = PAID_AT
    assert not evidence.was_paid_after_cancellation(payment)


def test_beside_a_replica_what_came_first_is_read_from_where_it_is_written(payment, replica, heard):
    rejected(payment, "ORDER_NOT_EXIST")
    payment.paid_at = PAID_AT
    with replica():
        assert not evidence.was_paid_after_cancellation(payment)
        announce(payment)
    assert heard == [("paid_after_rejection", payment.pk)]
