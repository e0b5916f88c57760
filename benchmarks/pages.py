"""The pages that are measured: each with a name and how it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from django_alipay_cancel.admin.selecting import write_keys
from django_alipay_cancel.clock import local
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import queue_state
from django_alipay_cancel.services.batches import GivenLine, record_batch

ADMIN = "/admin/django_alipay_cancel/"


class Page(NamedTuple):
    """One page: what it is called in the table, and the request that brings it."""

    name: str
    ask: Callable[[Client], HttpResponse]


def pages(merchants: list[str]) -> Iterator[Page]:
    """Yield every list, filter, search and page of the admin, about rows that are there now."""
    yield from _payment_lists(merchants)
    yield from _cancellation_lists()
    yield from _single_pages()
    yield from _confirmations()
    yield from _shift()


def _get(name: str, path: str, **query: str) -> Page:
    address = f"{ADMIN}{path}?{urlencode(query)}" if query else f"{ADMIN}{path}"
    return Page(name, lambda client: client.get(address))


def _payment_lists(merchants: list[str]) -> Iterator[Page]:
    yield _get("payments", "payment/")
    if Payment.objects.count() > 100:
        yield _get("payments, page 2", "payment/", p="2")
    if Payment.objects.count() >= 10_000:
        yield _get("payments, page 100", "payment/", p="100")
    yield _get("payments, oldest first", "payment/", o="5")
    for status in Payment.Status.values:
        yield _get(f"payments, status {status}", "payment/", status__exact=status)
    for merchant in merchants:
        yield _get(f"payments, merchant {merchant}", "payment/", merchant=merchant)
    day = str(Payment.objects.latest("created_at").created_at.date() - timedelta(days=1))
    yield _get("payments, created on a day", "payment/", created_from=day, created_to=day)
    yield _get("payments, status and day", "payment/", status__exact="FAIL", created_to=day)
    yield from _searches("payment")


def _cancellation_lists() -> Iterator[Page]:
    yield _get("cancellations with morning view", "cancellation/")
    if Cancellation.objects.count() > 100:
        yield _get("cancellations, page 2", "cancellation/", p="2")
    for status in Cancellation.Status.values:
        yield _get(f"cancellations, status {status}", "cancellation/", status__exact=status)
    for step in ("REFUND", "TOP_UP_BALANCE", "FIX_CONFIGURATION", "CONTACT_ALIPAY", "WAIT"):
        yield _get(f"cancellations, next step {step}", "cancellation/", next_step__exact=step)
    for source in Cancellation.Source.values:
        yield _get(f"cancellations, source {source}", "cancellation/", source__exact=source)
    asked_together = Cancellation.objects.filter(batch__isnull=False).first()
    if asked_together:
        batch = str(asked_together.batch)
        yield _get("cancellations, asked together", "cancellation/", batch=batch)
    yield from _searches("cancellation")


def _searches(model: str) -> Iterator[Page]:
    chosen = list(Payment.objects.filter(cancellations__isnull=False).order_by("id")[:30])
    one = chosen[0]
    for name, term in (
        ("reference", one.reference),
        ("payment request ID", one.payment_request_id),
        ("payment ID", one.payment_id),
        ("UUID", str(one.pk)),
        ("30 references", " ".join(payment.reference for payment in chosen)),
        ("nothing found", "no-such-order"),
    ):
        yield _get(f"{model}s, search: {name}", f"{model}/", q=str(term))


def _single_pages() -> Iterator[Page]:
    cancellation = Cancellation.objects.filter(status="SUCCEEDED").order_by("id")[0]
    review = Cancellation.objects.filter(status="NEEDS_REVIEW").order_by("id")
    yield _get("payment", f"payment/{cancellation.payment_id}/change/")
    yield _get("cancellation", f"cancellation/{cancellation.pk}/change/")
    yield _get("close by hand", f"cancellation/{review[0].pk}/close/")
    several = write_keys(row.pk for row in review[:10])
    yield _get("close ten by hand", "cancellation/close/", cancellations=several)


def _confirmations() -> Iterator[Page]:
    keys = list(Payment.objects.order_by("-created_at").values_list("pk", flat=True)[:10_000])
    yield _get("confirmation for 1", "payment/cancel/", payments=write_keys(keys[:1]))
    yield _get("confirmation for 100", "payment/cancel/", payments=write_keys(keys[:100]))
    form = {"payments": write_keys(keys)}
    yield Page(
        f"confirmation for {len(keys):,}",
        lambda client: client.post(f"{ADMIN}payment/select/", form),
    )


def _shift() -> Iterator[Page]:
    """What a shift looks at: the sheet of a batch, what somebody did today, the queue's gauges."""
    batch, today = uuid4(), str(local(timezone.now()).date())
    asked = Payment.objects.filter(cancellations__isnull=False).order_by("id")[:500]
    record_batch(batch, [GivenLine(payment.reference, payment.pk) for payment in asked])
    yield _get(f"result sheet of {len(asked)}", f"cancellation/batch/{batch}/")
    yield _get("cancellations, mine today", "cancellation/", person="filled", created_from=today)
    yield _get("cancellations, finished today", "cancellation/", finished_from=today)
    yield Page("state of the queue", lambda client: HttpResponse(str(queue_state())))
