"""Signals, at least once: marked in the commit that finishes, cleared after sending."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import router
from django.utils import timezone

from django_alipay_cancel import signals
from django_alipay_cancel.isolation import if_still
from django_alipay_cancel.models import Cancellation

logger = logging.getLogger(__name__)

# Whoever commits sends at once; the worker looks after this long, when that process has died.
_GRACE = timedelta(seconds=60)

_SIGNALS = {
    Cancellation.Status.SUCCEEDED: signals.cancellation_succeeded,
    Cancellation.Status.REJECTED: signals.cancellation_rejected,
    Cancellation.Status.REFUNDED: signals.cancellation_refunded,
    Cancellation.Status.NEEDS_REVIEW: signals.cancellation_needs_review,
}


def announcement_due(now: datetime) -> datetime:
    """Return when the worker sends an announcement that its own process did not."""
    return now + _GRACE


def announce(cancellation: Cancellation) -> None:
    """Send the signal of a cancellation that is marked, then clear the mark. After commit only."""
    mark = cancellation.announce_at
    if mark is None:
        return
    signal = _SIGNALS.get(Cancellation.Status(cancellation.status))
    if signal is not None:
        signal.send_robust(Cancellation, cancellation=cancellation, payment=cancellation.payment)
    # Compared, because a receiver or another process may have finished it anew meanwhile.
    rows = Cancellation.objects.using(cancellation.database).filter(pk=cancellation.pk)
    if_still(rows, announce_at=mark).update(announce_at=None)
    cancellation.announce_at = None


def announce_overdue(*, limit: int) -> int:
    """Send what crashed processes left unsent; return how many."""
    database = router.db_for_write(Cancellation)
    now = timezone.now()
    rows = Cancellation.objects.using(database)
    overdue = rows.filter(announce_at__lte=now)
    sent = 0
    for cancellation in overdue.select_related("payment").order_by("announce_at")[:limit]:
        # Two workers at once: only the one whose write hits sends.
        taken = if_still(rows.filter(pk=cancellation.pk), announce_at=cancellation.announce_at)
        cancellation.announce_at = announcement_due(now)
        if taken.update(announce_at=cancellation.announce_at):
            announce(cancellation)
            sent += 1
    return sent
