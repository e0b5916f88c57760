"""Money, times, texts of rows, and columns: what each says by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.utils.timezone import is_naive

from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.money import format_amount

NOON = datetime(2026, 3, 1, 12)


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (123450, "USD", "1,234.50 USD"),
        (5, "USD", "0.05 USD"),
        (1200, "JPY", "1,200 JPY"),
        (1250, "KWD", "1.250 KWD"),
        (0, "EUR", "0.00 EUR"),
        (2**63 - 1, "USD", "92,233,720,368,547,758.07 USD"),
        (None, "", ""),
    ],
)
def test_minor_units_are_shown_as_money(value, currency, shown):
    assert format_amount(value, currency) == shown


def test_a_naive_time_is_taken_for_the_projects_zone(settings):
    settings.USE_TZ, settings.TIME_ZONE = True, "Asia/Shanghai"
    assert storable(NOON) == datetime(2026, 3, 1, 4, tzinfo=UTC)


def test_without_time_zones_an_aware_time_becomes_local(settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Shanghai"
    stored = storable(NOON.replace(tzinfo=UTC))
    assert stored == datetime(2026, 3, 1, 20)
    assert is_naive(stored)


@pytest.mark.parametrize("at", [None, NOON.replace(tzinfo=UTC)])
def test_what_fits_is_left_as_it_is(settings, at):
    settings.USE_TZ = True
    assert storable(at) is at


def test_a_time_beyond_the_calendar_is_none(settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "Asia/Shanghai"
    assert storable(datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))) is None


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (Payment(reference="order-1", payment_request_id="request-1"), "order-1"),
        (Payment(payment_request_id="request-1", payment_id="payment-1"), "request-1"),
        (Payment(payment_id="payment-1"), "payment-1"),
        (CancellationAttempt(kind="cancel", number=3, outcome="UNKNOWN"), "cancel 3: UNKNOWN"),
    ],
)
def test_a_row_is_named_by_what_people_know_it_by(row, shown):
    assert str(row) == shown


def test_a_row_without_a_name_is_named_by_its_key():
    payment, cancellation = Payment(), Cancellation(status="PENDING")
    assert str(payment) == str(payment.pk)
    assert str(cancellation) == f"{cancellation.pk} PENDING"
