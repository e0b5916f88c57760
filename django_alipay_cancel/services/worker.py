"""What is due: claimed row by row, carried out, and healed where a process died.

Any number of workers run side by side, on any number of machines: the rows are the queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, SimpleQueue
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.utils import timezone

from django_alipay_cancel.conf import client_for
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.services import recording
from django_alipay_cancel.services.announcing import announce_overdue
from django_alipay_cancel.services.cancelling import attempt_cancellation, review_configuration
from django_alipay_cancel.services.claiming import claim, lease, lease_length
from django_alipay_cancel.services.sweeping import resolve, unresolved_payments

logger = logging.getLogger(__name__)

MAX_WORKERS = 256
_LATE = timedelta(minutes=10)
# Payments without a result that one pass asks about, each with a call.
_UNRESOLVED = 100
# Rows of housekeeping in one pass; the next pass goes on.
_BATCH = 1000


@dataclass
class ProcessReport:
    """What one pass did: rows by their status afterwards, errors left to their lease, and more."""

    succeeded: int = 0
    rejected: int = 0
    needs_review: int = 0
    pending: int = 0
    errors: int = 0
    announced: int = 0
    abandoned: int = 0
    unresolved: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def processed(self) -> int:
        """How many due cancellations were worked on."""
        return self.succeeded + self.rejected + self.needs_review + self.pending + self.errors

    def count(self, name: str) -> None:
        """Add one to the field `name`; several workers count into one report."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)

    def __str__(self) -> str:
        return (
            f"{self.processed} processed: {self.succeeded} succeeded, {self.rejected} rejected, "
            f"{self.needs_review} need review, {self.pending} pending, {self.errors} errors"
        )


def process_due_cancellations(*, limit: int | None = None, workers: int = 1) -> ProcessReport:
    """Make one pass over what is due now, at most `limit` cancellations, and report it.

    `workers=1` runs in the caller's thread and connection; more run in threads that close their
    connections. An exception on one row is logged with its trace, the row is left to its lease,
    and the pass goes on. Raises InsideTransaction within a transaction.
    """
    return run_pass(limit=limit, workers=workers, stopping=lambda: False)


def run_pass(*, limit: int | None, workers: int, stopping: Callable[[], bool]) -> ProcessReport:
    """One pass that ends early, calls in flight finished, as soon as `stopping()` is true."""
    if not 1 <= workers <= MAX_WORKERS:
        raise ValueError(f"workers must be between 1 and {MAX_WORKERS}, not {workers}.")
    report = ProcessReport()
    report.abandoned = close_orphaned_attempts()
    report.announced = announce_overdue(limit=_BATCH)
    for payment in unresolved_payments(limit=_UNRESOLVED):
        if stopping():
            break
        _guarded(f"Payment {payment.pk}", partial(resolve, payment))
        report.unresolved += 1
    due = _Due(started=timezone.now(), limit=limit, stopping=stopping)
    if workers == 1:
        _work(due, report)
    else:
        _in_threads(partial(_work, due, report), workers)
    logger.info("Pass over due cancellations: %s.", report)
    return report


class _Due:
    """The rows that were due when the pass started, handed out one by one."""

    def __init__(
        self, *, started: datetime, limit: int | None, stopping: Callable[[], bool]
    ) -> None:
        self._started = started
        self._left = limit
        self._stopping = stopping
        self._lock = threading.Lock()
        self._database = router.db_for_write(Cancellation)

    def claim_next(self) -> tuple[Cancellation, datetime] | None:
        """Claim the row that has waited longest; None when the pass is over."""
        if self._stopping() or not self._take_one():
            return None
        rows = Cancellation.objects.using(self._database).filter(next_attempt_at__lte=self._started)
        if connections[self._database].features.has_select_for_update_skip_locked:
            claimed = self._claim_locked(rows)
        else:
            claimed = self._claim_by_comparing(rows)
        if claimed is None:
            return None
        key, token = claimed
        row = Cancellation.objects.using(self._database).select_related("payment").get(pk=key)
        return row, token

    def _take_one(self) -> bool:
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            return self._left >= 0

    def _claim_locked(self, rows: QuerySet[Cancellation]) -> tuple[object, datetime] | None:
        with transaction.atomic(using=self._database):
            key = (
                rows.select_for_update(skip_locked=True)
                .order_by("next_attempt_at")
                .values_list("pk", flat=True)
                .first()
            )
            if key is None:
                return None
            token = lease()
            rows.filter(pk=key).update(next_attempt_at=token)
            return key, token

    def _claim_by_comparing(self, rows: QuerySet[Cancellation]) -> tuple[object, datetime] | None:
        while True:
            key = rows.order_by("next_attempt_at").values_list("pk", flat=True).first()
            if key is None:
                return None
            token = lease()
            if rows.filter(pk=key).update(next_attempt_at=token):
                return key, token


