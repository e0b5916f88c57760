"""What the service tests share: payments known to both sides, and a look at the three tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment


@pytest.fixture
def pay(gateway):
    """Make a payment known to the gateway and recorded by the shop."""

    def make(
        name="order-1",
        status="SUCCESS",
        *,
        known=True,
        merchant="default",
        method="default",
        **facts,
    ):
        if known:
            gateway.add_payment(
                payment_request_id=f"request-{name}",
                payment_id=f"payment-{name}",
                status=status,
                method=method,
            )
        if status == "SUCCESS":
            facts.setdefault("paid_at", timezone.now())
        if status == "AUTHORIZED":
            facts.setdefault("authorized_at", timezone.now())
        return services.record_payment(
            merchant=merchant,
            payment_request_id=f"request-{name}",
            payment_id=f"payment-{name}",
            amount_value=1250,
            amount_currency="USD",
            reference=name,
            **facts,
        )

    return make


@pytest.fixture
def fall_due():
    """Let everything that waits be due now."""

    def now():
        waiting = Cancellation.objects.filter(next_attempt_at__isnull=False)
        waiting.update(next_attempt_at=timezone.now() - timedelta(seconds=1))

    return now


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
