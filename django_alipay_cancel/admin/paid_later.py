"""Payments that became paid after their cancellation was rejected because Alipay knew none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.models import Cancellation, Payment, PaymentEvent

# After that the order has been served, or somebody has complained.
_LOOKED_AT_WITHIN = timedelta(days=30)


def paid_later(cancellations: QuerySet[Any]) -> QuerySet[Any]:
    """Return those of the last 30 days after which Alipay or the shop reported a success.

    The buyer has paid for what somebody wanted cancelled; a new cancellation takes it off the list.
    """
    paid = PaymentEvent.objects.filter(
        payment=OuterRef("payment"),
        kind=PaymentEvent.Kind.PAID,
        learned_at__gt=OuterRef("finished_at"),
    )
    return cancellations.filter(
        Exists(paid),
        finished_at__gte=timezone.now() - _LOOKED_AT_WITHIN,
        status=Cancellation.Status.REJECTED,
        result_code="ORDER_NOT_EXIST",
        payment__status=Payment.Status.SUCCESS,
    )


class PaidLaterFilter(admin.SimpleListFilter):
    """Chosen by the overview; there only while it is chosen."""

    title = _("paid afterwards")
    parameter_name = "paid_later"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = self.used_parameters.get(self.parameter_name)
        return [("1", gettext("Rejected, then paid"))] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return paid_later(queryset) if self.value() else queryset
