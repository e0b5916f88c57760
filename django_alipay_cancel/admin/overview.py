"""The last 30 days above the list of cancellations: a small chart, and the same as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.db.models import Count, DateTimeField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation

DAYS = 30
# Units of the drawing; the page scales it.
_HEIGHT = 40
_STEP = 10
_BAR = 8


class Bar(NamedTuple):
    """One outcome of one day as a rectangle."""

    kind: str
    x: int
    y: int
    height: int


class Day(NamedTuple):
    """How many cancellations finished on a day, by how."""

    day: date
    succeeded: int
    rejected: int
    refunded: int


class Overview(NamedTuple):
    """What the template draws: succeeded and, upon it, refunded above the line, rejected below it.

    Of refunds nothing is to be shown where they are switched off and none was made.
    """

    days: list[Day]
    bars: list[Bar]
    succeeded: int
    rejected: int
    refunded: int
    shows_refunds: bool
    width: int = DAYS * _STEP
    bar_width: int = _BAR
    line: int = _HEIGHT
    height: int = 2 * _HEIGHT


def overview(cancellations: QuerySet[Any]) -> Overview:
    """Count what finished on each of the last 30 days, with one query over an index."""
    today = today_here()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    counts = _counts(cancellations, days[0])
    lines = [
        Day(
            day,
            counts[day, Cancellation.Status.SUCCEEDED],
            counts[day, Cancellation.Status.REJECTED],
            counts[day, Cancellation.Status.REFUNDED],
        )
        for day in days
    ]
    refunded = sum(line.refunded for line in lines)
    return Overview(
        days=lines,
        bars=list(_bars(lines)),
        succeeded=sum(line.succeeded for line in lines),
        rejected=sum(line.rejected for line in lines),
        refunded=refunded,
        shows_refunds=bool(refunded or settings.REFUNDS),
    )


def today_here() -> date:
    """Return the day it is, in the zone of this page."""
    return timezone.localdate() if django_settings.USE_TZ else datetime.now().date()


def _counts(cancellations: QuerySet[Any], since: date) -> Counter[tuple[date, str]]:
    start = datetime.combine(since, time.min)
    zoned = django_settings.USE_TZ
    # Shifted by hand: MariaDB knows other zones than UTC only after its tables were loaded.
    shift = (timezone.localtime().utcoffset() if zoned else None) or timedelta()
    local = ExpressionWrapper(F("finished_at") + shift, output_field=DateTimeField())
    rows = (
        cancellations.filter(finished_at__gte=timezone.make_aware(start) if zoned else start)
        .order_by()
        .annotate(day=TruncDate(local, tzinfo=UTC if zoned else None))
        .values_list("day", "status")
        .annotate(count=Count("pk"))
    )
    return Counter({(day, status): count for day, status, count in rows})


def _bars(lines: Iterable[Day]) -> Iterable[Bar]:
    lines = list(lines)
    most = max(max(line.succeeded + line.refunded, line.rejected) for line in lines)
    for number, line in enumerate(lines):
        x = number * _STEP + (_STEP - _BAR) // 2
        top = _HEIGHT
        if line.succeeded:
            height = _scaled(line.succeeded, most)
            top -= height
            yield Bar("succeeded", x, top, height)
        if line.refunded:
            height = min(_scaled(line.refunded, most), top)
            yield Bar("refunded", x, top - height, height)
        if line.rejected:
            yield Bar("rejected", x, _HEIGHT, _scaled(line.rejected, most))


def _scaled(count: int, most: int) -> int:
    return max(round(count * _HEIGHT / most), 1)  # one among thousands is seen too
