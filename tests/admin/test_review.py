"""Check now, ask again, close by hand."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import page_of, route, text, told

pytestmark = pytest.mark.django_db


def close(client, cancellation, **answers):
    return client.post(route(cancellation, "close"), answers)


def test_check_now_takes_over_what_alipay_says(gateway, pay, clerk):
    payment = pay(status="PROCESSING")
    gateway.payment("payment-order-1").status = "SUCCESS"
    response = clerk.post(route(payment, "refresh"))
    assert response["Location"] == page_of(payment)
    [(level, message)] = told(response)
    assert level == "success"
    assert "Alipay says of the payment: SUCCESS. Payment status here: paid." in message
    assert Payment.objects.get().status == "SUCCESS"
    assert LogEntry.objects.get().change_message == "Checked now."


def test_check_now_finishes_a_cancellation_whose_answer_was_lost(gateway, pay, clerk):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    assert services.cancel_payment(payment).status == "PENDING"
    [(level, message)] = told(clerk.post(route(payment, "refresh")))
    assert (level, "Payment status here: cancelled." in message) == ("success", True)
    assert Cancellation.objects.get().status == "SUCCEEDED"


def test_an_answer_that_cannot_be_trusted_changes_nothing(gateway, pay, clerk):
    payment = pay()
    gateway.misbehave(Fault.WRONG_KEY, api="inquiryPayment", calls=1)
    [(level, message)] = told(clerk.post(route(payment, "refresh")))
    assert level == "warning"
    assert "no answer that can be trusted" in message
    assert Payment.objects.get().checked_at is None


def test_ask_again_leaves_the_call_to_the_worker(gateway, in_review, clerk):
    cancellation = in_review()
    calls = len(gateway.calls)
    response = clerk.post(route(cancellation, "retry"))
    assert response["Location"] == page_of(cancellation)
    [(level, message)] = told(response)
    assert (level, "The result is not known yet." in message) == ("warning", True)
    cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.asked_by_name) == ("PENDING", "clerk")
    assert len(gateway.calls) == calls
    services.process_due_cancellations()
    assert Payment.objects.get().status == "CANCELLED"


def test_what_may_still_take_effect_is_not_closed_as_not_cancelled(in_review, operator):
    cancellation = in_review()
    [(level, message)] = told(close(operator, cancellation, cancelled="no", note="by phone"))
    assert (level, "may still take effect until" in message) == ("error", True)
    cancellation.refresh_from_db()
    assert cancellation.status == "NEEDS_REVIEW"


def test_what_is_no_longer_in_review_is_not_asked_again(in_review, operator, clock):
    cancellation = in_review()
    clock.shift(61)
    services.close_cancellation(cancellation, cancelled=False, closed_by="Ms Li", note="by phone")
    [(level, message)] = told(operator.post(route(cancellation, "retry")))
    assert (level, "no longer in review" in message) == ("error", True)
    [*_, (level, message)] = told(close(operator, cancellation, cancelled="yes", note="by phone"))
    assert (level, "no longer in review" in message) == ("error", True)
    assert Payment.objects.get().status == "SUCCESS"
    assert "Ask again" not in text(operator.get(page_of(cancellation)))


@pytest.mark.parametrize(
    ("answer", "status", "payment_status", "sentence"),
    [
        ("yes", "SUCCEEDED", "CANCELLED", "The payment is cancelled."),
        ("no", "REJECTED", "SUCCESS", "The payment was not cancelled."),
    ],
)
def test_a_person_closes_by_hand_with_name_and_note(
    gateway, in_review, staff, clock, answer, status, payment_status, sentence
):
    cancellation = in_review()
    clock.shift(61)
    calls = len(gateway.calls)
    closer = staff("closer", "close_cancellation")
    note = "Ms Li, Alipay's support, 10:30\r\nby phone"
    response = close(closer, cancellation, cancelled=answer, note=note)
    [(level, message)] = told(response)
    assert (level, sentence in message) == ("success", True)
    assert "Closed by hand by closer." in message
    cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.note) == (status, note)
    assert cancellation.closed_by.username == cancellation.closed_by_name == "closer"
    assert Payment.objects.get().status == payment_status
    page = text(closer.get(page_of(cancellation)))
    assert "Ms Li" in page
    assert "INVALID_SIGNATURE" not in page.partition("Attempt 1")[0]
    assert len(gateway.calls) == calls


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"cancelled": "yes"},
        {"cancelled": "yes", "note": "  "},
        {"cancelled": "maybe", "note": "by phone"},
        {"note": "by phone"},
        {"cancelled": "yes", "note": "x" * 2001},
        {"cancelled": "yes", "note": "bell \x07"},
    ],
)
def test_nothing_is_closed_without_a_clear_answer_and_a_note(in_review, operator, answers):
    cancellation = in_review()
    response = close(operator, cancellation, **answers)
    assert response.status_code == 200
    assert 'class="errorlist"' in text(response)
    cancellation.refresh_from_db()
    assert cancellation.status == "NEEDS_REVIEW"


def test_settings_that_cannot_work_are_told_in_a_sentence(settings, in_review, operator):
    cancellation = in_review()
    settings.ALIPAY_CANCEL = {"MERCHANTS": {}}
    for row, name in ((cancellation, "retry"), (cancellation.payment, "refresh")):
        [*_, (level, message)] = told(operator.post(route(row, name)))
        assert (level, "settings of this merchant" in message) == ("error", True)
    assert Cancellation.objects.get().status == "NEEDS_REVIEW"


def test_the_signal_of_a_close_by_hand_is_sent(
    in_review, operator, django_capture_on_commit_callbacks
):
    cancellation = in_review()
    with django_capture_on_commit_callbacks(execute=True):
        close(operator, cancellation, cancelled="yes", note="by phone")
    assert Cancellation.objects.get().announce_at is None
    assert Cancellation.objects.get().finished_at <= timezone.now()


def test_who_closes_sees_the_money_the_history_and_can_check_first(in_review, operator):
    cancellation = in_review()
    payment = cancellation.payment
    page = text(operator.get(route(cancellation, "close")))
    assert "12.50 USD" in page
    assert page_of(payment) in page
    assert f'action="{route(payment, "refresh")}"' in page


def test_which_word_was_given_and_the_note_stand_in_the_history(in_review, operator):
    cancellation = in_review()
    form = {"cancelled": "yes", "note": "Ticket T-4711"}
    operator.post(route(cancellation, "close"), form)
    entry = LogEntry.objects.latest("pk")
    assert entry.change_message == "Closed by hand as cancelled: Ticket T-4711"
    page = text(operator.get(page_of(cancellation.payment)))
    assert "The payment is cancelled." in page
    assert "Ticket T-4711" in page
