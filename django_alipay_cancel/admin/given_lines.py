"""What a person gave a bulk request: the numbers that were pasted, and the payments selected."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.admin.views.main import SEARCH_VAR
from django.http import HttpRequest, QueryDict

from django_alipay_cancel.admin.searching import Found, find_payments
from django_alipay_cancel.services.batches import NOT_ALLOWED, NOT_FOUND, NOT_SELECTED, GivenLine

if TYPE_CHECKING:
    from django_alipay_cancel.admin.payment_admin import PaymentAdmin


def lines_given(
    model_admin: PaymentAdmin,
    request: HttpRequest,
    selected: Collection[UUID],
    not_allowed: Collection[UUID],
) -> list[GivenLine]:
    """Return a line per number: those pasted in their order, then what else was selected."""
    pasted = _pasted(model_admin, request)
    lines = []
    for name, keys in pasted.names.items():
        lines += [GivenLine(name, key, _left_out(key, selected, not_allowed)) for key in keys]
        if not keys:
            lines.append(GivenLine(name, None, NOT_FOUND))
    named = {line.payment for line in lines}
    return lines + [
        GivenLine("", key, _left_out(key, selected, not_allowed))
        for key in selected
        if key not in named
    ]


def _left_out(key: UUID, selected: Collection[UUID], not_allowed: Collection[UUID]) -> str:
    if key not in selected:
        return NOT_SELECTED
    return NOT_ALLOWED if key in not_allowed else ""


def _pasted(model_admin: PaymentAdmin, request: HttpRequest) -> Found:
    """Return what the list was searched for from which the selection came."""
    filters = QueryDict(request.GET.get("_changelist_filters", ""))
    return find_payments(model_admin.get_queryset(request), filters.get(SEARCH_VAR, ""))
