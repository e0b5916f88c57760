"""What a call has said, by its kind: its word, and what of its answer is stored beside it."""

from __future__ import annotations

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import attempts
from django_alipay_cancel.services.evidence import take_over
from django_alipay_cancel.services.history import Word
from django_alipay_cancel.services.refund_words import (
    Amount,
    listed,
    of_refund,
    of_refund_inquiry,
)
from django_alipay_cancel.services.words import of_cancel, of_inquiry

Kind = CancellationAttempt.Kind


def word_of(attempt: CancellationAttempt, answer: Answer) -> Word:
    """Return what the answer to this attempt says."""
    wish = attempt.cancellation
    match attempt.kind:
        case Kind.CANCEL:
            return of_cancel(answer)
        case Kind.REFUND if wish is not None:
            return of_refund(answer, Amount(wish.refund_value, wish.refund_currency))
        case Kind.REFUND_INQUIRY if wish is not None:
            return of_refund_inquiry(answer, Amount(wish.refund_value, wish.refund_currency))
    return of_inquiry(answer)


def store(attempt: CancellationAttempt, answer: Answer, word: Word, payment: Payment) -> None:
    """Close the attempt, and take over what is shown; the caller holds the payment's lock."""
    if attempt.kind == Kind.INQUIRY:
        take_over(payment, answer, word)
    attempts.record_answer(attempt, answer, word, refund_status=_refund_status(attempt, answer))
    if word in (Word.ACCEPTED, Word.REFUND_DONE, Word.REFUND_OPEN, Word.REFUND_FAILED):
        _note_refund(attempt, answer, word, payment)


def _refund_status(attempt: CancellationAttempt, answer: Answer) -> str:
    wish = attempt.cancellation
    if wish is None or answer.refund is None or not answer.verified:
        return ""
    if attempt.kind == Kind.REFUND_INQUIRY:
        return answer.refund.status[:16]
    if attempt.kind != Kind.INQUIRY or not wish.or_refund:
        return ""
    payment = attempt.payment
    recorded = Amount(payment.amount_value, payment.amount_currency)
    return listed(answer, recorded, payment.payment_id)


def _note_refund(
    attempt: CancellationAttempt, answer: Answer, word: Word, payment: Payment
) -> None:
    told, wish = answer.refund, attempt.cancellation
    assert told is not None and wish is not None  # by its word, which compared ids
    if told.refund_id and not wish.refund_id:
        wish.refund_id = told.refund_id
        rows = Cancellation.objects.using(wish.database).filter(pk=wish.pk, refund_id="")
        rows.update(refund_id=told.refund_id)
    if word is Word.REFUND_DONE:
        payment.refunded_at = payment.refunded_at or storable(told.refunded_at)
