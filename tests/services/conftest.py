"""What the service tests share: a look at the three tables, and a clock that stands still."""

from __future__ import annotations

import time

import pytest
import time_machine

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment


def rows(payment: Payment) -> dict:
    """Return what the three tables hold of a payment, in short."""
    stored = Payment.objects.get(pk=payment.pk)
    return {
        "payment": stored.status,
        "cancellations": [
            (c.status, c.result_code, c.error, c.next_step)
            for c in Cancellation.objects.filter(payment=payment).order_by("created_at")
        ],
        "attempts": [
            (a.kind, a.outcome, a.result_code, a.error)
            for a in CancellationAttempt.objects.filter(cancellation__payment=payment).order_by(
                "cancellation__created_at", "number"
            )
        ],
    }


@pytest.fixture
def still():
    """Let this process's time stand: `still.shift(seconds)` moves it on."""
    with time_machine.travel(time.time(), tick=False) as traveller:
        yield traveller
