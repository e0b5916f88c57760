"""The story of a cancellation: the only place that uses both the database and the gateway."""

from django_alipay_cancel.exceptions import (
    InsideTransaction,
    NotCancellable,
    NotificationNotVerified,
    NotInReview,
)
from django_alipay_cancel.services.asking import refresh_payment
from django_alipay_cancel.services.bulk import RequestReport, request_cancellations
from django_alipay_cancel.services.cancelling import cancel_payment
from django_alipay_cancel.services.notifications import (
    Notification,
    record_notification,
    verify_notification,
)
from django_alipay_cancel.services.payments import record_payment
from django_alipay_cancel.services.requesting import request_cancellation
from django_alipay_cancel.services.reviewing import close_cancellation, retry_cancellation
from django_alipay_cancel.services.worker import (
    ProcessReport,
    process_cancellation,
    process_due_cancellations,
    worker_is_late,
)

__all__ = [
    "InsideTransaction",
    "NotCancellable",
    "NotInReview",
    "Notification",
    "NotificationNotVerified",
    "ProcessReport",
    "RequestReport",
    "cancel_payment",
    "close_cancellation",
    "process_cancellation",
    "process_due_cancellations",
    "record_notification",
    "record_payment",
    "refresh_payment",
    "request_cancellation",
    "request_cancellations",
    "retry_cancellation",
    "verify_notification",
    "worker_is_late",
]
