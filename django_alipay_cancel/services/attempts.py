"""The rows of calls: opened before a call, closed with what it said, given up when nobody came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import models
from django.utils import timezone

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.refunds import refund_inquiry_body
from django_alipay_cancel.alipay.results import NextStep, next_step
from django_alipay_cancel.clock import storable
from django_alipay_cancel.isolation import if_still
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.finish import swap
from django_alipay_cancel.services.history import AskedBy, Word

Outcome = CancellationAttempt.Outcome
_ANSWER = (
    "http_status",
    "result_status",
    "result_code",
    "result_message",
    "cancel_time",
    "payment_status",
    "error",
    "cause",
    "detail",
    "response_body",
    "trace_id",
    "said",
    "refund_status",
    "response_time",
    "open_for",
    "finished_at",
)
_OUTCOMES = {
    Word.NOTHING_SENT: Outcome.NOT_SENT,
    Word.YES: Outcome.SUCCEEDED,
    Word.ACCEPTED: Outcome.SUCCEEDED,
    Word.REFUND_DONE: Outcome.SUCCEEDED,
    Word.REFUND_OPEN: Outcome.SUCCEEDED,
    Word.REFUND_FAILED: Outcome.SUCCEEDED,
    Word.UNKNOWN_REFUND: Outcome.REJECTED,
    Word.REFUSED: Outcome.REJECTED,
    Word.UNKNOWN_PAYMENT: Outcome.REJECTED,
}
_CLOSE: dict[str, Callable[[CancellationAttempt, datetime], None]] = {
    Outcome.SUCCEEDED: CancellationAttempt.succeed,
    Outcome.REJECTED: CancellationAttempt.reject,
    Outcome.UNKNOWN: CancellationAttempt.give_up,
    Outcome.NOT_SENT: CancellationAttempt.not_sent,
}


def newest(payment: Payment) -> int:
    """Return the key of the newest attempt of this payment; 0 without any."""
    rows = CancellationAttempt.objects.using(payment.database).filter(payment=payment)
    return rows.order_by("-pk").values_list("pk", flat=True).first() or 0


def create(
    payment: Payment,
    cancellation: Cancellation | None,
    client: AlipayClient,
    kind: str,
    *,
    claim_until: datetime,
    asked_by: AskedBy,
    asked_by_name: str = "",
    first_body: str = "",
    first: bool = False,
) -> CancellationAttempt:
    """Insert the OPEN attempt. A repeat carries the very text of the first of its kind.

    `first_body` is that of the first refund: its amount stands in the answer to an inquiry.
    `first`: the payment is known to have no attempt, and none is looked for.
    """
    number, body = 1, None
    if cancellation is not None and not first:
        rows = CancellationAttempt.objects.using(payment.database)
        earlier = rows.filter(cancellation=cancellation).order_by("number")
        columns = list(earlier.values_list("number", "kind", "request_body"))
        number = columns[-1][0] + 1 if columns else 1
        body = next((text for _, of_kind, text in columns if of_kind == kind), None)
    attempt: CancellationAttempt = CancellationAttempt(
        payment=payment,
        cancellation=cancellation,
        number=number,
        kind=kind,
        open_for=cancellation if kind in CancellationAttempt.ACTING else None,
        client_id=client.credentials.client_id,
        sent_at=timezone.now(),
        claim_until=claim_until,
        asked_by=asked_by,
        asked_by_name=asked_by_name,
        request_body=body or first_body or _new_body(payment, cancellation, client, kind),
    )
    attempt.save(using=payment.database, force_insert=True)
    return attempt


def _new_body(
    payment: Payment, cancellation: Cancellation | None, client: AlipayClient, kind: str
) -> str:
    if kind == CancellationAttempt.Kind.REFUND_INQUIRY and cancellation is not None:
        return refund_inquiry_body(
            refund_request_id=cancellation.refund_request_id,
            merchant_account_id=client.credentials.merchant_account_id,
        )
    return client.request_body(
        payment_request_id=payment.payment_request_id, payment_id=payment.payment_id
    )


def record_answer(
    attempt: CancellationAttempt, answer: Answer, word: Word, *, refund_status: str = ""
) -> None:
    """Close the attempt with what was said; one given up meanwhile takes a late S or F only."""
    now = timezone.now()
    outcome = _OUTCOMES.get(word, Outcome.UNKNOWN)
    if word.startswith("SHOWS_"):
        outcome = Outcome.SUCCEEDED
    elif word is Word.MISCONFIGURED and answer.verified:
        outcome = Outcome.REJECTED

    def close(row: CancellationAttempt) -> None:
        _copy(row, answer, word)
        row.refund_status = refund_status
        _CLOSE[outcome](row, now)

    swap(attempt, close, *_ANSWER)


def _copy(attempt: CancellationAttempt, answer: Answer, word: Word) -> None:
    attempt.http_status = answer.http_status
    attempt.result_status = answer.result_status
    attempt.result_code = answer.result_code
    attempt.result_message = answer.result_message
    attempt.cancel_time = storable(answer.cancel_time)
    attempt.payment_status = answer.payment_status
    attempt.error = answer.error
    attempt.cause = answer.cause
    # Without a cause it may quote the body, which has a column, and a permission, of its own.
    attempt.detail = answer.detail if answer.cause else ""
    attempt.response_body = answer.response_body
    attempt.trace_id = answer.trace_id
    attempt.said = word
    attempt.response_time = storable(answer.answered_at)


def show_answer(cancellation: Cancellation, answer: Answer) -> None:
    """Put the last cancel's answer on the open cancellation, in memory."""
    cancellation.result_code = answer.result_code
    cancellation.result_message = answer.result_message
    cancellation.error = answer.error
    step = next_step(result_code="", error=answer.error)
    cancellation.next_step = step if step is NextStep.FIX_CONFIGURATION else NextStep.WAIT


