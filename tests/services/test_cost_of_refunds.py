"""What refunds cost where nobody is refunded: no statement, whether switched on or off."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_alipay_cancel import services
from django_alipay_cancel.services.worker import process_these
from django_alipay_cancel.testing import Fault

pytestmark = pytest.mark.django_db(transaction=True)


def statements(act):
    with CaptureQueriesContext(connection) as captured:
        act()
    return len(captured)


@pytest.fixture
def costs(gateway, pay, settings):
    """Return how many statements each way to cancel takes, for a wish of this kind."""

    def count(name, *, refunds, **wish):
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": refunds}
        services.cancel_payment(pay(f"{name}-warm-up"))
        now, refused = pay(f"{name}-now"), pay(f"{name}-refused")
        task = services.request_cancellation(pay(f"{name}-task"), **wish)
        listed = [pay(f"{name}-{n}") for n in range(5)]
        services.request_cancellations(listed, **wish)
        gateway.misbehave(Fault.RESULT, payment=f"payment-{name}-refused", api="cancel")
        return {
            "cancel_payment, S": statements(lambda: services.cancel_payment(now, **wish)),
            "cancel_payment, F": statements(lambda: services.cancel_payment(refused, **wish)),
            "a task": statements(lambda: services.process_cancellation(task.pk)),
            "a list of five": statements(lambda: process_these([each.pk for each in listed])),
        }

    return count


def test_a_plain_cancel_takes_the_same_statements_with_refunds_on(costs):
    off, on = costs("off", refunds=False), costs("on", refunds=True)
    assert on == off
    assert max(off["cancel_payment, S"], off["a task"]) <= 16
    assert off["a list of five"] <= 5 * 15 + 1


def test_a_wish_that_says_or_refund_costs_nothing_while_it_can_be_cancelled(costs):
    assert costs("or", refunds=True, or_refund=True) == costs("plain", refunds=True)
