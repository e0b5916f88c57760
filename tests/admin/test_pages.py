"""What the lists and pages show, how they are searched, and how many queries they take."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import django_alipay_cancel
from django_alipay_cancel import services
from django_alipay_cancel.admin.showing import moment, short_moment
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import (
    ADMIN,
    cancel,
    confirmation_of,
    page_of,
    rows,
    text,
    the_cancellation,
)

pytestmark = pytest.mark.django_db


def queries(client, address):
    """How many queries a page takes, once what is kept per process is there."""
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_list_shows_payment_amount_last_cancellation_and_next_step(gateway, pay, viewer):
    payment = pay()
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(payment)
    gateway.balance_is_enough = False
    services.cancel_payment(payment)
    page = text(viewer.get(f"{ADMIN}payment/"))
    assert rows(page) == ["order-1"]
    for shown in ("12.50 USD", "paid", "rejected", "Top up the balance"):
        assert shown in page
    assert "Refund instead" not in page
    assert str(moment(payment.created_at)) in page


@pytest.mark.parametrize("term", ["two", "request-two", " payment-two\t", "the payment's key"])
def test_a_search_finds_exactly_what_is_named(pay, viewer, term):
    pay("two-and-more")
    payment = pay("two")
    services.cancel_payment(payment)
    term = str(payment.pk) if term == "the payment's key" else term
    for model in ("payment", "cancellation"):
        assert rows(text(viewer.get(f"{ADMIN}{model}/", {"q": term}))) == ["two"]


@pytest.mark.parametrize("term", ["tw", "request-TWO", "%", "'", "\x00", "x" * 5000])
def test_a_search_for_anything_else_finds_nothing(pay, viewer, term):
    services.cancel_payment(pay("two"))
    for model in ("payment", "cancellation"):
        response = viewer.get(f"{ADMIN}{model}/", {"q": term})
        assert response.status_code == 200
        assert rows(text(response)) in ([], ["two"] if term == "\x00" else [])


def test_the_lists_are_filtered_by_status_and_next_step(pay, in_review, viewer):
    in_review("wrong")
    services.cancel_payment(pay("right"))
    for query, found in (
        ("payment/?status__exact=CANCELLED", ["right"]),
        ("cancellation/?status__exact=NEEDS_REVIEW", ["wrong"]),
        ("cancellation/?next_step__exact=FIX_CONFIGURATION", ["wrong"]),
        ("cancellation/?next_step__exact=NONE", ["right"]),
    ):
        assert rows(text(viewer.get(ADMIN + query))) == found


def test_the_list_of_cancellations_shows_who_asked_and_when(pay, clerk, viewer):
    payment = pay()
    cancel(clerk, payment)
    page = text(viewer.get(f"{ADMIN}cancellation/"))
    cancellation = the_cancellation(payment)
    for shown in ("succeeded", "admin", "clerk", str(short_moment(cancellation.finished_at))):
        assert shown in page


def test_no_bodies_on_the_payments_page(pay, operator):
    payment = pay()
    services.cancel_payment(payment)
    assert "&quot;paymentRequestId" not in operator.get(page_of(payment)).content.decode()
    page = text(operator.get(page_of(the_cancellation(payment))))
    folded = re.search(r"<details>(.*)</details>", page, re.DOTALL)[1]
    assert '"paymentRequestId":"request-order-1"' in folded
    assert '"resultCode":"SUCCESS"' in folded.replace(" ", "")


def test_the_bodies_need_the_permission_to_view_attempts(pay, viewer, staff):
    payment = pay()
    services.cancel_payment(payment)
    address = page_of(the_cancellation(payment))
    assert "paymentRequestId" not in text(viewer.get(address))
    auditor = staff("auditor", "view_cancellation", "view_cancellationattempt")
    assert "paymentRequestId" in text(auditor.get(address))


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"status": "FAIL"}, "The payment failed; there is nothing to cancel."),
        ({"status": "CANCELLING"}, "The payment is already being cancelled."),
        ({"status": "CANCELLED"}, "The payment is already cancelled."),
    ],
)
@pytest.mark.broken_rows
def test_where_the_button_cannot_work_a_sentence_says_why(pay, clerk, facts, sentence):
    payment = pay()
    assert "Cancel payment</a>" in text(clerk.get(page_of(payment)))
    Payment.objects.update(**facts)
    page = text(clerk.get(page_of(payment)))
    assert sentence in page
    assert "Cancel payment</a>" not in page
    page = text(clerk.get(confirmation_of(payment)))
    assert sentence in page
    assert '<button class="button alipay-danger"' not in page


def test_an_s_that_did_not_count_does_not_read_as_cancelled(gateway, pay, viewer):
    payment = pay()
    gateway.misbehave(Fault.NO_IDS, api="cancel", calls=1, applied=False)
    services.cancel_payment(payment)
    assert CancellationAttempt.objects.get(number=1).result_code == "SUCCESS"
    page = text(viewer.get(page_of(payment)))
    assert "The answer does not say which payment it is about." in page
    assert "Alipay cancelled the payment." not in page


def test_what_others_wrote_is_escaped(gateway, pay, operator):
    evil = "<script>alert(1)</script>"
    payment = pay(evil)
    services.cancel_payment(payment, reason=evil, requested_by=evil)
    CancellationAttempt.objects.update(
        result_message=evil, result_code=evil[:64], trace_id=evil, response_body=evil, error=""
    )
    Cancellation.objects.update(result_code=evil, note=evil)
    response = cancel(operator, payment, reason=evil)
    pages = [operator.get(response["Location"])]
    pages += [operator.get(f"{ADMIN}{model}/") for model in ("payment", "cancellation")]
    pages += [
        operator.get(page_of(the_cancellation(payment))),
        operator.get(confirmation_of(payment)),
    ]
    for page in pages:
        assert evil not in page.content.decode()
        assert "&lt;script&gt;alert(1)" in page.content.decode()


def test_times_carry_their_zone(settings):
    at = datetime(2026, 11, 24, 10, 28, 5, tzinfo=UTC)
    with timezone.override("Asia/Shanghai"):
        assert ">2026-11-24 18:28:05 UTC+08:00<" in moment(at)
    with timezone.override("UTC"):
        assert ">2026-11-24 10:28:05 UTC<" in moment(at)


def test_a_waiting_cancellation_without_a_worker_is_told_on_the_lists(pay, viewer):
    services.request_cancellation(pay())
    sentence = "the worker may not be running. Tell your engineers."
    for model in ("payment", "cancellation"):
        assert sentence not in text(viewer.get(f"{ADMIN}{model}/"))
    Cancellation.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=11))
    for model in ("payment", "cancellation"):
        assert sentence in text(viewer.get(f"{ADMIN}{model}/"))


def test_the_pages_take_the_same_number_of_queries_however_much_they_show(gateway, pay, clerk):
    def used():
        payments = list(Payment.objects.all())
        first = Payment.objects.get(reference="order-0")
        return [
            queries(clerk, f"{ADMIN}payment/"),
            queries(clerk, f"{ADMIN}cancellation/"),
            queries(clerk, confirmation_of(*payments)),
            queries(clerk, page_of(first)),
            queries(clerk, page_of(first.cancellations.latest("created_at"))),
        ]

    def more():
        first = Payment.objects.get(reference="order-0")
        gateway.misbehave(Fault.RESULT, api="cancel", result_code="CANCEL_WINDOW_EXCEED")
        for number in range(1, 5):
            services.cancel_payment(pay(f"order-{number}"))
            services.cancel_payment(first)
            services.refresh_payment(first)

    gateway.balance_is_enough = False
    services.cancel_payment(pay("order-0"))
    few = used()
    more()
    assert (Payment.objects.count(), Cancellation.objects.count()) == (5, 9)
    assert used() == few
    # BEGIN and COMMIT of ATOMIC_REQUESTS among them.
    payment_list, work_list, *others = few
    assert max(payment_list, *others) <= 14
    assert work_list <= 20  # nine of them are the morning's


def test_the_pages_bring_no_inline_script_and_no_inline_style():
    """A strict Content-Security-Policy blocks nothing of ours: scripts are files of this app."""
    templates = Path(django_alipay_cancel.__file__).parent / "templates"
    file = r"{% static 'django_alipay_cancel/\w+\.js' %}"
    ours = re.compile(rf'<script src="{file}" defer></script>')
    for template in templates.rglob("*.html"):
        rest = ours.sub("", template.read_text())
        assert not re.search(r"<script|<style|style=|javascript:| on\w+=", rest)
