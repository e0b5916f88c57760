"""One payment's page: what Alipay said, what can be done, the timeline, the text for support."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.admin import payment_admin
from django_alipay_cancel.admin.sentences import attempt_sentence
from django_alipay_cancel.admin.showing import moment
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import page_of, text, the_cancellation

pytestmark = pytest.mark.django_db


def timeline(client, payment):
    """The entries of the timeline as plain text, without their times."""
    page = text(client.get(page_of(payment)))
    [entries] = re.findall(r'<ol class="alipay-timeline">(.*?)</ol>', page, re.DOTALL)
    return [
        " ".join(re.sub("<time.*?</time>|<[^>]*>", " ", entry, flags=re.DOTALL).split())
        for entry in entries.split("</li>")[:-1]
    ]


def said(client, payment):
    """What the page says that Alipay said last."""
    page = text(client.get(page_of(payment)))
    sentence = re.search(r'<p class="alipay-sentence">(.*?)</p>', page, re.DOTALL)[1]
    return " ".join(re.sub("<[^>]*>", " ", sentence).split())


def test_the_timeline_tells_everything_in_order(gateway, pay, fall_due, viewer):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
    services.cancel_payment(payment, reason="ordered twice", requested_by="Ms Li")
    for _ in range(2):
        fall_due()
        services.process_due_cancellations()
    expected = [
        r"Paid by the buyer",
        r"Payment recorded here",
        r"Cancellation asked for by Ms Li \(code\) Reason: ordered twice",
        r"Attempt 1: cancel result unknown The connection broke .* Took \d\.\d\d s",
        r"Attempt 2: cancel result unknown UNKNOWN_EXCEPTION Alipay cannot .* s HTTP 200",
        r"Attempt 3: inquiry succeeded SUCCESS Alipay says of the payment: SUCCESS\. .*",
        r"Attempt 4: cancel succeeded SUCCESS Alipay cancelled the payment\. .*",
        r"Cancellation finished succeeded The payment is cancelled\. All the money goes back .*",
    ]
    # By Alipay's clock, which has whole seconds: it may stand before the end of the last call.
    shown = [line for line in timeline(viewer, payment) if "Cancelled at Alipay" not in line]
    assert len(timeline(viewer, payment)) == len(shown) + 1
    assert len(shown) == len(expected)
    for line, pattern in zip(shown, expected, strict=True):
        assert re.fullmatch(pattern, line), line


def test_what_alipay_dates_in_whole_seconds_stands_after_what_was_asked(pay, viewer):
    payment = pay()
    services.cancel_payment(payment)
    titles = [line.partition(" (code)")[0] for line in timeline(viewer, payment)]
    asked, cancelled = "Cancellation asked for", "Cancelled at Alipay, by its own clock"
    assert titles.index(asked) < titles.index(cancelled)


def test_what_is_to_come_and_who_asked_again_are_told(gateway, in_review, viewer):
    cancellation = in_review()
    payment = cancellation.payment
    assert timeline(viewer, payment)[-1] == "Next inquiry needs review"
    services.retry_cancellation(cancellation, requested_by="Mr Wu")
    Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=5))
    assert timeline(viewer, payment)[-2:] == [
        "Asked again by Mr Wu",
        "Next repeat accepted, waiting for the result",
    ]
    page = text(viewer.get(page_of(payment)))
    assert str(moment(Cancellation.objects.get().next_attempt_at)) in page
    Cancellation.objects.update(status="NEEDS_REVIEW")
    assert timeline(viewer, payment)[-1] == "Next inquiry needs review"


def test_a_code_in_an_answer_that_is_not_accepted_says_so_and_why(in_review, viewer):
    [line] = [x for x in timeline(viewer, in_review().payment) if x.startswith("Attempt 1")]
    assert "INVALID_SIGNATURE not accepted The answer is not signed" in line


def test_who_closed_and_with_which_note_is_told(in_review, viewer):
    cancellation = in_review()
    services.close_cancellation(
        cancellation, cancelled=True, closed_by="Ms Li", note="Alipay's support, by phone"
    )
    assert timeline(viewer, cancellation.payment)[-1] == (
        "Cancellation finished succeeded The payment is cancelled. All the money goes back to the "
        "buyer. Closed by hand by Ms Li. Alipay's support, by phone"
    )


def test_facts_of_every_kind_stand_in_the_timeline(pay, viewer):
    now = timezone.now()
    payment = pay(status="PROCESSING")
    Payment.objects.update(
        authorized_at=now + timedelta(seconds=1),
        failed_at=now + timedelta(seconds=2),
        cancelled_at=now + timedelta(seconds=3),
    )
    assert [line.partition(":")[0] for line in timeline(viewer, payment)] == [
        "Payment recorded here",
        "Payment authorized",
        "Payment failed",
        "Cancelled at Alipay, by its own clock",
    ]


def test_several_cancellations_stand_in_one_timeline_and_the_newest_above(gateway, pay, viewer):
    payment = pay()
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(payment, reason="first")
    services.cancel_payment(payment, reason="second")
    lines = [line for line in timeline(viewer, payment) if "Cancellation" in line]
    assert [line.split()[-1] for line in lines if "asked for" in line] == ["first", "second"]
    page = text(viewer.get(page_of(payment)))
    above = page.partition('class="alipay-timeline"')[0]
    assert "The payment is cancelled." in above
    assert "refund the payment" not in above


def test_an_old_advice_to_refund_is_taken_back_once_the_payment_is_cancelled(gateway, pay, viewer):
    payment = pay()
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    rejected = services.cancel_payment(payment)
    assert "refund the payment" in text(viewer.get(page_of(rejected)))
    services.cancel_payment(payment)
    page = text(viewer.get(page_of(rejected))).partition("Attempt 1")[0]
    assert "do not refund it" in page
    assert "refund the payment" not in page


def test_very_many_cancellations_are_not_all_shown(monkeypatch, gateway, pay, viewer):
    monkeypatch.setattr(payment_admin, "_MOST_SHOWN", 3)
    payment = pay()
    gateway.misbehave(Fault.RESULT, api="cancel", calls=None, result_code="ACCESS_DENIED")
    for number in range(3):
        services.cancel_payment(payment, reason=f"number {number}")
    assert "older cancellations" not in text(viewer.get(page_of(payment)))
    services.cancel_payment(payment, reason="number 3")
    page = text(viewer.get(page_of(payment)))
    [url] = re.findall(r'<a href="([^"]*)">There are older cancellations', page)
    assert "number 0" not in page
    assert "number 1" in page
    assert text(viewer.get(url)).count("field-name") == 4


def test_what_alipay_last_said_and_when_stands_above(gateway, pay, clerk):
    payment = pay()
    assert said(clerk, payment) == "Alipay has not been asked yet what became of the payment."
    services.refresh_payment(payment)
    at = re.sub("<[^>]*>", "", str(moment(payment.checked_at)))
    assert said(clerk, payment) == f"Alipay last said of the payment: SUCCESS , {at}"


def test_unknown_reads_as_neither_refund_nor_pay_again(gateway, pay, viewer):
    payment = pay()
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
    services.cancel_payment(payment)
    page = text(viewer.get(page_of(payment)))
    assert "Do not refund and do not ask the buyer to pay again yet." in page


def test_the_text_for_support_has_ids_client_time_code_and_trace_id(gateway, pay, viewer):
    payment = pay()
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
    services.cancel_payment(payment)
    CancellationAttempt.objects.update(trace_id="trace-1")
    page = text(viewer.get(page_of(payment)))
    block = re.search(
        r"<textarea id=\"alipay-support\"[^>]* readonly>(.*?)</textarea>", page, re.S
    )[1]
    attempt = CancellationAttempt.objects.get()
    lines = block.splitlines()
    assert lines[:2] == ["paymentRequestId: request-order-1", "paymentId: payment-order-1"]
    assert f"Client-Id: {attempt.client_id}" in lines
    assert "result: U/UNKNOWN_EXCEPTION, HTTP 200" in lines
    assert "trace id: trace-1" in lines
    assert re.search(r"^cancel at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", block, re.M)


def test_a_button_that_could_not_work_is_a_sentence(settings, gateway, pay, in_review, clerk):
    cancellation = in_review("review")
    paid = pay("paid")
    settings.ALIPAY_CANCEL = {"MERCHANTS": {}}
    for payment in (paid, cancellation.payment):
        page = text(clerk.get(page_of(payment)))
        assert "The settings of this merchant are missing or wrong." in page
        for button in ("Cancel payment</a>", "Check now", "Ask again"):
            assert button not in page
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant_settings()}}
    assert "Check now" in text(clerk.get(page_of(paid)))
    Payment.objects.filter(pk=paid.pk).update(payment_id="blank at the end ")
    page = text(clerk.get(page_of(paid)))
    assert "The recorded IDs of this payment cannot be sent to Alipay." in page
    assert "Check now" not in page
    assert "Cancel payment</a>" not in page


def test_why_a_cancellation_cannot_be_asked_again_is_said(gateway, pay, clerk):
    payment = pay()
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
    services.cancel_payment(payment)
    assert "Try now</button>" in text(clerk.get(page_of(payment)))
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="ACCESS_DENIED")
    other = pay("other")
    services.cancel_payment(other)
    assert "If the payment is still to be cancelled, cancel it again." in text(
        clerk.get(page_of(other))
    )
    assert "still to be cancelled, cancel it again" in text(
        clerk.get(page_of(the_cancellation(other)))
    )


def test_success_of_an_inquiry_is_not_told_as_a_cancelled_payment():
    inquiry = CancellationAttempt(
        kind="inquiry", result_status="S", result_code="SUCCESS", outcome="SUCCEEDED"
    )
    assert attempt_sentence(inquiry) == "Alipay answered the inquiry."


def test_what_people_did_stays_with_their_names_when_their_accounts_are_gone(
    gateway, pay, staff, viewer
):
    payment = pay()
    ann = staff("ann", "cancel_payment")
    ann.post(f"/admin/django_alipay_cancel/payment/{payment.pk}/refresh/")
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
    services.cancel_payment(payment)
    cancellation = the_cancellation(payment)
    Cancellation.objects.update(status="NEEDS_REVIEW")
    for _ in range(2):
        ann.post(f"/admin/django_alipay_cancel/cancellation/{cancellation.pk}/retry/")
    get_user_model().objects.get(username="ann").delete()
    assert not LogEntry.objects.exists()
    lines = timeline(viewer, payment)
    assert lines.count("Asked again by ann") == 2
    assert "Checked now by ann" in lines
    assert any(line.startswith("Attempt 1: inquiry") for line in lines)


def test_of_very_many_attempts_the_last_fifty_are_shown(pay, viewer):
    payment = pay()
    services.cancel_payment(payment)
    cancellation, now = the_cancellation(payment), timezone.now()
    CancellationAttempt.objects.bulk_create(
        CancellationAttempt(
            payment=payment,
            cancellation=cancellation,
            number=number,
            kind="inquiry",
            outcome="SUCCEEDED",
            sent_at=now,
            claim_until=now,
            finished_at=now,
        )
        for number in range(2, 2002)
    )
    for row in (payment, cancellation):
        page = text(viewer.get(page_of(row)))
        assert "Attempt 2001: inquiry" in page
        assert "Attempt 1951: inquiry" not in page
        assert "There are older attempts" in page


def test_an_export_is_logged_with_who_made_it_and_of_what(pay, staff, caplog):
    caplog.set_level("INFO", "django_alipay_cancel")
    pay()
    client = staff("viewer-2", "view_payment")
    b"".join(client.get("/admin/django_alipay_cancel/payment/export/?q=order-1").streaming_content)
    assert "viewer-2 exports payments, filtered by 'q=order-1'." in caplog.text
