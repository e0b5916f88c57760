"""One payment that a program has asked about 20,000 times: its pages show the last 50, at once."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from tests.admin.conftest import ADMIN, confirmation_of, page_of, route, text

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.slow]

ATTEMPTS, SHOWN = 20_000, 50
# Seconds; it had been 13 to 36.
AT_ONCE = 2


@pytest.fixture
def cancellation(gateway, pay):
    """A cancellation in review with all these inquiries, one a second until now."""
    payment = pay()
    cancellation = services.request_cancellation(payment)
    Cancellation.objects.filter(pk=cancellation.pk).update(
        status="NEEDS_REVIEW", error="bad_signature", next_step="FIX_CONFIGURATION"
    )
    now = timezone.now()
    CancellationAttempt.objects.bulk_create(
        CancellationAttempt(
            payment=payment,
            cancellation=cancellation,
            number=number,
            kind="inquiry",
            outcome="SUCCEEDED",
            said="SHOWS_TAKEN",
            payment_status="SUCCESS",
            result_status="S",
            result_code="SUCCESS",
            sent_at=(at := now - timedelta(seconds=ATTEMPTS - number)),
            claim_until=at,
            finished_at=at,
            http_status=200,
        )
        for number in range(1, ATTEMPTS + 1)
    )
    cancellation.refresh_from_db()
    return cancellation


def took(client, address):
    """The page, and the best of three times of the processor."""
    times = []
    for _ in range(3):
        started = time.process_time()
        response = client.get(address)
        times.append(time.process_time() - started)
        assert response.status_code == 200, address
    return text(response), min(times)


def test_the_pages_show_the_last_fifty_and_come_at_once(operator, cancellation):
    payment = cancellation.payment
    for page in (page_of(payment), page_of(cancellation)):
        shown, seconds = took(operator, page)
        numbers = [int(number) for number in re.findall(r"Attempt (\d+): inquiry", shown)]
        assert numbers == list(range(ATTEMPTS - SHOWN + 1, ATTEMPTS + 1))
        assert "older attempts" in shown
        assert seconds < AT_ONCE
    for address in (
        f"{ADMIN}payment/",
        f"{ADMIN}cancellation/",
        f"{ADMIN}cancellation/?q=no-such-order",
        confirmation_of(payment),
        route(cancellation, "close"),
    ):
        assert took(operator, address)[1] < AT_ONCE, address
