"""Many cancellations told by what they have in common: no group says more than each of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, Q, QuerySet, Sum
from django.utils import timezone

from django_alipay_cancel.admin.sentences import Told, outcome
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.money import format_amount

# What a sentence depends on: how the wish ended and why, and what is known of the money.
_ENDED = ("status", "means", "next_step", "result_code", "error", "closed_by_name")
_MONEY = ("payment__status", "is_paid", "is_authorized", "has_refund")
_FILTERS = ("status", "next_step")


@dataclass
class Group:
    """Cancellations of which one sentence is true, and the filters that lead to their like.

    `amounts` is their money, by currency.
    """

    told: Told
    filters: dict[str, str]
    number: int = 0
    amounts: list[str] = field(default_factory=list)

    @property
    def money(self) -> str:
        """The amounts as one text; "-" where none is known."""
        return ", ".join(self.amounts) or "-"


def grouped(cancellations: QuerySet[Any]) -> list[Group]:
    """Return the groups of these cancellations, with one query."""
    rows = cancellations.annotate(
        is_paid=_is_known("paid_at"),
        is_authorized=_is_known("authorized_at"),
        has_refund=_is_known("refunded_value"),
    )
    alike = (*_ENDED, *_MONEY, "payment__amount_currency")
    groups: dict[tuple[Any, ...], Group] = {}
    for row in (
        rows.order_by(*alike)
        .values(*alike)
        .annotate(number=Count("pk"), amount=Sum("payment__amount_value"))
    ):
        key = tuple(row[name] for name in (*_ENDED, *_MONEY))
        if key not in groups:
            filters = {f"{name}__exact": row[name] for name in _FILTERS}
            groups[key] = Group(outcome(_one_of(row)), filters)
        groups[key].number += row["number"]
        if row["amount"] is not None:
            amount = format_amount(int(row["amount"]), row["payment__amount_currency"])
            groups[key].amounts.append(amount)
    return list(groups.values())


def _is_known(fact: str) -> ExpressionWrapper[Q]:
    return ExpressionWrapper(Q((f"payment__{fact}__isnull", False)), BooleanField())


def _one_of(row: dict[str, Any]) -> Cancellation:
    known = timezone.now()
    payment = Payment(
        status=row["payment__status"],
        paid_at=known if row["is_paid"] else None,
        authorized_at=known if row["is_authorized"] else None,
        refunded_value=0 if row["has_refund"] else None,
    )
    alike: Cancellation = Cancellation(payment=payment, **{name: row[name] for name in _ENDED})
    return alike
