"""The story of a cancellation: the only place that uses both the database and the gateway."""

from django_alipay_cancel.exceptions import (
    InsideTransaction,
    MayStillTakeEffect,
    NotCancellable,
    NotificationNotVerified,
    NotInReview,
    NotStorable,
    StillOpen,
)
from django_alipay_cancel.money import minor_units
from django_alipay_cancel.services.bulk import RequestReport, request_cancellations
from django_alipay_cancel.services.cancelling import cancel_payment
from django_alipay_cancel.services.checking import refresh_payment
from django_alipay_cancel.services.explanation import Explanation, explain
from django_alipay_cancel.services.forgetting import ForgetReport, forget_customer
from django_alipay_cancel.services.payments import record_payment
from django_alipay_cancel.services.receiving import (
    Notification,
    lacks_amount,
    record_notification,
    verify_notification,
)
from django_alipay_cancel.services.report import ProcessReport
from django_alipay_cancel.services.requesting import request_cancellation
from django_alipay_cancel.services.reviewing import close_cancellation, retry_cancellation
from django_alipay_cancel.services.state import QueueState, queue_state
from django_alipay_cancel.services.worker import (
    process_cancellation,
    process_due_cancellations,
    worker_is_late,
)

__all__ = [
    "Explanation",
    "ForgetReport",
    "InsideTransaction",
    "MayStillTakeEffect",
    "NotCancellable",
    "NotInReview",
    "NotStorable",
    "Notification",
    "NotificationNotVerified",
    "ProcessReport",
    "QueueState",
    "RequestReport",
    "StillOpen",
    "cancel_payment",
    "close_cancellation",
    "explain",
    "forget_customer",
    "lacks_amount",
    "minor_units",
    "process_cancellation",
    "process_due_cancellations",
    "queue_state",
    "record_notification",
    "record_payment",
    "refresh_payment",
    "request_cancellation",
    "request_cancellations",
    "retry_cancellation",
    "verify_notification",
    "worker_is_late",
]