def has_call_under_way(payment: Payment, now: datetime) -> bool:
    """Return whether a call of this payment is being made."""
    rows = CancellationAttempt.objects.using(payment.database).filter(payment=payment)
    return bool(rows.filter(outcome=Outcome.OPEN, claim_until__gt=now).exists())


def abandon(payment: Payment, now: datetime) -> int:
    """Close what a process that died left OPEN: nobody knows what became of those calls."""
    rows = CancellationAttempt.objects.using(payment.database).filter(payment=payment)
    return _give_up(rows.filter(claim_until__lte=now), now)


def abandon_orphaned(*, database: str, now: datetime, limit: int) -> int:
    """Close expired OPEN attempts of wishes that no claim comes back to; return how many."""
    rows = CancellationAttempt.objects.using(database)
    expired = rows.filter(outcome=Outcome.OPEN, claim_until__lt=now)
    orphaned = expired.exclude(cancellation__status=Cancellation.Status.PENDING)
    keys = list(orphaned.values_list("pk", flat=True)[:limit])
    return _give_up(rows.filter(pk__in=keys), now) if keys else 0


def _give_up(rows: models.QuerySet[CancellationAttempt], now: datetime) -> int:
    return if_still(rows, outcome=Outcome.OPEN).update(
        outcome=Outcome.UNKNOWN, error="abandoned", open_for=None, finished_at=now
    )


def prove(payment: Payment) -> None:
    """An inquiry has shown whose the S without ids was: ours."""
    rows = CancellationAttempt.objects.using(payment.database).filter(
        payment=payment, said=Word.S_UNBOUND
    )
    if_still(rows, outcome=Outcome.UNKNOWN).update(outcome=Outcome.SUCCEEDED)


def not_stored(attempt: CancellationAttempt) -> int:
    """Return how many answers to this wish were never stored, this attempt's aside."""
    rows = CancellationAttempt.objects.using(attempt.database).filter(
        payment=attempt.payment_id, cancellation=attempt.cancellation_id, error="abandoned"
    )
    return int(rows.exclude(pk=attempt.pk).count())
