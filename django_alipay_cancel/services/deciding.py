"""What an answer to a cancel means for the rows: commit 2, written by the table."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.results import NextStep, ResultStatus, next_step
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import recording
from django_alipay_cancel.services.asking import EARLY_ATTEMPTS
from django_alipay_cancel.services.claiming import delay, held, resend_delay
from django_alipay_cancel.services.meaning import Meaning, of_cancel

# Nothing could be sent for this long: the way to Alipay is broken, and a person has to look.
_NOT_SENT_FOR = timedelta(hours=24)
# After the last delay Alipay is asked once an hour, for three days.
_REVIEW_INQUIRY = timedelta(hours=1)
_REVIEW_INQUIRIES = 72


def record_answer(
    cancellation: Cancellation,
    payment: Payment,
    attempt: CancellationAttempt,
    answer: Answer,
    token: datetime,
) -> Meaning:
    """Write what the answer means; INQUIRE leaves the claim standing for the inquiry."""
    meaning = _meaning(cancellation, payment, attempt, answer)
    if meaning is Meaning.SUCCEEDED:
        recording.succeed(
            cancellation,
            payment,
            answer,
            cancel_time=answer.cancel_time,
        )
    elif meaning is Meaning.REJECTED:
        recording.reject(
            cancellation,
            payment,
            answer,
            next_step=next_step(result_code=answer.result_code),
            **held(token),
        )
    elif meaning is Meaning.REVIEW:
        step = next_step(result_code=answer.result_code, error=answer.error)
        recording.set_result(cancellation, answer, step)
        recording.review(cancellation, **held(token))
    elif meaning is Meaning.RESEND:
        _resend(cancellation, attempt, answer, token)
    else:
        recording.set_result(cancellation, answer, _step_while_pending(answer.error))
        if meaning is Meaning.REPEAT and not _used_up(cancellation):
            _put_off(cancellation, token)
        else:
            # The delays are used up, or the answer is in doubt.
            meaning = Meaning.INQUIRE
            recording.postpone(cancellation, until=token, **held(token))
    recording.record_attempt(attempt, answer, _outcome(answer, meaning))
    return meaning


def _meaning(
    cancellation: Cancellation, payment: Payment, attempt: CancellationAttempt, answer: Answer
) -> Meaning:
    if not answer.verified or answer.result_status != ResultStatus.F:
        return of_cancel(answer, doubt=False, early=False, unpaid=False)
    # What an F means hangs on the payment's facts and its other attempts: read under the lock.
    recording.lock(payment)
    cancels = CancellationAttempt.objects.using(payment.database).filter(
        kind=CancellationAttempt.Kind.CANCEL
    )
    undecided = cancels.filter(
        cancellation__payment=payment,
        outcome__in=[CancellationAttempt.Outcome.OPEN, CancellationAttempt.Outcome.UNKNOWN],
    )
    return of_cancel(
        answer,
        doubt=undecided.exclude(pk=attempt.pk).exists(),
        early=cancels.filter(cancellation=cancellation).count() <= EARLY_ATTEMPTS,
        unpaid=not (payment.paid_at or payment.authorized_at),
    )


def _outcome(answer: Answer, meaning: Meaning) -> str:
    if meaning is Meaning.SUCCEEDED:
        return CancellationAttempt.Outcome.SUCCEEDED
    if not answer.sent:
        return CancellationAttempt.Outcome.NOT_SENT
    if answer.verified and answer.result_status == ResultStatus.F:
        return CancellationAttempt.Outcome.REJECTED
    return CancellationAttempt.Outcome.UNKNOWN


def _step_while_pending(error: str) -> NextStep:
    step = next_step(result_code="", error=error)
    return step if step is NextStep.FIX_CONFIGURATION else NextStep.WAIT


def _used_up(cancellation: Cancellation) -> bool:
    return cancellation.repeats >= len(settings.RETRY_DELAYS)


def _put_off(cancellation: Cancellation, token: datetime) -> None:
    next_attempt_at = timezone.now() + delay(cancellation.repeats)
    cancellation.repeats += 1
    recording.postpone(cancellation, until=next_attempt_at, **held(token))


def _resend(
    cancellation: Cancellation, attempt: CancellationAttempt, answer: Answer, token: datetime
) -> None:
    now = timezone.now()
    if now - cancellation.asked_at >= _NOT_SENT_FOR:
        step = next_step(result_code="", error=answer.error)
        recording.set_result(cancellation, answer, step)
        recording.review(cancellation, **held(token))
        return
    recording.set_result(cancellation, answer, _step_while_pending(answer.error))
    recording.postpone(cancellation, until=now + resend_delay(cancellation), **held(token))


def go_on(cancellation: Cancellation, token: datetime) -> None:
    """The inquiry decided nothing: the next delay, or a person when none is left."""
    if not _used_up(cancellation):
        _put_off(cancellation, token)
        return
    cancellation.next_step = next_step(result_code="", error=cancellation.error)
    recording.review(cancellation, until=next_review_inquiry(cancellation), **held(token))


def next_review_inquiry(cancellation: Cancellation) -> datetime | None:
    """Return when Alipay is asked next about one in review; None when it was asked long enough."""
    made = cancellation.repeats - len(settings.RETRY_DELAYS)
    return timezone.now() + _REVIEW_INQUIRY if made < _REVIEW_INQUIRIES else None


def put_off_merchant(cancellation: Cancellation, payment: Payment) -> None:
    """Throttled: every due row of this merchant waits at least as long as this one."""
    until = cancellation.next_attempt_at
    due = Cancellation.objects.using(payment.database).filter(
        status=Cancellation.Status.PENDING,
        next_attempt_at__lte=timezone.now(),
        payment__in=Payment.objects.filter(merchant=payment.merchant),
    )
    due.update(next_attempt_at=until)
