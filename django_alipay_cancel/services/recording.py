"""The writes that a call ends with: safe to come late, safe to come twice.

All run inside a transaction of the caller and take row locks in one order, payment, cancellation,
attempt, so that two of them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db.models import QuerySet
from django.utils import timezone
from django_fsm import ConcurrentTransition, TransitionNotAllowed, can_proceed

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.announcing import announcement_due
from django_alipay_cancel.statemachine import StateMachineModel

Row = TypeVar("Row", bound=StateMachineModel)

# Who said it: all three have a result_code and a result_message.
Told = Answer | CancellationAttempt | Cancellation

RESULT = ("result_code", "result_message", "error", "next_step")
FINISH = ("open_for", "next_attempt_at", "finished_at", "announce_at", *RESULT)


def swap(row: Row, change: Callable[[Row], None], *fields: str, **expected: object) -> bool:
    """Make `change` on the row as it is stored now, reading it again when it moved meanwhile.

    Returns False when the stored state does not allow the transition (TransitionNotAllowed).
    """
    for _ in range(5):
        try:
            change(row)
        except TransitionNotAllowed:
            return False
        if row.store(*fields, **expected):
            return True
        row.refresh_from_db()
    raise ConcurrentTransition(f"{row!r} changes faster than it can be written.")


def lock(payment: Payment) -> None:
    """Take the payment's row lock and read it; a write first, since SQLite must begin with one."""
    database = payment.database
    Payment.objects.using(database).filter(pk=payment.pk).update(updated_at=timezone.now())
    payment.refresh_from_db(using=database)


def copy_answer(attempt: CancellationAttempt, answer: Answer) -> None:
    """Put what came back on the attempt, in memory."""
    attempt.http_status = answer.http_status
    attempt.result_status = answer.result_status
    attempt.result_code = answer.result_code
    attempt.result_message = answer.result_message
    attempt.cancel_time = storable(answer.cancel_time)
    attempt.payment_status = answer.payment_status
    attempt.error = answer.error
    attempt.response_body = answer.response_body
    attempt.trace_id = answer.trace_id


ANSWER = (
    "http_status",
    "result_status",
    "result_code",
    "result_message",
    "cancel_time",
    "payment_status",
    "error",
    "response_body",
    "trace_id",
    "open_for",
    "finished_at",
)


def record_attempt(attempt: CancellationAttempt, answer: Answer, outcome: str) -> None:
    """Close the attempt with its outcome; one given up meanwhile takes a late S or F only."""
    now = timezone.now()

    def close(row: CancellationAttempt) -> None:
        copy_answer(row, answer)
        _TO_OUTCOME[outcome](row, now)

    swap(attempt, close, *ANSWER)


_TO_OUTCOME: dict[str, Callable[[CancellationAttempt, datetime], None]] = {
    CancellationAttempt.Outcome.SUCCEEDED: CancellationAttempt.succeed,
    CancellationAttempt.Outcome.REJECTED: CancellationAttempt.reject,
    CancellationAttempt.Outcome.UNKNOWN: CancellationAttempt.give_up,
    CancellationAttempt.Outcome.NOT_SENT: CancellationAttempt.not_sent,
}


def abandon(attempts: QuerySet[CancellationAttempt]) -> int:
    """Close what a crashed process left OPEN: nobody knows what became of those calls."""
    return attempts.filter(outcome=CancellationAttempt.Outcome.OPEN).update(
        outcome=CancellationAttempt.Outcome.UNKNOWN,
        error="abandoned",
        open_for=None,
        finished_at=timezone.now(),
    )


def set_result(cancellation: Cancellation, answer: Answer, next_step: NextStep) -> None:
    """Put the answer's code and what it asks for on the cancellation, in memory."""
    cancellation.result_code = answer.result_code
    cancellation.result_message = answer.result_message
    cancellation.error = answer.error
    cancellation.next_step = next_step


def succeed(
    cancellation: Cancellation,
    payment: Payment,
    told: Told,
    *,
    cancel_time: datetime | None = None,
) -> None:
    """The payment is cancelled: this cancellation and every other open one of it has succeeded."""
    confirm(payment, storable(cancel_time))
    was_open = cancellation.is_open
    _finish_as_succeeded(cancellation, told)
    if was_open and not cancellation.is_open:
        return  # at most one is open for a payment, and it was this one
    for other in Cancellation.objects.using(payment.database).filter(open_for=payment):
        _finish_as_succeeded(other, told)


def succeed_unpaid(cancellation: Cancellation, payment: Payment, told: Told) -> None:
    """The payment had failed: no money was taken, so that the wish to cancel is met."""
    now = timezone.now()
    swap(payment, lambda row: row.record_unpaid(now), "failed_at", "updated_at")
    _finish_as_succeeded(cancellation, told)


def confirm(payment: Payment, cancel_time: datetime | None = None) -> None:
    """Alipay said that the payment is cancelled; its time is filled in once."""

    def cancelled(row: Payment) -> None:
        row.confirm_cancellation()
        row.cancelled_at = row.cancelled_at or cancel_time

    if swap(payment, cancelled, "cancelled_at", "updated_at") or cancel_time is None:
        return
    filled = Payment.objects.using(payment.database).filter(
        pk=payment.pk, cancelled_at__isnull=True
    )
    if filled.update(cancelled_at=cancel_time):
        payment.cancelled_at = cancel_time


def _finish_as_succeeded(cancellation: Cancellation, told: Told) -> None:
    now = timezone.now()

    def finish(row: Cancellation) -> None:
        row.succeed(now)
        row.result_code, row.result_message = told.result_code, told.result_message
        row.error = ""
        row.next_step = NextStep.NONE
        row.announce_at = announcement_due(now)

    swap(cancellation, finish, *FINISH)


def reject(
    cancellation: Cancellation,
    payment: Payment,
    told: Told,
    *,
    next_step: NextStep,
    **expected: object,
) -> bool:
    """The payment was not cancelled and is again what its facts say.

    The caller holds the payment's lock. Returns False, and writes nothing, when the cancellation
    is no longer as `expected` or no longer open.
    """
    if not can_proceed(cancellation.reject):
        return False
    now = timezone.now()
    cancellation.reject(now)
    cancellation.result_code = told.result_code
    cancellation.result_message = told.result_message
    cancellation.error, cancellation.next_step = "", next_step
    cancellation.announce_at = announcement_due(now)
    if not cancellation.store(*FINISH, **expected):
        cancellation.refresh_from_db()
        return False
    swap(payment, Payment.restore, "updated_at")
    return True


def review(
    cancellation: Cancellation, *, until: datetime | None = None, **expected: object
) -> bool:
    """A person has to look; `until` the next inquiry, if there will be one.

    The result is on the cancellation already, in memory.
    """
    if not can_proceed(cancellation.need_review):
        return False
    cancellation.need_review()
    cancellation.next_attempt_at = until
    cancellation.announce_at = announcement_due(timezone.now())
    if not cancellation.store(*RESULT, "next_attempt_at", "announce_at", **expected):
        cancellation.refresh_from_db()
        return False
    return True


def postpone(cancellation: Cancellation, *, until: datetime | None, **expected: object) -> bool:
    """The result is still unknown: the cancel is repeated at `until`."""
    cancellation.next_attempt_at = until
    if not cancellation.store(*RESULT, "next_attempt_at", "repeats", **expected):
        cancellation.refresh_from_db()
        return False
    return True
