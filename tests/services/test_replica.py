"""Beside a read replica everything that decides is read from where it is written."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("code", ["SUCCESS", "CANCEL_WINDOW_EXCEED"])
def test_a_click_comes_to_its_end(gateway, pay, replica, code):
    if code != "SUCCESS":
        gateway.misbehave(Fault.RESULT, api="cancel", result_code=code, result_status="F")
    payment = pay()
    with replica():
        cancellation = services.cancel_payment(payment)
        services.refresh_payment(payment)
        services.explain(payment)
    assert cancellation.result_code == code


def test_a_payment_is_recorded_and_its_wish_is_made_once(gateway, replica):
    ids = {"payment_request_id": "request-order-1"}
    with replica():
        payment = services.record_payment(**ids)
        services.record_payment(**ids, paid_at=timezone.now())
        first = services.request_cancellation(payment)
        services.request_cancellations([payment])
        assert services.request_cancellation(payment) == first
    assert Payment.objects.get().paid_at is not None


def test_a_wish_that_a_task_names_is_worked_on_after_an_answer_was_lost(
    gateway, pay, fall_due, replica
):
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")
    wish = services.cancel_payment(pay())
    fall_due()
    with replica():
        assert services.process_cancellation(wish.pk) == "SUCCEEDED"


def test_a_payment_without_a_result_is_found_and_cancelled(gateway, pay, settings, clock, replica):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 60}
    pay(status="PROCESSING")
    clock.shift(100)
    with replica():
        services.process_due_cancellations()
    assert Payment.objects.get().status == "CANCELLED"


def test_a_person_asks_again_or_closes_by_hand(in_review, replica):
    again, closed = in_review("order-1"), in_review("order-2")
    with replica():
        services.retry_cancellation(again)
        services.close_cancellation(closed, cancelled=True, closed_by="clerk", note="told so")
    assert (again.status, closed.status) == ("PENDING", "SUCCEEDED")


def test_keys_that_cannot_be_loaded_bring_a_wish_to_a_person(pay, settings, replica):
    services.request_cancellation(pay())
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": {}}}
    with replica():
        services.process_due_cancellations()
    assert Cancellation.objects.get().status == "NEEDS_REVIEW"


def test_a_customer_is_forgotten(pay, replica):
    buyer = get_user_model().objects.create_user("buyer")
    pay(customer=buyer)
    with replica():
        services.forget_customer(buyer)
    assert Payment.objects.get().customer is None