def _work(due: _Due, report: ProcessReport) -> None:
    while claimed := due.claim_next():
        cancellation, token = claimed
        report.count(_process(cancellation, token))


def process_cancellation(key: UUID | str) -> str:
    """Work on one cancellation if it is due and nobody else does; return its status then.

    For a task queue: the message carries the id only, the row decides. Raises
    Cancellation.DoesNotExist.
    """
    rows = Cancellation.objects.using(router.db_for_write(Cancellation))
    cancellation: Cancellation = rows.select_related("payment").get(pk=key)
    token = claim(cancellation, timezone.now())
    if token is not None:
        _process(cancellation, token)
    return str(cancellation.status)


def process_these(
    payments: Iterable[UUID],
    *,
    workers: int = 1,
    tell: Callable[[int], object] = lambda n: None,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Work on the due cancellations of these payments now; `tell(1)` after each payment.

    What is not due, or claimed by another worker, is left alone; so is what comes after
    `stopping()` has become true.
    """
    queue: SimpleQueue[UUID] = SimpleQueue()
    for key in payments:
        queue.put(key)

    def work() -> None:
        while not stopping() and (key := _next(queue)) is not None:
            rows = Cancellation.objects.using(router.db_for_write(Cancellation))
            for cancellation in rows.filter(open_for=key).select_related("payment"):
                token = claim(cancellation, timezone.now())
                if token is not None:
                    _process(cancellation, token)
            tell(1)

    if workers == 1:
        work()
    else:
        _in_threads(work, workers)


def _next(queue: SimpleQueue[UUID]) -> UUID | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None


def worker_is_late() -> bool:
    """Return whether a cancellation is overdue by more than ten minutes: no worker is running."""
    overdue = timezone.now() - _LATE
    late: bool = Cancellation.objects.filter(next_attempt_at__lt=overdue).exists()
    return late


def _process(cancellation: Cancellation, token: datetime) -> str:
    """Work on one claimed row and return the report's field it counts for."""
    worked = _guarded(f"Cancellation {cancellation.pk}", partial(_carry_out, cancellation, token))
    return str(cancellation.status).lower() if worked else "errors"


def _guarded(row: str, work: Callable[[], None]) -> bool:
    try:
        work()
    except Exception:  # the one place per row: what it was is logged, its lease brings it back
        logger.exception("%s is left to its lease.", row)
        return False
    return True


def _carry_out(cancellation: Cancellation, token: datetime) -> None:
    try:
        client = client_for(cancellation.payment.merchant)
    except ImproperlyConfigured as error:
        logger.error("Cancellation %s cannot be sent: %s", cancellation.pk, error)
        review_configuration(cancellation, token)
    else:
        attempt_cancellation(cancellation, client, token)


def _in_threads(work: Callable[[], None], workers: int) -> None:
    def work_and_close() -> None:
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work_and_close, name=f"cancel-{n}") for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def close_orphaned_attempts() -> int:
    """Close OPEN attempts that no claim will come back to; return how many.

    A pending cancellation closes its own when it is claimed again; these belong to one that was
    finished, or put into review, while the call was under way and its process died.
    """
    attempts = CancellationAttempt.objects.using(router.db_for_write(CancellationAttempt))
    orphaned = attempts.filter(
        outcome=CancellationAttempt.Outcome.OPEN, sent_at__lt=timezone.now() - lease_length()
    ).exclude(cancellation__status=Cancellation.Status.PENDING)
    keys = list(orphaned.values_list("pk", flat=True)[:_BATCH])
    return recording.abandon(attempts.filter(pk__in=keys)) if keys else 0
