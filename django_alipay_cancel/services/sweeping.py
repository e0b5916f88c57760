"""Payments whose result never came: asked about, and cancelled when Alipay has none either.

https://docs.antom.com/ac/ams/paymentc: when the result of a payment is not known for too long, it
is cancelled, so that the buyer cannot pay an order that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

from django.db import router
from django.utils import timezone

from django_alipay_cancel.conf import client_for, settings
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.asking import inquire_payment
from django_alipay_cancel.services.cancelling import cancel_payment
from django_alipay_cancel.services.meaning import Finding


def unresolved_payments(*, limit: int) -> Callable[[int], list[Payment] | None]:
    """Return how to take the payments without a result that are due, oldest first.

    They are read when the first is taken; there are none while it is off. One is due again only
    after CANCEL_UNRESOLVED_AFTER seconds in which nobody touched it.
    """
    payments = _unresolved(limit)
    return lambda number: list(islice(payments, number)) or None


def _unresolved(limit: int) -> Iterator[Payment]:
    if settings.CANCEL_UNRESOLVED_AFTER is None:
        return
    now = timezone.now()
    before = now - timedelta(seconds=settings.CANCEL_UNRESOLVED_AFTER)
    since = now - timedelta(seconds=settings.CANCEL_UNRESOLVED_WITHIN)
    payments = Payment.objects.using(router.db_for_write(Payment)).filter(
        status=Payment.Status.PROCESSING,
        created_at__lte=before,
        created_at__gte=since,
        updated_at__lte=before,
    )
    swept_before = payments.filter(cancellations__source=Cancellation.Source.NO_RESULT)
    unswept = payments.exclude(pk__in=swept_before.values("pk"))
    yield from list(unswept.order_by("created_at")[:limit])


def resolve(payment: Payment) -> None:
    """Ask Alipay; take over a final result, and cancel the payment when there is none."""
    read_at = payment.updated_at
    # The time of the last touch is the claim: of several workers one goes on.
    if not payment.store("updated_at", updated_at=read_at):
        return
    finding = inquire_payment(payment, client_for(payment.merchant))
    if finding not in (Finding.UNDECIDED, Finding.UNKNOWN_PAYMENT):
        return
    seconds = int((timezone.now() - payment.created_at).total_seconds())
    cancel_payment(
        payment,
        source=Cancellation.Source.NO_RESULT,
        reason=f"No payment result after {seconds} s; Alipay said {payment.checked_status}.",
    )
