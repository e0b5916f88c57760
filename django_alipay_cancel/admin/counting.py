"""How many cancellations are open: for the banner of the lists and the overview."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation

# More than anybody works off in a day; counting on would only take time.
MOST_COUNTED = 10_000


class OpenCounts(NamedTuple):
    """Cancellations that are not finished; beyond 10,000 nobody counts."""

    in_review: int
    pending: int
    is_cut: bool
    refunded: int = 0  # of the pending ones, where refunds are switched on

    @property
    def waiting(self) -> str:
        """How many are pending, for people."""
        return self._cut(self.pending)

    @property
    def being_refunded(self) -> str:
        """How many of these go on as a refund, for people."""
        return self._cut(self.refunded)

    def _cut(self, number: int) -> str:
        return f"{number}+" if self.is_cut else str(number)


def open_counts(cancellations: QuerySet[Any]) -> OpenCounts:
    """Count what is open among these cancellations, with one query over an index."""
    opened = cancellations.filter(status__in=Cancellation.OPEN)
    # By name, those in review come first: the cut is made among the pending ones.
    pending = Q(status=Cancellation.Status.PENDING)
    counts = {
        "in_review": Count("pk", filter=Q(status=Cancellation.Status.NEEDS_REVIEW)),
        "pending": Count("pk", filter=pending),
    }
    if settings.REFUNDS:
        refunds = Q(means=Cancellation.Means.REFUND)
        counts["refunded"] = Count("pk", filter=pending & refunds)
    counted = opened.order_by("status")[:MOST_COUNTED].aggregate(**counts)
    is_cut = counted["in_review"] + counted["pending"] >= MOST_COUNTED
    return OpenCounts(**counted, is_cut=is_cut)
