"""How many cancellations are open: for the banner of the lists and the overview."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import Count, Q, QuerySet

from django_alipay_cancel.models import Cancellation

# More than anybody works off in a day; counting on would only take time.
MOST_COUNTED = 10_000


class OpenCounts(NamedTuple):
    """Cancellations that are not finished; beyond 10,000 nobody counts."""

    in_review: int
    pending: int
    is_cut: bool

    @property
    def waiting(self) -> str:
        """How many are pending, for people."""
        return f"{self.pending}+" if self.is_cut else str(self.pending)


def open_counts(cancellations: QuerySet[Any]) -> OpenCounts:
    """Count what is open among these cancellations, with one query over an index."""
    opened = cancellations.filter(status__in=Cancellation.OPEN)
    # By name, those in review come first: the cut is made among the pending ones.
    counted = opened.order_by("status")[:MOST_COUNTED].aggregate(
        in_review=Count("pk", filter=Q(status=Cancellation.Status.NEEDS_REVIEW)),
        pending=Count("pk", filter=Q(status=Cancellation.Status.PENDING)),
    )
    return OpenCounts(**counted, is_cut=sum(counted.values()) >= MOST_COUNTED)
