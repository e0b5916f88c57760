"""What the tests of trust share: payments known to both sides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation


@pytest.fixture
def pay(gateway):
    """Make a payment known to the gateway and recorded by the shop."""

    def make(name="order-1", status="PROCESSING", **facts):
        gateway.add_payment(
            payment_request_id=f"request-{name}", payment_id=f"payment-{name}", status=status
        )
        return services.record_payment(
            payment_request_id=f"request-{name}",
            payment_id=f"payment-{name}",
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
