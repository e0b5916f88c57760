"""Payments and cancellations in the admin: read-only pages, and the few things people may do."""

from django_alipay_cancel.admin.cancellation_admin import CancellationAdmin
from django_alipay_cancel.admin.payment_admin import PaymentAdmin

__all__ = ["CancellationAdmin", "PaymentAdmin"]
