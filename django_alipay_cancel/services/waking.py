"""notifyRefund: believed for no more than that it is worth asking now."""

from __future__ import annotations

from uuid import UUID

from django.db import router
from django.utils import timezone

from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import attempts, finish, schedule
from django_alipay_cancel.services.transactions import atomically


def wake_refund(merchant: str, refund_request_id: str) -> Payment | None:
    """Let the wish whose refund this is fall due now, and return its payment; None: not ours.

    What the message says of the refund is not taken over: it names no payment, synchronous refunds
    are not notified, and the inquiry says the same, bound by its id.
    """
    try:
        key = UUID(hex=refund_request_id)
    except ValueError:
        return None
    rows = Cancellation.objects.using(router.db_for_write(Cancellation))
    wishes = rows.filter(pk=key, payment__merchant=merchant, means=Cancellation.Means.REFUND)
    wish: Cancellation | None = wishes.select_related("payment").first()
    if wish is None:
        return None
    payment: Payment = wish.payment

    def wake() -> None:
        finish.lock(payment)
        wish.refresh_from_db(fields=["status", "next_attempt_at"])
        now = timezone.now()
        if wish.is_open and not attempts.has_call_under_way(payment, now):
            schedule.due_at(wish, now)
            wish.store(*schedule.DUE)

    atomically(wake, payment, using=payment.database)
    return payment
