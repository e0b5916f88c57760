"""The worker: carries out what is due, and heals what a process that died left behind.

Any number of workers run side by side, on any number of machines: the rows are the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import router
from django.utils import timezone

from django_alipay_cancel.conf import client_for
from django_alipay_cancel.exceptions import ends_the_task
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import attempts, heartbeat, schedule
from django_alipay_cancel.services.announcing import announce_overdue
from django_alipay_cancel.services.judging import carry_on, review_configuration
from django_alipay_cancel.services.queue import DueRows, Shared, due_rows_of
from django_alipay_cancel.services.report import ProcessReport
from django_alipay_cancel.services.sweeping import resolve, unresolved_payments
from django_alipay_cancel.services.threads import in_threads

logger = logging.getLogger(__name__)

MAX_WORKERS = 256
_LATE = timedelta(minutes=10)
# Payments without a result that one pass asks about, each with a call.
UNRESOLVED = 100
# Rows of housekeeping in one pass; the next pass goes on.
BATCH = 1000


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
    report.announced = announce_overdue(limit=BATCH)
    started = timezone.now()
    due = DueRows(workers, limit)
    unresolved = Shared(unresolved_payments(limit=UNRESOLVED), stopping)

    def work() -> None:
        work_on(due, report.count, by=started, stopping=stopping)
        for payment in unresolved:
            guarded(f"Payment {payment.pk}", partial(resolve, payment))
            report.count("unresolved")
            # A silent gateway makes each payment take long: what falls due meanwhile goes first.
            work_on(due, report.count, by=timezone.now(), stopping=stopping)

    in_threads(work, workers)
    heartbeat.beat(threads=workers)
    logger.info("Pass over due cancellations: %s.", report)
    return report


def work_on(
    due: DueRows,
    count: Callable[[str], object],
    *,
    by: datetime | None,
    stopping: Callable[[], bool],
) -> bool:
    """Work on what is due, `by` then or at each moment; return whether anything was."""
    any_done = False
    while not stopping():
        cancellation = due.take(by=by or timezone.now())
        if cancellation is None:
            break
        any_done = True
        try:
            count(_process(cancellation))
        finally:
            due.done(cancellation)
    return any_done


def process_cancellation(key: UUID | str) -> str:
    """Work on one cancellation if it is due and nobody else does; return its status then.

    For a task queue: the message carries the id only, the row decides. Raises
    Cancellation.DoesNotExist.
    """
    rows = Cancellation.objects.using(router.db_for_write(Cancellation))
    cancellation: Cancellation = rows.select_related("payment").get(pk=key)
    if schedule.is_due(cancellation):
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
    due = Shared(due_rows_of(payments, tell), stopping)

    def work() -> None:
        for cancellation in due:
            _process(cancellation)
            tell(1)

    in_threads(work, workers)


def resolve_these(
    payments: Iterable[UUID],
    *,
    reason: str = "",
    requested_by: Any = None,
    workers: int = 1,
    tell: Callable[[int], object] = lambda n: None,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Ask Alipay about each of these payments now, and cancel what it shows as unpaid.

    `tell` how many are done; what comes after `stopping()` has become true is left alone.
    """
    rest = Shared(payments, stopping)

    def resolve_each() -> None:
        for key in rest:
            payment = Payment.objects.using(router.db_for_write(Payment)).get(pk=key)
            # Somebody may have told meanwhile how it ended.
            if payment.status == Payment.Status.PROCESSING:
                work = partial(resolve, payment, reason=reason, requested_by=requested_by)
                guarded(f"Payment {key}", work)
            tell(1)

    in_threads(resolve_each, workers)


def worker_is_late() -> bool:
    """Return whether a cancellation is overdue by more than ten minutes: no worker is running.

    One that is due later than any rule could have put it (a clock was wrong) is late, too.
    """
    rows = Cancellation.objects.all()
    return is_overdue() or bool(schedule.unreachable(rows, now=timezone.now()).exists())


def is_overdue() -> bool:
    """Return whether a cancellation has been due for more than ten minutes."""
    rows = Cancellation.objects.all()
    return bool(schedule.overdue(rows, now=timezone.now() - _LATE).exists())


def _process(cancellation: Cancellation) -> str:
    """Work on one due row and return the report's field it counts for."""
    worked = guarded(f"Cancellation {cancellation.pk}", partial(_carry_out, cancellation))
    return str(cancellation.status).lower() if worked else "errors"


def guarded(row: str, work: Callable[[], None]) -> bool:
    try:
        work()
    except Exception as error:  # the one place per row: its lease brings it back
        if ends_the_task(error):
            raise
        logger.exception("%s is left to its lease.", row)
        return False
    return True


def _carry_out(cancellation: Cancellation) -> None:
    try:
        client = client_for(cancellation.payment.merchant)
    except ImproperlyConfigured as error:
        logger.error("Cancellation %s cannot be sent: %s", cancellation.pk, error)
        review_configuration(cancellation)
    else:
        carry_on(cancellation, client)


def close_orphaned_attempts() -> int:
    """Close OPEN attempts that no claim will come back to; return how many.

    A pending cancellation closes its own when it is claimed again; these belong to one that was
    finished, or put into review, while the call was under way and its process died.
    """
    return attempts.abandon_orphaned(
        database=router.db_for_write(CancellationAttempt), now=timezone.now(), limit=BATCH
    )
