"""Retention: what is finished and old enough is deleted with its history, or loses its bodies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, router
from django.db.models import Exists, F, OuterRef, ProtectedError, Q, QuerySet, RestrictedError

from django_alipay_cancel.models import Batch, Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.transactions import atomically

ROWS_AT_ONCE = 200
_FINISHED = (
    Payment.Status.SUCCESS,
    Payment.Status.FAIL,
    Payment.Status.CANCELLED,
    Payment.Status.REFUNDED,
)
_POINTED_AT = (ProtectedError, RestrictedError, IntegrityError)


@dataclass
class PruneReport:
    """How many were deleted or blanked, and how many stay because a row of the shop needs them."""

    done: int = 0
    kept: int = 0


def finished_payments(before: datetime) -> QuerySet[Payment]:
    """Return the payments with a result to which nothing has happened since `before`.

    Never one that is being cancelled, has a call under way, or of whose end the shop has not been
    told. A payment without a result (PROCESSING) or with held money (AUTHORIZED) is not finished.
    """
    wishes = Cancellation.objects.filter(payment=OuterRef("pk")).filter(
        Q(finished_at=None) | Q(finished_at__gte=before) | Q(announce_at__isnull=False)
    )
    calls = CancellationAttempt.objects.filter(payment=OuterRef("pk")).filter(
        Q(finished_at=None) | Q(finished_at__gte=before)
    )
    rows: QuerySet[Payment] = Payment.objects.using(router.db_for_write(Payment)).filter(
        status__in=_FINISHED, created_at__lt=before, updated_at__lt=before
    )
    return rows.exclude(Exists(wishes)).exclude(Exists(calls))


def calls_with_bodies(before: datetime) -> QuerySet[CancellationAttempt]:
    """Return the calls that ended before this and keep a body; none of an open cancellation."""
    rows: QuerySet[CancellationAttempt] = CancellationAttempt.objects.using(
        router.db_for_write(CancellationAttempt)
    ).filter(finished_at__lt=before)
    opened = Cancellation.objects.filter(payment=OuterRef("payment"), finished_at=None)
    return rows.exclude(request_body="", response_body="").exclude(Exists(opened))


def delete_payments(
    payments: QuerySet[Payment],
    *,
    tell: Callable[[int], object] = lambda n: None,
    stopping: Callable[[], bool] = lambda: False,
) -> PruneReport:
    """Delete these payments with cancellations, calls and events, a batch a transaction.

    What the shop's own rows protect is kept whole, and its rows with it. Ends early, and can be
    repeated, once `stopping()` is true. `tell` how many more were looked at.
    """
    report = PruneReport()

    def delete(keys: list[Any]) -> None:
        try:
            report.done += _delete(payments, keys)
        except _POINTED_AT:
            for key in keys:
                try:
                    report.done += _delete(payments, [key])
                except _POINTED_AT:
                    report.kept += 1

    _in_batches(payments, delete, tell, stopping)
    return report


def delete_batches(before: datetime) -> None:
    """Delete what was asked for together before this, once none of its cancellations is left."""
    wishes = Cancellation.objects.filter(batch=OuterRef("pk"))
    rows = Batch.objects.using(router.db_for_write(Batch)).filter(created_at__lt=before)
    atomically(rows.exclude(Exists(wishes)).delete, using=rows.db)


def blank_bodies(
    calls: QuerySet[CancellationAttempt],
    *,
    tell: Callable[[int], object] = lambda n: None,
    stopping: Callable[[], bool] = lambda: False,
) -> PruneReport:
    """Blank what these calls have sent and received, in batches; what they said stays."""
    report = PruneReport()

    def blank(keys: list[Any]) -> None:
        rows = calls.filter(pk__in=keys)
        report.done += atomically(
            lambda: rows.update(request_body="", response_body=""), using=rows.db
        )

    _in_batches(calls, blank, tell, stopping)
    return report


def _in_batches(
    rows: QuerySet[Any],
    work: Callable[[list[Any]], None],
    tell: Callable[[int], object],
    stopping: Callable[[], bool],
) -> None:
    # By key: what is kept is not met again, and the rows of the next batch do not shift.
    ordered = rows.order_by("pk").values_list("pk", flat=True)
    keys = list(ordered[:ROWS_AT_ONCE])
    while keys and not stopping():
        work(keys)
        tell(len(keys))
        keys = list(ordered.filter(pk__gt=keys[-1])[:ROWS_AT_ONCE])


def _delete(payments: QuerySet[Payment], keys: list[Any]) -> int:
    """Delete in one transaction those of `keys` that are still finished; return how many.

    A write first: it takes the row locks (SQLite's only lock), so that no cancellation begins
    between the look and the end.
    """

    def delete() -> int:
        Payment.objects.using(payments.db).filter(pk__in=keys).update(sweep_at=F("sweep_at"))
        finished = list(payments.filter(pk__in=keys).values_list("pk", flat=True))
        for model in (CancellationAttempt, Cancellation):
            model.objects.using(payments.db).filter(payment__in=finished).delete()
        Payment.objects.using(payments.db).filter(pk__in=finished).delete()
        return len(finished)

    return atomically(delete, using=payments.db)
