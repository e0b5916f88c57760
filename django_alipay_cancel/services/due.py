"""Due cancellations: claimed a few at a time, handed out to a worker's threads one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import nullcontext
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar
from uuid import UUID

from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.utils import timezone

from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services.claiming import lease

Row = TypeVar("Row")

# The statements of one claim are shared by so many rows. Few, since a process that is killed
# leaves what it has claimed to the lease.
AT_ONCE = 8


class Shared(Generic[Row]):
    """One iterator for several threads; it ends early as soon as `stopping()` is true."""

    def __init__(self, rows: Generator[Row, None, None], stopping: Callable[[], bool]) -> None:
        self._rows = rows
        self._stopping = stopping
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        with self._lock:
            if self._stopping():
                raise StopIteration
            return next(self._rows)

    def close(self) -> None:
        """Let go of what was not handed out."""
        self._rows.close()


def due_rows(
    *, by: datetime, allowed: Iterator[object], at_once: int
) -> Generator[Cancellation, None, None]:
    """Claim and yield what is due `by` then, the longest waiting first.

    `allowed` gives one item for each row that may be claimed.
    """
    due = _rows().filter(next_attempt_at__lte=by)
    while number := sum(1 for _ in islice(allowed, at_once)):
        batch = _claim(due, number)
        claimed = len(batch)
        yield from _handed_out(batch)
        if claimed < number:
            return


def rows_of(
    payments: Iterable[UUID], tell: Callable[[int], object], *, at_once: int
) -> Generator[Cancellation, None, None]:
    """Claim and yield the due cancellations of these payments; `tell` how many have none."""
    rest = iter(payments)
    while keys := list(islice(rest, at_once)):
        due = _rows().filter(open_for__in=keys, next_attempt_at__lte=timezone.now())
        batch = _claim(due, len(keys))
        tell(len(keys) - len(batch))
        yield from _handed_out(batch)


def _rows() -> QuerySet[Cancellation]:
    rows: QuerySet[Cancellation] = Cancellation.objects.using(router.db_for_write(Cancellation))
    return rows


def _claim(due: QuerySet[Cancellation], number: int) -> list[Cancellation]:
    """Claim `number` rows with one token; fewer when no more are due, or others were quicker."""
    token = lease()
    skips_locked = connections[due.db].features.has_select_for_update_skip_locked
    candidates = due.select_for_update(skip_locked=True) if skips_locked else due
    # SQLite cannot turn a transaction that began with reading into one that writes.
    with transaction.atomic(using=due.db) if skips_locked else nullcontext():
        keys = list(candidates.order_by("next_attempt_at").values_list("pk", flat=True)[:number])
        if not keys:
            return []
        due.filter(pk__in=keys).update(next_attempt_at=token)
    claimed = _rows().filter(next_attempt_at=token).select_related("payment").in_bulk(keys)
    return [claimed[key] for key in keys if key in claimed]


def _handed_out(batch: list[Cancellation]) -> Generator[Cancellation, None, None]:
    try:
        while batch:
            yield batch.pop(0)
    finally:
        if batch:  # the pass stops: what nobody began is due again, for any worker
            left = _rows().filter(pk__in=[row.pk for row in batch])
            token = batch[0].next_attempt_at
            left.filter(next_attempt_at=token).update(next_attempt_at=timezone.now())
