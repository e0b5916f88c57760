"""The worker that goes on until it is told to stop: several threads, one housekeeping."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from django.db import Error as DatabaseError
from django.db import connections

from django_alipay_cancel.models import Payment
from django_alipay_cancel.services import heartbeat
from django_alipay_cancel.services.announcing import announce_overdue
from django_alipay_cancel.services.outage import Outage
from django_alipay_cancel.services.queue import DueRows, Shared
from django_alipay_cancel.services.report import ProcessReport
from django_alipay_cancel.services.sweeping import resolve, unresolved_payments
from django_alipay_cancel.services.threads import in_threads
from django_alipay_cancel.services.worker import (
    BATCH,
    UNRESOLVED,
    close_orphaned_attempts,
    guarded,
    work_on,
)

# So many calls at a time the loop makes unless it is told otherwise.
LOOP_WORKERS = 4
# Seconds between two rounds of housekeeping.
_HOUSEKEEPING = 2.0


class StopRequest(Protocol):
    """A wish to stop, which may come at any moment."""

    def requested(self) -> bool:
        """Return whether it has come."""

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or when it comes."""


def run_loop(
    *, workers: int, interval: float, stop: StopRequest, tell: Callable[[ProcessReport], object]
) -> None:
    """Work on what falls due until `stop` is requested; `tell` what was done, now and then.

    Each thread claims for itself, with a fresh clock, and pauses `interval` seconds, jittered, when
    nothing is due: a slow call delays nobody else. A database that is away is waited for.
    """
    loop = _Loop(workers, stop, tell)
    in_threads(lambda: loop.work(interval), workers, patient=True)
    loop.report_now()


class _Loop:
    """What the threads of one process share: the due rows, the housekeeping, the outage."""

    def __init__(
        self, workers: int, stop: StopRequest, tell: Callable[[ProcessReport], object]
    ) -> None:
        self._due = DueRows(workers)
        self._stop = stop
        self._tell = tell
        self._report = ProcessReport()
        self._unresolved: Iterator[Payment] = iter(())
        self._keeping_house = threading.Lock()
        self._house_kept_at = 0.0
        self._outage = Outage(threads=workers)
        self._workers = workers
        self._clock = heartbeat.ClockCheck()

    def work(self, interval: float) -> None:
        """Be one thread of the loop."""
        while not self._stop.requested():
            try:
                busy = self._work_once(interval)
                self._outage.over()
            except DatabaseError as error:
                busy = False
                self._outage.goes_on(error)
                connections.close_all()  # as between two requests: one that broke is made anew
            if not busy:
                # A jitter, and no secret: the threads shall not ask in step.
                self._stop.wait(interval * random.uniform(0.75, 1.0))  # nosec B311

    def _work_once(self, interval: float) -> bool:
        if self._keeping_house.acquire(blocking=False):
            try:
                self._keep_house(interval)
            finally:
                self._keeping_house.release()
        if not self._clock.is_right:
            return False
        done = work_on(self._due, self._count, by=None, stopping=self._stop.requested)
        payment = next(self._unresolved, None)
        if payment is not None and not self._stop.requested():
            guarded(f"Payment {payment.pk}", partial(resolve, payment))
            self._count("unresolved")
            return True
        return done

    def _keep_house(self, interval: float) -> None:
        if time.monotonic() - self._house_kept_at < max(interval, _HOUSEKEEPING):
            return
        self._house_kept_at = time.monotonic()
        self._clock.compare()
        heartbeat.beat(threads=self._workers, clock_offset=self._clock.offset)
        if not self._clock.is_right:
            return
        close_orphaned_attempts()
        announce_overdue(limit=BATCH)
        rows = unresolved_payments(limit=UNRESOLVED)
        self._unresolved = Shared(rows, self._stop.requested)
        self.report_now()

    def _count(self, name: str) -> None:
        self._report.count(name)  # looked up now: another thread may just have told the last one

    def report_now(self) -> None:
        """Tell what was done since the last time, if anything was."""
        report, self._report = self._report, ProcessReport()
        if report.processed:
            self._tell(report)
