"""Payments whose result never came: asked about, and cancelled when Alipay has none either.

https://docs.antom.com/ac/ams/paymentc: when the result of a payment is not known for too long, it
is cancelled, so that the buyer cannot pay an order that nobody waits for. The app by itself cancels
only what a bound inquiry has just shown as unpaid; a payment that Alipay does not know opens no
wish: the commonest abandoned checkout has never reached it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import router
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from django_alipay_cancel.conf import client_for, settings
from django_alipay_cancel.models import Cancellation, Payment, PaymentEvent
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.cancelling import cancel_payment
from django_alipay_cancel.services.checking import inquire
from django_alipay_cancel.services.history import AskedBy, Word


def unresolved_payments(*, limit: int) -> Iterator[Payment]:
    """Yield the payments that nobody works on and Alipay is to be asked about, at most so many.

    Those without a result, oldest first, while CANCEL_UNRESOLVED_AFTER is on; and those that say
    CANCELLING without an open cancellation. They are read when the first is taken. One is due again
    after a delay that grows with its age, up to an hour.
    """
    now = timezone.now()
    awaited = Q(sweep_at__isnull=True) | Q(sweep_at__lte=now)
    payments = Payment.objects.using(router.db_for_write(Payment)).filter(awaited)
    waited_for = orphaned().filter(awaited, updated_at__lte=now - schedule.lease_length())
    # One status at a time: MariaDB reads the whole index of ages for two.
    for status in Payment.IN_CHANGE if settings.REFUNDS else (Payment.Status.CANCELLING,):
        yield from list(waited_for.filter(status=status).order_by("created_at")[:limit])
    if settings.CANCEL_UNRESOLVED_AFTER is None:
        return
    before = now - timedelta(seconds=settings.CANCEL_UNRESOLVED_AFTER)
    since = now - timedelta(seconds=settings.CANCEL_UNRESOLVED_WITHIN)
    without_result = payments.filter(
        status=Payment.Status.PROCESSING,
        created_at__lte=before,
        created_at__gte=since,
        updated_at__lte=before,
    )
    yield from list(_sweepable(without_result).order_by("created_at")[:limit])


def payments_aged(older_than: int, newer_than: int) -> QuerySet[Payment]:
    """Return the payments without a result whose age is between these, in seconds.

    For a person who chooses them; the age counts from the authorized or the recorded time. Who
    cancels them calls `resolve`, which asks Alipay first.
    """
    now = timezone.now()
    between = (now - timedelta(seconds=newer_than), now - timedelta(seconds=older_than))
    payments = Payment.objects.using(router.db_for_write(Payment)).filter(
        Q(authorized_at__isnull=True, created_at__range=between) | Q(authorized_at__range=between),
        status=Payment.Status.PROCESSING,
    )
    return _sweepable(payments)


def _sweepable(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Leave out what was cancelled for having no result before, and what has no age.

    When an import recorded a payment says nothing of when the buyer was asked to pay.
    """
    swept = Cancellation.objects.filter(
        payment=OuterRef("pk"), source=Cancellation.Source.NO_RESULT
    )
    imported = PaymentEvent.objects.filter(
        payment=OuterRef("pk"),
        kind=PaymentEvent.Kind.RECORDED,
        source=PaymentEvent.Source.IMPORT,
    )
    return payments.exclude(Exists(swept)).exclude(Exists(imported), authorized_at__isnull=True)


def orphaned() -> QuerySet[Payment]:
    """Return the payments that say CANCELLING and have no open cancellation."""
    rows: QuerySet[Payment] = Payment.objects.using(router.db_for_write(Payment))
    return rows.filter(status__in=Payment.IN_CHANGE, open_cancellation__isnull=True)


def resolve(payment: Payment, *, reason: str = "", requested_by: Any = None) -> None:
    """Ask Alipay; take over a final result, and cancel what it has just shown as unpaid.

    `reason` and who asked stand with the cancellation; without a reason it says how old the payment
    was.
    """
    read = payment.sweep_at
    payment.sweep_at = schedule.next_sweep(payment.created_at, timezone.now())
    # Of several workers the one whose write hits goes on.
    if not payment.store("sweep_at", sweep_at=read):
        return
    attempt = inquire(payment, client_for(payment.merchant), by=AskedBy.SWEEP)
    if attempt is None or attempt.said != Word.SHOWS_UNPAID:
        return
    payment.refresh_from_db()
    if payment.status != Payment.Status.PROCESSING:
        return
    seconds = int((timezone.now() - payment.created_at).total_seconds())
    cancel_payment(
        payment,
        requested_by=requested_by,
        source=Cancellation.Source.NO_RESULT,
        reason=reason
        or f"No payment result after {seconds} s; Alipay said {payment.checked_status}.",
    )
