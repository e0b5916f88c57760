"""What a selection adds up to: how many can be cancelled, their money, and why not the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet, Sum

from django_alipay_cancel.admin.explaining import why_not_by_status
from django_alipay_cancel.models import Payment
from django_alipay_cancel.money import format_amount

# Asked for ten thousand keys at once, PostgreSQL reads the whole table instead of the index.
_SLICES = 10


@dataclass(frozen=True)
class Part:
    """Payments of a selection that are alike; `amount` in minor units, None where none is known."""

    count: int
    currency: str
    amount: int | None
    why_not: str


@dataclass(frozen=True)
class Totals:
    """The whole selection; `left_out` says why, with the number of payments it holds for."""

    count: int
    sums: list[str]
    without_amount: int
    left_out: list[tuple[str, int]]


def totals(parts: Iterable[Part]) -> Totals:
    """Add up the parts of a selection."""
    count = without_amount = 0
    amounts: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for part in parts:
        if part.why_not:
            left_out[part.why_not] += part.count
            continue
        count += part.count
        if part.amount is None:
            without_amount += part.count
        else:
            amounts[part.currency] += part.amount
    return Totals(
        count=count,
        sums=[format_amount(amounts[currency], currency) for currency in sorted(amounts)],
        without_amount=without_amount,
        left_out=left_out.most_common(),
    )


def parts_of(payments: QuerySet[Payment], keys: list[UUID]) -> Iterator[Part]:
    """Yield the parts of a large selection, added up by the database in ten queries."""
    for start in range(_SLICES):
        yield from _parts(payments.filter(pk__in=keys[start::_SLICES]))


def _parts(payments: QuerySet[Payment]) -> Iterator[Part]:
    alike = ("status", "merchant", "amount_currency")
    rows: Any = payments.order_by().values(*alike)
    for row in rows.annotate(
        known=Count("amount_value"), every=Count("pk"), amount=Sum("amount_value")
    ):
        problem = why_not_by_status(row["status"], row["merchant"])
        currency = row["amount_currency"]
        if row["known"]:
            yield Part(row["known"], currency, int(row["amount"]), problem)
        if row["every"] > row["known"]:
            yield Part(row["every"] - row["known"], currency, None, problem)
