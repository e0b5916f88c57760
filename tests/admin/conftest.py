"""What the admin tests share: staff in their browsers, and payments known to both sides."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault

ADMIN = "/admin/django_alipay_cancel/"


@pytest.fixture
def pay(gateway):
    """Make a payment known to the gateway and recorded by the shop."""

    def make(name="order-1", status="SUCCESS", **facts):
        gateway.add_payment(
            payment_request_id=f"request-{name}", payment_id=f"payment-{name}", status=status
        )
        if status == "SUCCESS":
            facts.setdefault("paid_at", timezone.now())
        if status == "AUTHORIZED":
            facts.setdefault("authorized_at", timezone.now())
        return services.record_payment(
            payment_request_id=f"request-{name}",
            payment_id=f"payment-{name}",
            amount_value=1250,
            amount_currency="USD",
            reference=name,
            **facts,
        )

    return make


@pytest.fixture
def in_review(gateway, pay):
    """Make a payment whose cancellation a person has to look at."""

    def make(name="order-1"):
        payment = pay(name)
        gateway.misbehave(
            Fault.RESULT, api="cancel", calls=1, result_code="INVALID_SIGNATURE", signed=False
        )
        cancellation = services.cancel_payment(payment)
        assert cancellation.status == "NEEDS_REVIEW"
        return cancellation

    return make


@pytest.fixture
def fall_due():
    """Let everything that waits be due now."""

    def now():
        waiting = Cancellation.objects.filter(next_attempt_at__isnull=False)
        waiting.update(next_attempt_at=timezone.now() - timedelta(seconds=1))

    return now


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


@pytest.fixture
def operator(staff):
    """A client of a superuser."""
    return staff("operator", is_superuser=True)


@pytest.fixture
def clerk(staff):
    """A client of somebody who may cancel payments, and nothing else."""
    return staff("clerk", "cancel_payment")


@pytest.fixture
def viewer(staff):
    """A client of somebody who may look at payments and cancellations, and nothing else."""
    return staff("viewer", "view_payment", "view_cancellation")


def page_of(row):
    """The address of a payment's or a cancellation's page."""
    return f"{ADMIN}{row._meta.model_name}/{row.pk}/change/"


def route(row, name):
    """The address of what can be done with a row."""
    return f"{ADMIN}{row._meta.model_name}/{row.pk}/{name}/"


def confirmation_of(*payments):
    """The address of the page that asks before these payments are cancelled."""
    selection = ".".join(payment.pk.hex for payment in payments)
    return f"{ADMIN}payment/cancel/?payments={selection}"


def cancel(client, *payments, reason=""):
    """Answer the confirmation page with yes."""
    return client.post(confirmation_of(*payments), {"reason": reason})


def told(response):
    """The messages left by a response, as (level, HTML)."""
    return [(message.level_tag, str(message)) for message in get_messages(response.wsgi_request)]


def text(response):
    """What a person reads of a page."""
    return html.unescape(response.content.decode())


def rows(page):
    """The first column of a list."""
    return re.findall(r'<th class="field-name"><a[^>]*>([^<]*)</a>', page)


def the_cancellation(payment):
    return Cancellation.objects.get(payment=payment)
