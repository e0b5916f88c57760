"""What the tests of trust share: payments known to both sides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault


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


@pytest.fixture
def in_review(gateway, pay):
    """Make a payment whose cancellation a person has to look at."""

    def make(name="order-1", **facts):
        payment = pay(name, **facts)
        gateway.misbehave(
            Fault.RESULT, api="cancel", calls=1, result_code="INVALID_SIGNATURE", signed=False
        )
        cancellation = services.cancel_payment(payment)
        assert cancellation.status == "NEEDS_REVIEW"
        return cancellation

    return make


@pytest.fixture
def staff(db):
    """Make a staff member with the named permissions and return a signed-in client."""

    def make(name, *permissions, **options):
        user = get_user_model().objects.create_user(name, is_staff=True, **options)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return make
