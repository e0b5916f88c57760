"""What is stored of an answer about a refund, how a wish turns to one, and what wakes it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import finish, hearing, schedule, waking
from django_alipay_cancel.services.history import Listed, Word
from django_alipay_cancel.services.turning import turned
from tests.services.test_refund_words import SHOWN, TOLD, refunded, told
from tests.services.test_words import UNSIGNED, S, answer, refused

# A turn is looked at here without the refund that is opened with it.
pytestmark = [pytest.mark.django_db, pytest.mark.broken_rows]

Kind = CancellationAttempt.Kind
REFUNDED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _refunds_are_on(settings):
    merchant = {"CLIENT_ID": "c", "PRIVATE_KEY": "k", "ALIPAY_PUBLIC_KEY": "k"}
    settings.ALIPAY_CANCEL = {
        "MERCHANTS": {"default": merchant, "tokyo": merchant},
        "REFUNDS": True,
        "REFUND_NOTIFY_URL": "https://shop.example/n",
    }


@pytest.fixture
def wish():
    """Make a wish to give 1250 USD back, claimed, and turned to a refund unless told otherwise."""

    def make(name="order-1", merchant="default", payment_id="2019", turns=True, or_refund=True):
        payment = services.record_payment(
            merchant=merchant,
            payment_request_id=f"request-{name}",
            payment_id=payment_id,
            amount_value=1250,
            amount_currency="USD",
            paid_at=timezone.now(),
        )
        made = Cancellation(
            payment=payment,
            open_for=payment,
            source="code",
            or_refund=or_refund,
            asked_at=timezone.now(),
            created_at=timezone.now(),
        )
        schedule.start(made, claimed=True)
        made.save()
        payment.begin_cancellation()
        payment.save()
        if turns:
            assert turned(payment, made, shown(), made.next_attempt_at)
        return made

    return make


def shown(**facts):
    return answer({**S, **SHOWN, **facts})


def attempt(wish, kind, **facts):
    now = timezone.now()
    made = CancellationAttempt(
        payment=wish.payment,
        cancellation=wish,
        number=wish.attempts.count() + 1,
        kind=kind,
        open_for=wish if kind in CancellationAttempt.ACTING else None,
        client_id="c",
        sent_at=now,
        claim_until=now,
        request_body="{}",
        **facts,
    )
    made.save()
    return made


def store(made, facts):
    """Store an answer as a pass does; return the rows as they are stored then."""
    payment, said = made.payment, answer(facts)
    word = hearing.word_of(made, said)
    with transaction.atomic():
        finish.lock(payment)
        hearing.store(made, said, word, payment)
    stored = CancellationAttempt.objects.select_related("payment", "cancellation").get(pk=made.pk)
    return word, stored


# --- what is heard --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "facts", "word"),
    [
        (Kind.CANCEL, S, Word.YES),
        (Kind.REFUND, {**S, **told()}, Word.ACCEPTED),
        (Kind.REFUND, {**S, **told(amount_value=1249)}, Word.MIXED),
        (Kind.REFUND, {**S, **told(amount_currency="EUR")}, Word.MIXED),
        (Kind.REFUND_INQUIRY, {**S, **told(status="SUCCESS")}, Word.REFUND_DONE),
        (Kind.REFUND_INQUIRY, {**S, **told(status="SUCCESS", amount_value=1249)}, Word.MIXED),
        (Kind.REFUND_INQUIRY, {**S, **told(status="SUCCESS", amount_currency="EUR")}, Word.MIXED),
        (Kind.INQUIRY, {**S, "payment_status": "SUCCESS"}, Word.SHOWS_TAKEN),
    ],
)
def test_an_answer_is_heard_by_what_was_asked(wish, kind, facts, word):
    assert hearing.word_of(attempt(wish(), kind), answer(facts)) is word


def test_an_inquiry_is_taken_over_and_says_what_of_refunds_it_lists(wish):
    made = attempt(wish(turns=False), Kind.INQUIRY)
    facts = {**S, **SHOWN, **refunded(1250), "payment_status": "SUCCESS"}
    word, stored = store(made, facts)
    assert (word, stored.said, stored.refund_status) == ("SHOWS_TAKEN", "SHOWS_TAKEN", Listed.ALL)
    assert (stored.payment.checked_status, stored.payment.refunded_value) == ("SUCCESS", 1250)
    assert stored.payment.events.filter(kind="paid", source="inquiry").count() == 1


@pytest.mark.parametrize(
    ("recorded", "listed"),
    [
        ({}, Listed.NOTHING),
        ({"amount_value": 1249}, Listed.CONTRADICTED),
        ({"amount_currency": "EUR"}, Listed.CONTRADICTED),
    ],
)
def test_what_an_inquiry_lists_is_compared_with_what_the_shop_recorded(wish, recorded, listed):
    made = attempt(wish(turns=False), Kind.INQUIRY)
    for name, value in recorded.items():
        setattr(made.payment, name, value)
    assert store(made, {**S, **told(), "payment_status": "SUCCESS"})[1].refund_status == listed


def test_without_an_id_of_alipays_no_inquiry_says_that_nothing_is_refunded(wish):
    made = attempt(wish(turns=False, payment_id=None), Kind.INQUIRY)
    facts = {**S, **told(), "payment_status": "SUCCESS"}
    assert store(made, facts)[1].refund_status == Listed.CONTRADICTED


@pytest.mark.parametrize(
    ("or_refund", "facts"),
    [
        (False, {**S, **SHOWN, "payment_status": "SUCCESS"}),
        (True, {**S, "payment_status": "SUCCESS"}),
        (True, {**S, **SHOWN, "payment_status": "SUCCESS", **UNSIGNED}),
    ],
)
def test_nothing_is_said_of_refunds_unasked_unread_or_unverified(wish, or_refund, facts):
    made = attempt(wish(turns=False, or_refund=or_refund), Kind.INQUIRY)
    assert store(made, facts)[1].refund_status == ""


def test_an_inquiry_without_a_wish_says_nothing_of_refunds(wish):
    made = attempt(wish(turns=False), Kind.INQUIRY)
    made.cancellation = None
    made.save()
    assert store(made, {**S, **SHOWN, "payment_status": "SUCCESS"})[1].refund_status == ""


def test_no_refund_and_no_cancel_lists_anything(wish):
    made = attempt(wish(), Kind.REFUND)
    assert store(made, {**S, **told(status="SUCCESS")})[1].refund_status == ""
    made = attempt(wish("order-2", payment_id="2020", turns=False), Kind.CANCEL)
    assert store(made, {**refused("PROCESS_FAIL"), **told()})[1].refund_status == ""


def test_an_inquiry_of_a_refund_keeps_alipays_own_status_as_far_as_it_fits(wish):
    made = attempt(wish(), Kind.REFUND_INQUIRY)
    word, stored = store(made, {**S, **told(status="A_STATUS_OF_NEXT_YEAR")})
    assert (word, stored.refund_status) == ("NO_WORD", "A_STATUS_OF_NEXT")
    assert stored.payment.checked_at is None, "it shows nothing of the payment"


@pytest.mark.parametrize(
    ("kind", "status", "kept"),
    [
        (Kind.REFUND, "", True),
        (Kind.REFUND_INQUIRY, "PROCESSING", True),
        (Kind.REFUND_INQUIRY, "FAIL", True),
        (Kind.REFUND_INQUIRY, "SUCCESS", True),
        (Kind.REFUND_INQUIRY, "MELTED", False),
    ],
)
def test_alipays_id_of_the_refund_is_kept_when_a_word_of_it_is_believed(wish, kind, status, kept):
    made = attempt(wish(), kind)
    stored = store(made, {**S, **told(status=status)})[1]
    assert stored.cancellation.refund_id == ("refund-1" if kept else "")
    assert made.cancellation.refund_id == stored.cancellation.refund_id


def test_an_id_that_is_kept_is_neither_changed_nor_emptied_nor_anothers(wish):
    mine, other = wish(), wish("order-2", payment_id="2020")
    made = attempt(mine, Kind.REFUND)
    store(made, {**S, **told(refund_id="")})
    assert Cancellation.objects.get(pk=mine.pk).refund_id == ""
    Cancellation.objects.filter(pk=mine.pk).update(refund_id="first")
    facts = {**S, **told(status="PROCESSING")}
    store(attempt(mine, Kind.REFUND_INQUIRY), facts)
    assert Cancellation.objects.get(pk=mine.pk).refund_id == "first", "written by another process"
    assert Cancellation.objects.get(pk=other.pk).refund_id == ""
    mine.refresh_from_db()
    store(attempt(mine, Kind.REFUND_INQUIRY), facts)
    assert mine.refund_id == "first", "as it was read"


@pytest.mark.parametrize(
    ("status", "at"), [("SUCCESS", REFUNDED_AT), ("PROCESSING", None), ("FAIL", None)]
)
def test_the_time_of_a_refund_is_kept_when_it_is_done(wish, status, at):
    made = attempt(wish(), Kind.REFUND_INQUIRY)
    store(made, {**S, **told(status=status, refunded_at=REFUNDED_AT)})
    assert made.payment.refunded_at == storable(at)


def test_a_time_that_is_known_is_not_dated_anew(wish):
    made = attempt(wish(), Kind.REFUND_INQUIRY)
    made.payment.refunded_at = first = storable(REFUNDED_AT - timedelta(days=1))
    store(made, {**S, **told(status="SUCCESS", refunded_at=REFUNDED_AT)})
    assert made.payment.refunded_at == first


# --- the turn -------------------------------------------------------------------------------------


def test_a_wish_turns_over_what_the_inquiry_showed(wish):
    made = wish(turns=False)
    shows = shown(refund=replace(TOLD, amount_value=1300, amount_currency="EUR"))
    body = json.loads(turned(made.payment, made, shows, made.next_attempt_at))
    assert body == {
        "refundRequestId": made.pk.hex,
        "paymentId": "2019",
        "refundAmount": {"currency": "EUR", "value": "1300"},
        "refundNotifyUrl": "https://shop.example/n",
    }
    stored = Cancellation.objects.select_related("payment").get()
    assert (stored.means, stored.refund_value, stored.refund_currency) == ("refund", 1300, "EUR")
    assert stored.payment.status == "REFUNDING"


@pytest.mark.parametrize(
    ("told_id", "own", "used"), [("2020", "2019", "2020"), ("", "2019", "2019"), ("3", None, "3")]
)
def test_the_payment_is_named_by_alipays_id_of_it(wish, told_id, own, used):
    made = wish(turns=False, payment_id=own)
    body = turned(made.payment, made, shown(payment_id=told_id), made.next_attempt_at)
    assert json.loads(body)["paymentId"] == used


def test_a_payment_that_has_no_id_anywhere_is_not_refunded(wish):
    made = wish(turns=False, payment_id=None)
    with pytest.raises(ValueError, match="payment_id"):
        turned(made.payment, made, shown(payment_id=""), made.next_attempt_at)


def test_a_wish_that_has_turned_has_its_body_and_one_whose_claim_is_lost_does_not_turn(wish):
    made = wish()
    assert turned(made.payment, made, None, made.next_attempt_at) == ""
    lost = wish("order-2", payment_id="2020", turns=False)
    token = lost.next_attempt_at - timedelta(seconds=1)
    assert turned(lost.payment, lost, shown(), token) == ""
    stored = Cancellation.objects.select_related("payment").get(pk=lost.pk)
    assert (stored.means, stored.payment.status) == ("cancel", "CANCELLING")


# --- what wakes it --------------------------------------------------------------------------------


def due_in_an_hour(made):
    at = timezone.now() + timedelta(hours=1)
    Cancellation.objects.filter(pk=made.pk).update(next_attempt_at=at)
    return at


def test_a_message_makes_the_wish_of_its_refund_due_now(wish, still):
    made, other = wish(), wish("order-2", payment_id="2020")
    for each in (made, other):
        at = due_in_an_hour(each)
    assert waking.wake_refund("default", made.pk.hex) == made.payment
    due = Cancellation.objects.in_bulk()
    assert due[made.pk].next_attempt_at == timezone.now()
    assert due[other.pk].next_attempt_at == at


@pytest.mark.parametrize("asked", ["no id", "", "0" * 32])
def test_a_message_about_another_refund_wakes_nothing(wish, asked):
    made = wish()
    at = due_in_an_hour(made)
    assert waking.wake_refund("default", asked) is None
    assert Cancellation.objects.get().next_attempt_at == at


def test_a_message_to_another_merchant_or_of_a_wish_that_cancels_wakes_nothing(wish):
    assert waking.wake_refund("tokyo", wish().pk.hex) is None
    assert waking.wake_refund("default", wish("2", payment_id="2", turns=False).pk.hex) is None


def test_a_message_wakes_nothing_while_a_call_is_under_way(wish, still):
    made = wish()
    at = due_in_an_hour(made)
    attempt(made, Kind.REFUND)
    CancellationAttempt.objects.update(claim_until=timezone.now() + timedelta(seconds=1))
    assert waking.wake_refund("default", made.pk.hex) == made.payment
    assert Cancellation.objects.get().next_attempt_at == at
    still.shift(1)
    waking.wake_refund("default", made.pk.hex)
    assert Cancellation.objects.get().next_attempt_at == timezone.now()


def test_a_message_wakes_no_wish_that_is_over(wish):
    made = wish()
    finish.succeed_refunded(made.payment, made, code="", message="")
    assert waking.wake_refund("default", made.pk.hex) == made.payment
    stored = Cancellation.objects.select_related("payment").get()
    assert (stored.status, stored.next_attempt_at) == ("REFUNDED", None)
    assert Payment.objects.get().status == "REFUNDED"
