"""When a cancellation is next looked at: the only writer of `next_attempt_at`.

The column is due time, lease and claim token in one: whoever works on a row writes the end of a
lease there and compares it at every later write of the schedule. When the process dies, the row
falls due again by itself.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from django_alipay_cancel.conf import DEFAULTS, settings
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services.history import Policy

DUE = ("next_attempt_at",)
_LONGEST_SWEEP_DELAY = timedelta(hours=1)
_REVIEW_EVERY = timedelta(hours=1)
# A worker that has claimed a row writes its attempt sooner than that, unless it has to wait.
_TO_BEGIN = timedelta(seconds=1)


def call_limit() -> timedelta:
    """Return how long one call may take at most."""
    return timedelta(seconds=sum(settings.TIMEOUT))


def lease_length() -> timedelta:
    """Return how long a claim holds: three calls at their limit and ten seconds."""
    return 3 * call_limit() + timedelta(seconds=10)


def lease() -> datetime:
    """Return the end of a claim made now."""
    # The microseconds make two claims of one row differ even when a clock is set back. They are
    # compared with what is stored, and no secret.
    return timezone.now() + lease_length() + timedelta(microseconds=random.randrange(1000))  # nosec B311


def last_byte_by(claim_until: datetime) -> datetime:
    """Return the fence: from then on nothing is sent under this claim, so that its call ends in it.

    A process that was paused between its commit and its call wakes up and finds this over.
    """
    return claim_until - call_limit()


def policy() -> Policy:
    """Return the settings that the rules need, with this moment's jitter."""
    # A jitter, and no secret: a thousand that failed at once shall not come back at once.
    delays = [
        timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # nosec B311
        for seconds in settings.RETRY_DELAYS
    ]
    return Policy(
        delays=delays,
        quiet=timedelta(seconds=settings.QUIET_PERIOD),
        fresh=call_limit() + timedelta(seconds=10),
        review_every=_REVIEW_EVERY,
        refunds=settings.REFUNDS,
    )


def is_due(cancellation: Cancellation) -> bool:
    """Return whether nobody works on this row and its time has come, or can never come."""
    at = cancellation.next_attempt_at
    now = timezone.now()
    return at is not None and (at <= now or at > now + reach())


def reach() -> timedelta:
    """Return how far ahead a due time can be: one beyond it was written by a wrong clock."""
    longest = max(*DEFAULTS["RETRY_DELAYS"], *settings.RETRY_DELAYS)
    longest = max(longest, settings.QUIET_PERIOD, _REVIEW_EVERY.total_seconds())
    return timedelta(seconds=longest) + lease_length()


def gives_up_at(cancellation: Cancellation) -> datetime | None:
    """Return about when a PENDING one without a result goes to a person; None when it has no time.

    A gateway that is put off, a quiet period and the jitter move it.
    """
    at = cancellation.next_attempt_at
    left = settings.RETRY_DELAYS[cancellation.repeats :]
    return at and at + timedelta(seconds=sum(left))


def overdue(rows: QuerySet[Cancellation], *, now: datetime) -> QuerySet[Cancellation]:
    """Return the rows whose time has come."""
    return rows.filter(next_attempt_at__lte=now)


def oldest_due_at(*, now: datetime) -> datetime | None:
    """Return since when the longest waiting row is due; None when nothing is."""
    due = overdue(Cancellation.objects.all(), now=now)
    first: datetime | None = due.order_by(*DUE).values_list(*DUE, flat=True).first()
    return first


def unreachable(rows: QuerySet[Cancellation], *, now: datetime) -> QuerySet[Cancellation]:
    """Return the rows that are due later than any rule could have put them."""
    return rows.filter(next_attempt_at__gt=now + reach())


def start(cancellation: Cancellation, *, claimed: bool) -> None:
    """Give a new cancellation, in memory, its first due time: now, or a claim of the caller."""
    cancellation.next_attempt_at = lease() if claimed else cancellation.asked_at


def claim(cancellation: Cancellation, *fields: str) -> bool:
    """Claim a row as it was read, or renew a claim; False: somebody else has it by now.

    `fields` are written with it.
    """
    read, cancellation.next_attempt_at = cancellation.next_attempt_at, lease()
    return cancellation.store(*DUE, *fields, next_attempt_at=read)


def is_just_claimed(cancellation: Cancellation) -> bool:
    """Return whether the due time is that of a claim which is less than a second old.

    One that was planned looks like that for a second when it is as far away as a claim lasts.
    """
    at = cancellation.next_attempt_at
    return at is not None and lease() - _TO_BEGIN < at <= lease()


def claim_all(locked: list[Cancellation]) -> None:
    """Claim rows that the caller has locked, in one statement."""
    if not locked:
        return
    token = lease()
    rows = Cancellation.objects.using(locked[0].database)
    rows.filter(pk__in=[row.pk for row in locked]).update(next_attempt_at=token)
    for row in locked:
        row.next_attempt_at = token


def due_at(cancellation: Cancellation, at: datetime | None) -> None:
    """Set, in memory, when the row is next looked at; `DUE` is the field to store with the rest."""
    cancellation.next_attempt_at = at


def due_in_review(cancellation: Cancellation) -> None:
    """Likewise, of a row that a person has to look at: Alipay is asked all the same."""
    due_at(cancellation, timezone.now() + _REVIEW_EVERY)


def held(token: datetime | None) -> Mapping[str, datetime]:
    """Return the lookup that a write of the schedule must meet; without a claim, any row does."""
    return {} if token is None else {"next_attempt_at": token}


def next_sweep(created_at: datetime, asked_at: datetime) -> datetime:
    """Return when a payment without a result is asked about again: when it is twice as old."""
    age = max(asked_at - created_at, timedelta(seconds=settings.CANCEL_UNRESOLVED_AFTER or 0))
    return asked_at + min(age, _LONGEST_SWEEP_DELAY)
