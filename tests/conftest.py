"""Fixtures of the whole suite: a gateway, payments known to it and to the shop, and staff."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone, translation

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import FakeAlipay, Fault, fake_payment
from tests.chaos.table import pytest_terminal_summary  # noqa: F401
from tests.flushing import flush_quickly
from tests.rows import broken_invariants

HERE = Path(__file__).parent

flush_quickly()
# Folders of tests that would be the same on every database, though some of them store rows.
ONCE = {"browser", "chaos", "testing"}


def pytest_collection_modifyitems(items):
    for item in items:
        if not uses_database(item) or folder_of(item) in ONCE:
            item.add_marker("once")


def folder_of(item):
    return item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""


def uses_database(item):
    """Tell whether a test is let near the database; no other one can hang on which one it is."""
    fixtures = {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures or item.get_closest_marker("django_db"))


@pytest.fixture(autouse=True)
def rows_hold(request):
    """Check the rows after each test of a database, unless it is about rows that are broken."""
    if not uses_database(request.node):
        yield
        return
    request.getfixturevalue("db")
    yield
    if not request.node.get_closest_marker("broken_rows"):
        assert list(broken_invariants()) == []


@pytest.fixture(autouse=True)
def _the_settings_language():
    """A request leaves its language to the thread; the next test begins with the settings'."""
    yield
    translation.deactivate()


@pytest.fixture
def gateway(settings):
    """A running FakeAlipay; the project's merchant "default" is its client."""
    with FakeAlipay() as gateway:
        settings.ALIPAY_CANCEL = {
            "MERCHANTS": {"default": gateway.merchant_settings()},
            "TIMEOUT": (2, 5),
        }
        yield gateway


@pytest.fixture
def refunded_may_be_cancelled(monkeypatch):
    """Let Alipay cancel what it has refunded, too: nothing but our rules prevents it."""
    refusals = dict(fake_payment._REFUSALS)
    del refusals[fake_payment.Status.REFUNDED]
    monkeypatch.setattr(fake_payment, "_REFUSALS", refusals)


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
        amount_value=1250,
        amount_currency="USD",
        **facts,
    ):
        amount = {"amount_value": amount_value, "amount_currency": amount_currency}
        if known:
            gateway.add_payment(
                payment_request_id=f"request-{name}",
                payment_id=f"payment-{name}",
                status=status,
                method=method,
                **amount,
            )
        facts.setdefault("reference", name)
        if status == "SUCCESS":
            facts.setdefault("paid_at", timezone.now())
        if status == "AUTHORIZED":
            facts.setdefault("authorized_at", timezone.now())
        return services.record_payment(
            merchant=merchant,
            payment_request_id=f"request-{name}",
            payment_id=f"payment-{name}",
            **amount,
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
def clock():
    """Move this process's time: `clock.shift(seconds)`. The gateway in it moves too."""
    # A number of seconds: an aware time would move this process's time zone too.
    with time_machine.travel(time.time()) as traveller:
        yield traveller


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
