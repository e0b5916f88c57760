"""A worker reads rows ahead; what others did with one meanwhile stands when its turn comes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services.worker import process_these
from tests.meanwhile import elsewhere
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def read_ahead(gateway, pay, settings):
    """Work on two wishes that were read together; `act` during the call for the first of them."""
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True, "QUIET_PERIOD": 0}

    def make(act, **wish):
        first, second = pay("order-1"), pay("order-2")
        gateway.payment("request-order-2").paid_at = gateway.now - timedelta(days=3)
        services.request_cancellations([first, second], **wish)
        Cancellation.objects.filter(payment=first).update(
            next_attempt_at=timezone.now() - timedelta(minutes=1)
        )

        def once(call):
            gateway.before_answer = None
            elsewhere(lambda: act(second))()

        gateway.before_answer = once
        process_these([first.pk, second.pk])
        return second

    return make


def test_a_wish_that_has_turned_to_a_refund_meanwhile_is_not_rejected(
    gateway, settings, read_ahead
):
    def turn_and_switch_refunds_off(payment):
        gateway.payment("request-order-2").refunds_take_time = True
        services.process_due_cancellations()
        assert rows(payment)["payment"] == "REFUNDING"
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": False}

    payment = read_ahead(turn_and_switch_refunds_off, or_refund=True)
    told = rows(payment)
    assert (told["payment"], told["cancellations"][0][0]) == ("REFUNDING", "PENDING")


def test_a_wish_that_was_rejected_meanwhile_does_not_speak_for_a_new_one(gateway, read_ahead):
    def reject_and_wish_anew(payment):
        services.process_due_cancellations()
        assert rows(payment)["payment"] == "SUCCESS"
        payment.refresh_from_db()
        services.request_cancellation(payment)

    payment = read_ahead(reject_and_wish_anew)
    told = rows(payment)
    assert [row[0] for row in told["cancellations"]] == ["REJECTED", "PENDING"]
    assert told["payment"] == "CANCELLING"
