"""Every page that the benchmark measures takes a bounded and constant number of queries.

How long the pages take with a million payments is measured by benchmarks/admin_pages.py.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks.pages import pages
from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

pytestmark = pytest.mark.django_db


def make(count):
    """Add so many payments, most of them with a cancellation of every kind."""
    now = timezone.now()
    start = Payment.objects.count()
    made = [
        Payment(
            payment_request_id=f"request-{number}",
            payment_id=f"payment-{number}",
            reference=f"order-{number}",
            merchant=("default", "tokyo")[number % 2],
            status="SUCCESS",
            paid_at=now,
            amount_value=100,
            amount_currency="USD",
        )
        for number in range(start, start + count)
    ]
    Payment.objects.bulk_create(made)
    batch = uuid4()
    services.request_cancellations(made[: count // 2], source="admin", batch=batch)
    asked = list(Cancellation.objects.filter(batch=batch))
    finished = [row.pk for row in asked[::2]]
    Cancellation.objects.filter(pk__in=finished).update(
        status="SUCCEEDED", next_step="NONE", open_for=None, next_attempt_at=None, finished_at=now
    )
    Payment.objects.filter(cancellations__pk__in=finished).update(status="CANCELLED")
    Cancellation.objects.filter(pk__in=[row.pk for row in asked[1::2]]).update(
        status="NEEDS_REVIEW", next_step="FIX_CONFIGURATION"
    )
    CancellationAttempt.objects.bulk_create(
        CancellationAttempt(
            payment_id=row.payment_id,
            cancellation=row,
            claim_until=now,
            number=number,
            kind="inquiry",
            outcome="SUCCEEDED",
            sent_at=now,
            finished_at=now,
        )
        for row in asked
        for number in range(1, 4)
    )


def counted(client):
    """How many queries each page takes."""
    queries = {}
    for page in pages(["default", "tokyo"]):
        page.ask(client)
        with CaptureQueriesContext(connection) as captured:
            assert page.ask(client).status_code == 200, page.name
        queries[page.name] = len(captured)
    return queries


def test_no_page_takes_more_queries_however_many_rows_there_are(settings, gateway, operator):
    settings.ALIPAY_CANCEL["MERCHANTS"]["tokyo"] = gateway.merchant_settings()
    make(30)
    few = counted(operator)
    make(100)
    many = counted(operator)
    assert len(few) > 40
    # The page for all rows has another number in its name.
    assert {name: many[name] for name in few if name in many} == {
        name: few[name] for name in few if name in many
    }
    assert max([*few.values(), *many.values()]) < 30
