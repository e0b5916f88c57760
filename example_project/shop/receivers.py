"""What a cancellation means for the order.

Signals come at least once, so that each receiver sets a state and never counts or toggles one.
"""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django_fsm.signals import post_transition

from django_alipay_cancel.models import Payment
from django_alipay_cancel.signals import (
    cancellation_needs_review,
    cancellation_refunded,
    cancellation_rejected,
    cancellation_succeeded,
)
from shop.models import Order


@receiver(post_transition, sender=Payment)
def pay_order(instance: Payment, target: str, **kwargs: Any) -> None:
    """A notification, or an inquiry, has told that the payment is paid; sent after the commit."""
    if target == Payment.Status.SUCCESS:
        placed = Order.objects.filter(payment=instance, state=Order.State.PLACED)
        placed.update(state=Order.State.PAID)


@receiver([cancellation_succeeded, cancellation_refunded])
def cancel_order(payment: Payment, **kwargs: Any) -> None:
    """No money is held or owed any more: nothing is shipped."""
    Order.objects.filter(payment=payment).update(state=Order.State.CANCELLED, needs_attention=False)


@receiver(cancellation_rejected)
def keep_order(payment: Payment, **kwargs: Any) -> None:
    """The order stands as before, but its buyer did not want it: somebody decides."""
    Order.objects.filter(payment=payment).exclude(state=Order.State.CANCELLED).update(
        needs_attention=True
    )


@receiver(cancellation_needs_review)
def flag_order(payment: Payment, **kwargs: Any) -> None:
    """Whether the payment is cancelled is not known: the order waits for a person."""
    Order.objects.filter(payment=payment).exclude(state=Order.State.CANCELLED).update(
        needs_attention=True
    )
