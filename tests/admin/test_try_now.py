"""Cancellations that wait: tried now by a person, and named when a wrong clock put them off."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, page_of, route, text, the_cancellation, told

pytestmark = pytest.mark.django_db


def put_off(cancellation, by):
    """Let it be due so much later than now."""
    rows = Cancellation.objects.filter(pk=cancellation.pk)
    rows.update(next_attempt_at=timezone.now() + by)


def test_one_that_waits_is_due_now_on_a_persons_wish_and_keeps_its_delays(pay, clerk):
    payment = pay()
    cancellation = services.request_cancellation(payment)
    Cancellation.objects.filter(pk=cancellation.pk).update(repeats=3)
    put_off(cancellation, timedelta(hours=1))
    for page in (page_of(payment), page_of(cancellation)):
        shown = text(clerk.get(page))
        assert f'action="{route(cancellation, "retry")}"' in shown
        assert "Try now</button>" in shown
        assert "Ask again</button>" not in shown
    [(level, message)] = told(clerk.post(route(cancellation, "retry")))
    assert (level, "The result is not known yet." in message) == ("warning", True)
    cancellation.refresh_from_db()
    assert cancellation.next_attempt_at <= timezone.now()
    assert cancellation.repeats == 3
    services.process_due_cancellations()
    assert the_cancellation(payment).status == "SUCCEEDED"


def test_while_a_lost_cancel_may_still_take_effect_the_answer_says_until_when(gateway, pay, clerk):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="inquiryPayment", calls=9)
    cancellation = services.cancel_payment(payment)
    assert cancellation.status == "PENDING"
    [(_, message)] = told(clerk.post(route(cancellation, "retry")))
    assert "a cancel that was sent may still take effect" in message


def test_nobody_without_the_permission_is_offered_or_given_another_try(pay, viewer):
    cancellation = services.request_cancellation(pay())
    assert "Try now" not in text(viewer.get(page_of(cancellation)))
    assert viewer.post(route(cancellation, "retry")).status_code == 403


@pytest.mark.broken_rows
def test_rows_that_a_wrong_clock_put_off_are_named_above_both_lists(pay, viewer, staff):
    cancellation = services.request_cancellation(pay("order-<1>"))
    services.request_cancellation(pay("order-2"))
    put_off(cancellation, timedelta(days=365))
    named = f'<a class="alipay-link" href="{page_of(cancellation)}">order-<1></a>'
    for model in ("payment", "cancellation"):
        page = text(viewer.get(f"{ADMIN}{model}/"))
        assert f"A wrong clock set the due time of these cancellations: {named}. " in page
        # They are not late by their own time: nothing else is said of them.
        assert "the worker may not be running" not in page
    assert "A wrong clock" not in text(staff("accountant", "view_payment").get(f"{ADMIN}payment/"))


@pytest.mark.broken_rows
def test_of_very_many_such_rows_the_first_ten_are_named(pay, viewer):
    for number in range(11):
        put_off(services.request_cancellation(pay(f"order-{number}")), timedelta(days=365))
    page = text(viewer.get(f"{ADMIN}payment/"))
    assert "</a> and more. They count as due now." in page
