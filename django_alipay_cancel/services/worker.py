"""The worker: carries out what is due, and heals what a process that died left behind.

Any number of workers run side by side, on any number of machines: the rows are the queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import repeat
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.conf import client_for
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.services import recording
from django_alipay_cancel.services.announcing import announce_overdue
from django_alipay_cancel.services.cancelling import attempt_cancellation, review_configuration
from django_alipay_cancel.services.claiming import due_since, lease_length
from django_alipay_cancel.services.due import Shared, due_rows, rows_of
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
        return gettext(
            "%(processed)d processed: %(succeeded)d succeeded, %(rejected)d rejected, "
            "%(needs_review)d need review, %(pending)d pending, %(errors)d errors."
        ) % {
            "processed": self.processed,
            "succeeded": self.succeeded,
            "rejected": self.rejected,
            "needs_review": self.needs_review,
            "pending": self.pending,
            "errors": self.errors,
        }


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
    allowed = repeat(None) if limit is None else iter(range(limit))
    due = Shared(due_rows(by=timezone.now(), allowed=allowed), stopping)
    unresolved = Shared(unresolved_payments(limit=_UNRESOLVED), stopping)

    def work() -> None:
        _work_on(due, report)
        for payment in unresolved:
            _guarded(f"Payment {payment.pk}", partial(resolve, payment))
            report.count("unresolved")
            # A silent gateway makes each payment take long: what falls due meanwhile goes first.
            fallen_due = due_rows(by=timezone.now(), allowed=allowed)
            _work_on(Shared(fallen_due, stopping), report)

    _in_threads(work, workers)
    logger.info("Pass over due cancellations: %s.", report)
    return report


def _work_on(due: Iterable[Cancellation], report: ProcessReport) -> None:
    for cancellation in due:
        report.count(_process(cancellation))


def process_cancellation(key: UUID | str) -> str:
    """Work on one cancellation if it is due and nobody else does; return its status then.

    For a task queue: the message carries the id only, the row decides. Raises
    Cancellation.DoesNotExist.
    """
    rows = Cancellation.objects.using(router.db_for_write(Cancellation))
    cancellation: Cancellation = rows.select_related("payment").get(pk=key)
    if due_since(cancellation):
        _process(cancellation)
    return str(cancellation.status)


def process_these(
    payments: Iterable[UUID],
    *,
    workers: int = 1,
    tell: Callable[[int], object] = lambda n: None,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Work on the due cancellations of these payments now; `tell` how many payments are done.

    What is not due, or claimed by another worker, is left alone; so is what comes after
    `stopping()` has become true.
    """
    due = Shared(rows_of(payments, tell), stopping)

    def work() -> None:
        for cancellation in due:
            _process(cancellation)
            tell(1)

    _in_threads(work, workers)


def worker_is_late() -> bool:
    """Return whether a cancellation is overdue by more than ten minutes: no worker is running."""
    overdue = timezone.now() - _LATE
    late: bool = Cancellation.objects.filter(next_attempt_at__lt=overdue).exists()
    return late


def _process(cancellation: Cancellation) -> str:
    """Work on one due row and return the report's field it counts for."""
    worked = _guarded(f"Cancellation {cancellation.pk}", partial(_carry_out, cancellation))
    return str(cancellation.status).lower() if worked else "errors"


def _guarded(row: str, work: Callable[[], None]) -> bool:
    try:
        work()
    except Exception:  # the one place per row: what it was is logged, its lease brings it back
        logger.exception("%s is left to its lease.", row)
        return False
    return True


def _carry_out(cancellation: Cancellation) -> None:
    token = cancellation.next_attempt_at
    assert token is not None  # a due row
    try:
        client = client_for(cancellation.payment.merchant)
    except ImproperlyConfigured as error:
        logger.error("Cancellation %s cannot be sent: %s", cancellation.pk, error)
        review_configuration(cancellation, token)
    else:
        attempt_cancellation(cancellation, client, token)


def _in_threads(work: Callable[[], None], workers: int) -> None:
    """Let `work` be done by so many threads; one works in the caller's thread and connection."""
    if workers == 1:
        work()
        return

    database = router.db_for_write(Cancellation)
    others = iter(range(workers - 1))
    started: list[Future[None]] = []

    def work_and_close() -> None:
        try:
            # One after another: all at once would storm the database, and then stay in step.
            connections[database].ensure_connection()
            if next(others, None) is not None:
                started.append(pool.submit(work_and_close))
            work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers, thread_name_prefix="cancel") as pool:
        started.append(pool.submit(work_and_close))
        for done in started:  # it grows meanwhile
            done.result()


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
