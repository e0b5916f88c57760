"""Signals, sent after commit; a receiver that raises is logged by Django and stops nothing.

`cancellation_succeeded`, `cancellation_rejected` and `cancellation_needs_review` are sent at least
once: receivers must tolerate a repeat. They get `cancellation` (Cancellation) and `payment`
(Payment).

`paid_after_cancellation` gets `payment` alone: Alipay, or the shop, reported a payment success
after the payment was CANCELLED. It stays CANCELLED, and Alipay gives the money back by itself. Sent
once, when `paid_at` is first stored; it is lost when the process dies right after that commit.
"""

from django.dispatch import Signal

cancellation_succeeded = Signal()
cancellation_rejected = Signal()
cancellation_needs_review = Signal()
paid_after_cancellation = Signal()
