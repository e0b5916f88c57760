"""Due cancellations: claimed for threads that are free, and shared out between the merchants.

A claim that waits would use up its lease, so that a row is never taken before somebody is free to
work on it. One merchant whose gateway is silent must not take all the threads of the others.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Generic, TypeVar
from uuid import UUID

from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.utils import timezone

from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services import gateways, schedule

Item = TypeVar("Item")

_READ_AHEAD = 100
# Seconds: a merchant whose call takes longer keeps to its half of the threads.
_SLOW = 1.0


class Share:
    """How many threads each merchant has at this moment, and may have.

    All of them where there is one merchant. Of several, one has more than half (at least one) only
    while no other has something due, and only when its calls have been quick: a silent one would
    hold all of them for a whole call.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        alone = len(settings.MERCHANTS) < 2
        self._half = workers if alone else max(1, workers // 2)
        self._lock = threading.Lock()
        self._began: dict[UUID, tuple[str, float]] = {}
        self._quick: set[str] = set()

    def begin(self, cancellation: Cancellation) -> None:
        """A thread works on this row from now on."""
        with self._lock:
            self._began[cancellation.pk] = (cancellation.payment.merchant, time.monotonic())

    def end(self, cancellation: Cancellation) -> None:
        """The thread is free again."""
        with self._lock:
            merchant, began = self._began.pop(cancellation.pk)
            if time.monotonic() - began < _SLOW:
                self._quick.add(merchant)
            else:
                self._quick.discard(merchant)

    def room(self, *, alone: bool) -> Callable[[str], bool]:
        """Return a question, to be asked once per row: may this merchant have one more thread?

        `alone`: no other merchant has something due.
        """
        with self._lock:
            now = time.monotonic()
            busy = Counter(merchant for merchant, _ in self._began.values())
            slow = {m for m, began in self._began.values() if now - began > _SLOW}
            quick = self._quick - slow

        def has_room(merchant: str) -> bool:
            most = self._workers if alone and merchant in quick else self._half
            busy[merchant] += 1
            return busy[merchant] <= most

        return has_room

    def full(self, *, alone: bool) -> list[str]:
        """Return the merchants that have no room."""
        with self._lock:
            merchants = {merchant for merchant, _ in self._began.values()}
        return [merchant for merchant in merchants if not self.room(alone=alone)(merchant)]


class Shared(Generic[Item]):
    """What several threads take one by one; nothing more as soon as `stopping()` is true."""

    def __init__(self, items: Iterable[Item], stopping: Callable[[], bool]) -> None:
        self._items = iter(items)
        self._stopping = stopping
        self._taking = threading.Lock()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._taking:
            if self._stopping():
                raise StopIteration
            return next(self._items)


class DueRows:
    """The due rows of every merchant, the longest waiting first, for several threads.

    At most `limit` rows are claimed.
    """

    def __init__(self, workers: int, limit: int | None = None) -> None:
        self._left = float("inf") if limit is None else limit
        self._share = Share(workers)
        self._taking = threading.Lock()

    def take(self, *, by: datetime) -> Cancellation | None:
        """Claim the next row due `by` then for the calling thread; None when there is none."""
        with self._taking:
            found = self._claim(by) if self._left > 0 else None
            if found is not None:
                self._share.begin(found)
                self._left -= 1
            return found

    def done(self, cancellation: Cancellation) -> None:
        """The row is worked on no longer."""
        self._share.end(cancellation)

    def _claim(self, by: datetime) -> Cancellation | None:
        put_off = gateways.put_off(timezone.now())
        due = schedule.overdue(_rows(), now=by)
        resting = [*put_off.waiting, *put_off.probing]
        for alone in (False, True):
            left_out = [*resting, *self._share.full(alone=alone)]
            if found := _claim_one(due.exclude(payment__merchant__in=left_out)):
                return found
        for merchant in put_off.probing:
            probe = due.filter(payment__merchant=merchant)
            if probe.exists() and gateways.win_probe(merchant, put_off.probing[merchant]):
                return _claim_one(probe)
        # A wrong clock put these off: looked for when there is time, since nobody else would.
        return _claim_one(schedule.unreachable(_rows(), now=timezone.now()))


def due_rows_of(payments: Iterable[UUID], tell: Callable[[int], object]) -> Iterator[Cancellation]:
    """Yield the due cancellations of these payments; `tell` how many have none.

    Not claimed, so that no lease runs while they wait: nobody else in this process gets them, and
    against another one the first attempt compares when they were due, like every later write. Rows
    of a merchant whose gateway is put off are left to the worker.
    """
    rest = iter(payments)
    while keys := list(islice(rest, _READ_AHEAD)):
        now = timezone.now()
        put_off = gateways.put_off(now)
        due = schedule.overdue(_rows(), now=now).filter(open_for__in=keys)
        due = due.exclude(payment__merchant__in=[*put_off.waiting, *put_off.probing])
        found = {row.payment_id: row for row in due.select_related("payment")}
        tell(len(keys) - len(found))
        yield from (found[key] for key in keys if key in found)


def _rows() -> QuerySet[Cancellation]:
    rows: QuerySet[Cancellation] = Cancellation.objects.using(router.db_for_write(Cancellation))
    return rows


def _claim_one(due: QuerySet[Cancellation]) -> Cancellation | None:
    """Claim the row that waits longest; None when there is none."""
    features = connections[due.db].features
    longest_waiting = due.select_related("payment").order_by("next_attempt_at")
    if not features.has_select_for_update_skip_locked:
        # Without row locks another worker can be quicker.
        return next((row for row in longest_waiting[:_READ_AHEAD] if schedule.claim(row)), None)
    locking = longest_waiting[:1].select_for_update(
        skip_locked=True, of=("self",) if features.has_select_for_update_of else ()
    )
    with transaction.atomic(using=due.db):
        found = list(locking)
        schedule.claim_all(found)
    return found[0] if found else None
