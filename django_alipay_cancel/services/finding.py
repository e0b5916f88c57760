"""Payments by what people call them: any of the three ids, or the shop's order number."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from django_alipay_cancel.models import Payment


def look_up(
    payments: QuerySet[Payment], names: Collection[str], *, limit: int | None = None
) -> dict[str, list[UUID]]:
    """Return, for each name, the keys of the payments that are called exactly that.

    A name is an id, a payment_request_id, a payment_id or a reference. One query, by index; of
    more than `limit` payments the rest is left out.
    """
    matches: dict[str, list[UUID]] = {name: [] for name in names}
    by_key: dict[UUID, list[str]] = {}
    for name in matches:
        if (key := _uuid(name)) is not None:
            by_key.setdefault(key, []).append(name)
    texts = list(matches)
    condition = (
        Q(payment_request_id__in=texts)
        | Q(payment_id__in=texts)
        | Q(reference__in=texts)
        | Q(pk__in=by_key)
    )
    rows = payments.filter(condition).order_by()
    columns = ("pk", "payment_request_id", "payment_id", "reference")
    for key, *called in rows.values_list(*columns)[:limit]:
        for name in {*called, *by_key.get(key, ())} & matches.keys():
            matches[name].append(key)
    return matches


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
