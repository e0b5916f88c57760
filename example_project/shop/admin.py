"""The shop's own admin page; payments and cancellations bring theirs."""

from django.contrib import admin

from shop.models import Order


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    list_display = ["number", "buyer", "state", "needs_attention", "payment"]
    list_filter = ["state", "needs_attention"]
    list_select_related = ["buyer", "payment"]
    search_fields = ["number"]
    readonly_fields = ["number", "buyer", "total", "payment", "placed_at", "language", "told"]
