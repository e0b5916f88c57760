"""The buyer's orders."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import QuerySet
from django.views.generic import ListView

from shop import sentences
from shop.models import Order


class OrderList(LoginRequiredMixin, ListView):  # type: ignore[type-arg]  # generic in the stubs alone
    """The signed-in buyer's orders, each with the way to cancel it."""

    template_name = "shop/orders.html"
    context_object_name = "orders"

    def get_queryset(self) -> QuerySet[Order]:
        orders = Order.objects.filter(buyer_id=self.request.user.pk)
        return orders.select_related("payment__open_cancellation").prefetch_related(
            "payment__cancellations"
        )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(sentences=sentences.for_buyer(), **kwargs)
