"""Signals, sent after commit; a receiver that raises is logged by Django and stops nothing.

`cancellation_succeeded`, `cancellation_rejected`, `cancellation_refunded` and
`cancellation_needs_review` are sent at least once: receivers must tolerate a repeat. They get
`cancellation` (Cancellation) and `payment` (Payment).

`paid_after_cancellation` gets `payment` alone: Alipay, or the shop, reported a payment success
after the payment was CANCELLED. It stays CANCELLED, and Alipay gives the money back by itself. Sent
once, when `paid_at` is first stored; it is lost when the process dies right after that commit.
`paid_after_failure` and `paid_after_rejection` are the same for a payment that had been recorded as
failed, and for one whose cancellation was rejected because Alipay did not know the payment: the
buyer has paid, and whether the order is served or cancelled is for the shop to decide.

`notification_received` gets `notification` (services.Notification) and `payment` (Payment, or None
for one that is not recorded): a verified message of which the app itself uses nothing, such as
PAYMENT_PENDING, or REFUND_RESULT of a refund made elsewhere. Alipay may send one several times.
"""

from django.dispatch import Signal

cancellation_succeeded = Signal()
cancellation_rejected = Signal()
cancellation_refunded = Signal()
cancellation_needs_review = Signal()
paid_after_cancellation = Signal()
paid_after_failure = Signal()
paid_after_rejection = Signal()
notification_received = Signal()
