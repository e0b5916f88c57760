"""Payments and cancellations in the admin: read-only pages, and the few things people may do."""

from django_alipay_cancel.admin.cancellations import CancellationAdmin
from django_alipay_cancel.admin.payments import PaymentAdmin

__all__ = ["CancellationAdmin", "PaymentAdmin"]
