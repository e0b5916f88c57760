"""A verdict written into rows: succeeded, unpaid, rejected, or in review.

All run inside a transaction of the caller and take row locks in one order, payment, cancellation,
attempt, so that two of them never wait for each other. A final result is written whatever became of
the claim; a review is a write of the schedule and needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.utils import timezone
from django_fsm import TransitionNotAllowed, can_proceed

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.clock import storable
from django_alipay_cancel.isolation import as_committed
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.announcing import announcement_due
from django_alipay_cancel.services.decision import Act, Because, Verdict
from django_alipay_cancel.statemachine import StateMachineModel

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=StateMachineModel)

RESULT = ("result_code", "result_message", "error", "next_step")
_MEANS = ("means", "refund_value", "refund_currency")
_FINISH = ("open_for", "finished_at", "announce_at", *RESULT)


def swap(row: Row, change: Callable[[Row], object], *fields: str) -> bool:
    """Make `change` on the row as it is stored now, reading it again when it moved meanwhile.

    Returns False when the stored state does not allow the transition (TransitionNotAllowed).
    """

    def once() -> bool | None:
        try:
            change(row)
        except TransitionNotAllowed:
            return False
        return row.store(*fields) or None

    return row.until_stored(once)


def lock(payment: Payment) -> None:
    """Take the payment's row lock and have it as it is stored now.

    A write first, since SQLite must begin with one. The row is read again only when it has moved.
    """
    rows = Payment.objects.using(payment.database).filter(pk=payment.pk)
    read, now = payment.updated_at, timezone.now()
    payment.updated_at = now
    if rows.filter(updated_at=read).update(updated_at=now):
        return
    rows.update(updated_at=now)
    payment.refresh_from_db()


def write(payment: Payment, cancellation: Cancellation | None, verdict: Verdict) -> None:
    """Write what is final in this verdict; the caller holds the payment's lock."""
    told = verdict.told
    code, message = (told.code, told.message) if told else ("", "")
    if verdict.act is Act.CANCELLED:
        succeed(payment, cancellation, code=code, message=message)
    elif verdict.act is Act.UNPAID:
        succeed_unpaid(payment, cancellation, code=code, message=message)
    elif verdict.act is Act.REJECT:
        reject(payment, cancellation, verdict.next_step, code=code, message=message)
    elif verdict.act is Act.REFUNDED:
        succeed_refunded(payment, cancellation, code=code, message=message)


def begin_refund(
    payment: Payment, cancellation: Cancellation, value: int, currency: str, *, token: datetime
) -> bool:
    """The claimed wish goes on as a refund of this amount, in minor units. False: it is lost."""
    cancellation.means = Cancellation.Means.REFUND
    cancellation.refund_value, cancellation.refund_currency = value, currency
    if not cancellation.store(*_MEANS, **schedule.held(token)):
        return False
    swap(payment, Payment.begin_refund, "updated_at")
    return True


def succeed_refunded(
    payment: Payment, cancellation: Cancellation | None, *, code: str, message: str
) -> None:
    """All the money was given back: the wish is met by other means."""
    now = timezone.now()
    swap(payment, lambda row: row.confirm_refund(now), "refunded_at", "updated_at")
    if cancellation is not None:
        _finish(cancellation, Cancellation.refund, NextStep.NONE, code, message)


def succeed(
    payment: Payment,
    cancellation: Cancellation | None,
    *,
    code: str,
    message: str,
    cancel_time: datetime | None = None,
) -> None:
    """The payment is cancelled: this cancellation and every other open one of it has succeeded."""
    _confirm(payment, storable(cancel_time))
    if cancellation is not None:
        was_open = cancellation.is_open
        _finish_as_succeeded(cancellation, code, message)
        if was_open and not cancellation.is_open:
            return  # at most one is open for a payment, and it was this one
    others = Cancellation.objects.using(payment.database).filter(open_for=payment)
    for other in as_committed(others):
        _finish_as_succeeded(other, code, message)


def succeed_unpaid(
    payment: Payment, cancellation: Cancellation | None, *, code: str, message: str
) -> None:
    """The payment had failed: no money was taken, so that the wish to cancel is met."""
    now = timezone.now()
    swap(payment, lambda row: row.record_unpaid(now), "failed_at", "updated_at")
    if cancellation is not None and cancellation.is_open:
        _finish_as_succeeded(cancellation, code, message)


def reject(
    payment: Payment,
    cancellation: Cancellation | None,
    next_step: NextStep,
    *,
    code: str,
    message: str,
) -> None:
    """The payment was not cancelled and is again what its facts say."""
    if cancellation is not None:
        if not can_proceed(cancellation.reject):
            return
        _finish(cancellation, Cancellation.reject, next_step, code, message)
    swap(payment, Payment.restore, "updated_at")


def review(
    cancellation: Cancellation,
    verdict: Verdict,
    *,
    token: datetime | None,
    error: str = "",
) -> bool:
    """A person has to look; Alipay is asked all the same. False: the claim is lost."""
    if not can_proceed(cancellation.need_review):
        return False
    told = verdict.told
    cancellation.need_review()
    cancellation.result_code = told.code if told else ""
    cancellation.result_message = told.message if told else ""
    cancellation.error = error or (told.error if told else "")
    cancellation.next_step = verdict.next_step
    cancellation.announce_at = announcement_due(timezone.now())
    schedule.due_in_review(cancellation)
    fields = (*RESULT, *schedule.DUE, "repeats", "announce_at")
    if cancellation.store(*fields, **schedule.held(token)):
        return True
    cancellation.refresh_from_db()
    return False


def review_ours(
    cancellation: Cancellation, because: Because, *, token: datetime | None, error: str
) -> bool:
    """As `review`, of what is wrong on our side: settings, keys, an answer we cannot store."""
    found = Verdict(act=Act.REVIEW, because=because, next_step=NextStep.FIX_CONFIGURATION)
    return review(cancellation, found, token=token, error=error)


def _confirm(payment: Payment, cancel_time: datetime | None) -> None:
    """Alipay, or a person, said that the payment is cancelled; the time is filled in once."""

    def cancelled(row: Payment) -> None:
        row.confirm_cancellation()
        row.cancelled_at = row.cancelled_at or cancel_time

    if swap(payment, cancelled, "cancelled_at", "updated_at"):
        return
    if payment.status == Payment.Status.REFUNDED:
        # Both facts are kept, and a person has to see them.
        logger.error("Payment %s is refunded, and Alipay says that it is cancelled.", payment.pk)
        cancel_time = cancel_time or timezone.now()
    if cancel_time is None:
        return
    filled = Payment.objects.using(payment.database).filter(
        pk=payment.pk, cancelled_at__isnull=True
    )
    if filled.update(cancelled_at=cancel_time):
        payment.cancelled_at = cancel_time


def _finish_as_succeeded(cancellation: Cancellation, code: str, message: str) -> None:
    _finish(cancellation, Cancellation.succeed, NextStep.NONE, code, message)


def _finish(
    cancellation: Cancellation,
    transition: Callable[..., object],
    next_step: NextStep,
    code: str,
    message: str,
) -> None:
    now = timezone.now()

    def finish(row: Cancellation) -> None:
        transition(row, now)
        row.result_code, row.result_message = code, message
        row.error = ""
        row.next_step = next_step
        row.announce_at = announcement_due(now)

    swap(cancellation, finish, *_FINISH, *schedule.DUE)
