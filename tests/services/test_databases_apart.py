"""Beside a read apart, or in a database of their own, rows are read where they are written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import router
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import waking
from django_alipay_cancel.testing import Fault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["replica", "elsewhere"])
def apart(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("code", ["SUCCESS", "CANCEL_WINDOW_EXCEED"])
def test_a_click_comes_to_its_end(gateway, pay, apart, code):
    if code != "SUCCESS":
        gateway.misbehave(Fault.RESULT, api="cancel", result_code=code, result_status="F")
    with apart():
        payment = pay()
        cancellation = services.cancel_payment(payment)
        services.refresh_payment(payment)
        services.explain(payment)
    assert cancellation.result_code == code


def test_a_payment_is_recorded_and_its_wish_is_made_once(gateway, apart):
    ids = {"payment_request_id": "request-order-1"}
    with apart():
        payment = services.record_payment(**ids)
        services.record_payment(**ids, paid_at=timezone.now())
        first = services.request_cancellation(payment)
        services.request_cancellations([payment])
        assert services.request_cancellation(payment) == first
    assert Payment.objects.get().paid_at is not None


def test_a_wish_that_a_task_names_is_worked_on_after_an_answer_was_lost(
    gateway, pay, fall_due, apart
):
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")
    with apart():
        wish = services.cancel_payment(pay())
    fall_due()
    with apart():
        assert services.process_cancellation(wish.pk) == "SUCCEEDED"


def test_a_payment_without_a_result_is_found_and_cancelled(gateway, pay, settings, clock, apart):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 60}
    with apart():
        pay(status="PROCESSING")
        clock.shift(100)
        services.process_due_cancellations()
    assert Payment.objects.get().status == "CANCELLED"


def test_a_person_asks_again_or_closes_by_hand(in_review, apart):
    with apart():
        keys = in_review("order-1").pk, in_review("order-2").pk
        rows = Cancellation.objects.using(router.db_for_write(Cancellation))
        again, closed = (rows.get(pk=key) for key in keys)  # their payments are not read yet
        services.retry_cancellation(again)
        services.close_cancellation(closed, cancelled=True, closed_by="clerk", note="told so")
    assert (again.status, closed.status) == ("PENDING", "SUCCEEDED")


def test_keys_that_cannot_be_loaded_bring_a_wish_to_a_person(pay, settings, apart):
    with apart():
        services.request_cancellation(pay())
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": {}}}
        services.process_due_cancellations()
    assert Cancellation.objects.get().status == "NEEDS_REVIEW"


def test_a_customer_is_forgotten(pay, apart):
    with apart():
        buyer = (
            get_user_model().objects.using(router.db_for_write(Payment)).create(username="buyer")
        )
        pay(customer=buyer)
        services.forget_customer(buyer)
    assert Payment.objects.get().customer is None


def test_a_message_about_a_refund_wakes_its_wish(gateway, pay, settings, apart):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True, "QUIET_PERIOD": 0}
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="inquiryRefund", calls=None)
    with apart():
        payment = pay()
        gateway.payment("request-order-1").paid_at = gateway.now - timedelta(days=3)
        wish = services.cancel_payment(payment, or_refund=True)
        assert waking.wake_refund("default", wish.pk.hex) == payment
    wish.refresh_from_db()
    assert (wish.means, wish.status) == ("refund", "PENDING")
    assert wish.next_attempt_at <= timezone.now()
