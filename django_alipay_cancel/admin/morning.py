"""What there is to do, above the work list: by people, by itself, refunds; and who works."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_alipay_cancel.admin import refund_advice
from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin
from django_alipay_cancel.admin.showing import moment
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, Payment, Worker
from django_alipay_cancel.outcomes import advice
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.state import gateways_in_trouble, nobody_works
from django_alipay_cancel.wording import next_step_sentence

# The first of each kind stand here; the lists below hold them all.
_MOST = 5
_REFUNDS_WITHIN = timedelta(days=30)
_WORKERS_WITHIN = timedelta(days=1)


class WorkLine(NamedTuple):
    """One cancellation; what does not apply to its kind is ""."""

    payment: Payment
    page_url: str
    at: SafeString | str
    sentence: str = ""
    gives_up_at: SafeString | str = ""
    refund_url: str = ""


class GatewayLine(NamedTuple):
    """A merchant's gateway that throttles or does not answer."""

    merchant: str
    since: SafeString | str
    put_off_until: SafeString | str
    failures: int
    last_error: str


class WorkerLine(NamedTuple):
    """A process that has worked within a day."""

    worker: Worker
    seen_at: SafeString | str


class Morning(NamedTuple):
    """What the template shows; `nobody_works`: something is due, and no worker was seen.

    `refused_refunds`: some of what needs somebody are refunds that Alipay refused.
    """

    needs_me: list[WorkLine]
    refused_refunds: bool
    heals: list[WorkLine]
    refunds: list[WorkLine]
    workers: list[WorkerLine]
    gateways: list[GatewayLine]
    nobody_works: bool


def morning(model_admin: ReadOnlyAdmin, request: HttpRequest) -> Morning:
    """Return what the shift has to know, with seven queries at most however much there is."""
    now = timezone.now()
    rows = model_admin.cancellations(request)
    recent = Worker.objects.filter(seen_at__gte=now - _WORKERS_WITHIN).order_by("-seen_at")
    workers = list(recent[:_MOST])
    needs_me = _needs_me(rows, now)
    return Morning(
        needs_me=[
            WorkLine(
                row.payment,
                model_admin.page_url(row),
                moment(row.created_at),
                sentence=next_step_sentence(advice(row)),
            )
            for row in needs_me
        ],
        refused_refunds=any(row.status == Cancellation.Status.REJECTED for row in needs_me),
        heals=[_waiting_line(model_admin, row, now) for row in _waiting(rows)],
        refunds=[
            WorkLine(
                row.payment,
                model_admin.page_url(row),
                moment(row.finished_at),
                refund_url=refund_advice.url_of(row),
            )
            for row in _to_refund(rows, now)
        ],
        workers=[WorkerLine(worker, moment(worker.seen_at)) for worker in workers],
        gateways=[
            GatewayLine(
                gateway.merchant,
                moment(gateway.since),
                moment(gateway.not_before if (gateway.not_before or now) > now else None),
                gateway.failures,
                gateway.last_error,
            )
            for gateway in gateways_in_trouble()
        ],
        nobody_works=nobody_works(
            schedule.oldest_due_at(now=now), workers[0].seen_at if workers else None
        ),
    )


def _needs_me(rows: QuerySet[Cancellation], now: datetime) -> list[Cancellation]:
    in_review = rows.filter(status=Cancellation.Status.NEEDS_REVIEW)
    oldest_first = list(in_review.order_by("created_at")[:_MOST])
    if settings.REFUNDS and len(oldest_first) < _MOST:
        oldest_first += _refused_refunds(rows, now)
    return oldest_first[:_MOST]


def _refused_refunds(rows: QuerySet[Cancellation], now: datetime) -> QuerySet[Cancellation]:
    """Return those of payments that are still the buyer's to get back."""
    refused = rows.filter(
        status=Cancellation.Status.REJECTED,
        means=Cancellation.Means.REFUND,
        created_at__gte=now - _REFUNDS_WITHIN,
        payment__status=Payment.Status.SUCCESS,
    )
    # Beside those in review it would be one search of the whole past when there are few.
    return refused.order_by("created_at")[:_MOST]


def _waiting(rows: QuerySet[Cancellation]) -> QuerySet[Cancellation]:
    # Each has a due time: said all the same, MariaDB does not begin with all that have none.
    pending = rows.filter(status=Cancellation.Status.PENDING, next_attempt_at__isnull=False)
    return pending.order_by("next_attempt_at")[:_MOST]


def _waiting_line(model_admin: ReadOnlyAdmin, row: Cancellation, now: datetime) -> WorkLine:
    at, url = row.next_attempt_at, model_admin.page_url(row)
    if at is None or at > now + schedule.reach():
        # The banner says so, too; its times would be untrue.
        return WorkLine(row.payment, url, "", sentence=gettext("A wrong clock set its due time."))
    if row.refunds:
        return WorkLine(row.payment, url, moment(at), sentence=_of_a_refund())
    return WorkLine(row.payment, url, moment(at), gives_up_at=moment(schedule.gives_up_at(row)))


def _of_a_refund() -> str:
    return gettext(
        "It is being refunded, which may take days: Alipay is asked at the time beside it. "
        "Without a result for %(days)d days it needs a person."
    ) % {"days": schedule.policy().refund_lasts.days}


def _to_refund(rows: QuerySet[Cancellation], now: datetime) -> list[Cancellation]:
    advised = rows.filter(
        status=Cancellation.Status.REJECTED,
        next_step=NextStep.REFUND,
        created_at__gte=now - _REFUNDS_WITHIN,
        payment__status=Payment.Status.SUCCESS,
        payment__refunded_value=None,
    )
    newest_first = advised.order_by("-created_at", "-id")[: 2 * _MOST]
    # A payment may have been refused twice, and is refunded once.
    once: dict[UUID, Cancellation] = {}
    for row in newest_first:
        once.setdefault(row.payment_id, row)
    return list(once.values())[:_MOST]
