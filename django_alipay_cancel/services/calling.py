"""The call of one attempt, made within its claim, and the one line of log that it leaves."""

from __future__ import annotations

import logging
from functools import partial

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.causes import in_english
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.results import KEY_CODES
from django_alipay_cancel.clock import aware
from django_alipay_cancel.conf import forget_keys
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.hearing import word_of

logger = logging.getLogger(__name__)

Kind = CancellationAttempt.Kind


def call(attempt: CancellationAttempt, client: AlipayClient) -> Answer:
    """Ask Alipay what the committed `attempt` says, unless its claim is over; store nothing."""
    body, not_after = attempt.request_body, aware(schedule.last_byte_by(attempt.claim_until))
    match attempt.kind:
        case Kind.CANCEL:
            last_look = partial(_may_cancel, attempt)
            answer = client.cancel(body, not_after=not_after, last_look=last_look)
        case Kind.REFUND:
            answer = client.refund(body, not_after=not_after)
        case Kind.REFUND_INQUIRY:
            answer = client.inquire_refund(body, not_after=not_after)
        case _:
            answer = client.inquire(body, not_after=not_after)
    _log(attempt, answer)
    if answer.error == "bad_signature" or answer.result_code in KEY_CODES:
        # One side did not know the other's key: the merchant's callables are asked again.
        forget_keys(attempt.payment.merchant)
    return answer


def _may_cancel(attempt: CancellationAttempt) -> bool:
    """Whether nobody has told the sweep meanwhile, right before the first byte, that it is paid."""
    wish = attempt.cancellation
    if wish is None or wish.source != Cancellation.Source.NO_RESULT:
        return True
    unpaid = Payment.objects.using(attempt.database).filter(
        pk=attempt.payment_id, paid_at__isnull=True, authorized_at__isnull=True
    )
    return bool(unpaid.exists())


def _log(attempt: CancellationAttempt, answer: Answer) -> None:
    """Write the one line of log that each call leaves, before anything of it is stored."""
    word = word_of(attempt, answer)
    logger.log(
        logging.INFO if answer.verified else logging.WARNING,
        "%s of payment %s, cancellation %s, attempt %s: %s%s%s%s",
        attempt.kind,
        attempt.payment_id,
        attempt.cancellation_id or "none",
        attempt.number,
        word,
        f", HTTP {answer.http_status}" if answer.http_status else "",
        f", {answer.result_code!a}" if answer.result_code else "",
        f", {answer.error}: {_why(answer)}" if answer.error else "",
        extra={
            "alipay_api": attempt.kind,
            "alipay_payment": str(attempt.payment_id),
            "alipay_cancellation": str(attempt.cancellation_id or ""),
            "alipay_said": str(word),
            "alipay_code": answer.result_code,
            "alipay_error": answer.error,
            "alipay_cause": answer.cause,
        },
    )


def _why(answer: Answer) -> str:
    return in_english(answer.cause, answer.detail) or answer.detail
