"""Pages of a list that may be very long."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

# Counting a million rows takes longer than showing a page of them, and nobody leafs so far.
MOST_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """Counts and leafs through the first 10,000 rows; `is_cut` tells that there are more."""

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST_ROWS)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than these pages reach."""
        return self._counted > MOST_ROWS

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: MOST_ROWS + 1].count()
        return counted
