"""The state of the queue in numbers, for monitoring."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from django_alipay_cancel.models import Cancellation, Gateway, Worker
from django_alipay_cancel.services import schedule

# Due for longer than the first, and nobody seen for the second: nobody works.
_DUE_FOR, _SEEN_WITHIN = timedelta(minutes=1), timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class GatewayState:
    """One merchant's gateway: put off until `not_before` after so many `failures` in a row."""

    merchant: str
    failures: int
    not_before: datetime | None
    since: datetime | None
    last_error: str


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """Gauges: rows due now, the oldest of them, open and in review, and what stands in the way.

    `unreachable`: rows whose due time no rule could have written. `worker_seen_at`: the latest sign
    of life of any worker.
    """

    due: int
    oldest_due_at: datetime | None
    pending: int
    in_review: int
    unreachable: int
    worker_seen_at: datetime | None
    gateways: list[GatewayState] = field(default_factory=list)

    @property
    def nobody_works(self) -> bool:
        """Whether something has been due for a minute and no worker was seen for three."""
        return nobody_works(self.oldest_due_at, self.worker_seen_at)


def nobody_works(oldest_due_at: datetime | None, worker_seen_at: datetime | None) -> bool:
    """Whether something has been due for a minute and no worker was seen for three."""
    now = timezone.now()
    waits = oldest_due_at is not None and oldest_due_at < now - _DUE_FOR
    return waits and (worker_seen_at is None or worker_seen_at < now - _SEEN_WITHIN)


def gateways_in_trouble() -> list[GatewayState]:
    """Return the gateways whose last call was throttled or without an answer, by merchant."""
    return [
        GatewayState(
            merchant=row.merchant,
            failures=row.failures,
            not_before=row.not_before,
            since=row.since,
            last_error=row.last_error,
        )
        for row in Gateway.objects.filter(failures__gt=0)
    ]


def queue_state() -> QueueState:
    """Return the state of the queue now, with five queries over indexes."""
    now = timezone.now()
    rows = Cancellation.objects.all()
    due = schedule.overdue(rows, now=now).aggregate(number=Count("pk"), oldest=Min(*schedule.DUE))
    opened = rows.filter(status__in=Cancellation.OPEN).aggregate(
        pending=Count("pk", filter=Q(status=Cancellation.Status.PENDING)),
        in_review=Count("pk", filter=Q(status=Cancellation.Status.NEEDS_REVIEW)),
    )
    return QueueState(
        due=due["number"],
        oldest_due_at=due["oldest"],
        unreachable=schedule.unreachable(rows, now=now).count(),
        worker_seen_at=Worker.objects.aggregate(at=Max("seen_at"))["at"],
        gateways=gateways_in_trouble(),
        **opened,
    )
