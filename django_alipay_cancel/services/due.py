"""Due cancellations: claimed for the idle of a worker's threads, handed out one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar
from uuid import UUID

from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.utils import timezone

from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services.claiming import claim, lease

Row = TypeVar("Row")

_READ_AHEAD = 100


class Shared(Generic[Row]):
    """Rows for several threads: taken for those that wait, handed out one by one.

    `take(number)` returns at most so many rows, none of them twice, or None when there are no
    more; no more are taken either as soon as `stopping()` is true. A row is never taken before
    somebody is free to work on it, since a claim that waits would use up its lease.
    """

    def __init__(
        self, take: Callable[[int], list[Row] | None], stopping: Callable[[], bool]
    ) -> None:
        self._take = take
        self._stopping = stopping
        self._taken: list[Row] = []
        self._waiting = 0
        self._counting = threading.Lock()
        self._taking = threading.Lock()

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        with self._counting:
            self._waiting += 1
        try:
            with self._taking:
                return self._next()
        finally:
            with self._counting:
                self._waiting -= 1

    def _next(self) -> Row:
        while not self._taken:
            taken = None if self._stopping() else self._take(self._waiting)
            if taken is None:
                raise StopIteration
            self._taken = taken
        return self._taken.pop(0)


def due_rows(
    *, by: datetime, allowed: Iterator[object]
) -> Callable[[int], list[Cancellation] | None]:
    """Return how to claim what is due `by` then, the longest waiting first.

    `allowed` gives one item for each row that may be claimed.
    """
    due = _rows().filter(next_attempt_at__lte=by)

    def take(number: int) -> list[Cancellation] | None:
        number = sum(1 for _ in islice(allowed, number))
        return _claim(due, number) if number else None

    return take


def rows_of(
    payments: Iterable[UUID], tell: Callable[[int], object]
) -> Callable[[int], list[Cancellation] | None]:
    """Return how to find the due cancellations of these payments; `tell` how many have none."""
    rows = _read_ahead(payments, tell)
    return lambda number: list(islice(rows, number)) or None


def _read_ahead(payments: Iterable[UUID], tell: Callable[[int], object]) -> Iterator[Cancellation]:
    # Not claimed, so that no lease runs while they wait: nobody else in this process gets them, and
    # against another one the first attempt compares when they were due, like every later write.
    rest = iter(payments)
    while keys := list(islice(rest, _READ_AHEAD)):
        due = _rows().filter(open_for__in=keys, next_attempt_at__lte=timezone.now())
        found = {row.payment_id: row for row in due.select_related("payment")}
        tell(len(keys) - len(found))
        yield from (found[key] for key in keys if key in found)


def _rows() -> QuerySet[Cancellation]:
    rows: QuerySet[Cancellation] = Cancellation.objects.using(router.db_for_write(Cancellation))
    return rows


def _claim(due: QuerySet[Cancellation], number: int) -> list[Cancellation] | None:
    """Claim at most `number` rows; None when nothing is due any more.

    The list may be empty: without row locks another worker can be quicker.
    """
    features = connections[due.db].features
    longest_waiting = due.select_related("payment").order_by("next_attempt_at")[:number]
    if not features.has_select_for_update_skip_locked:
        found = list(longest_waiting)
        return [row for row in found if claim(row)] if found else None
    locking = longest_waiting.select_for_update(
        skip_locked=True, of=("self",) if features.has_select_for_update_of else ()
    )
    with transaction.atomic(using=due.db):
        found = list(locking)
        token = lease()
        due.filter(pk__in=[row.pk for row in found]).update(next_attempt_at=token)
    for row in found:
        row.next_attempt_at = token
    return found or None
