"""Inquiry: what Alipay says became of a payment, and what that decides."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone
from django_fsm import can_proceed

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.results import KEY_CODES, NextStep, ResultStatus, next_step
from django_alipay_cancel.clock import storable
from django_alipay_cancel.conf import client_for, forget_keys
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import recording
from django_alipay_cancel.services.announcing import announce
from django_alipay_cancel.services.claiming import held, open_attempt
from django_alipay_cancel.services.meaning import Finding, of_inquiry, speaks_against
from django_alipay_cancel.services.payments import tell_of_late_payment, validate_ids
from django_alipay_cancel.services.transactions import commit

logger = logging.getLogger(__name__)

# A cancel may overtake the pay it is for: so often ORDER_NOT_EXIST is not believed.
EARLY_ATTEMPTS = 4


class Inquiry(NamedTuple):
    """What was found, and the claim of a pass that may go on; None: finished, or lost."""

    finding: Finding
    token: datetime | None


def refresh_payment(payment: Payment) -> Payment:
    """Ask Alipay for the payment's state, take it over and return the payment, up to date.

    An open cancellation is finished by it when the answer decides. The inquiry is kept as an
    attempt of the payment's latest cancellation; without one only the payment keeps what was said.
    Raises ImproperlyConfigured, ValidationError, and InsideTransaction before the call.
    """
    validate_ids(payment)
    client = client_for(payment.merchant)
    commit(lambda: payment.refresh_from_db(using=payment.database), payment)
    cancellation = _latest_cancellation(payment)
    if cancellation is None:
        inquire_payment(payment, client)
    else:
        in_review = cancellation.status == Cancellation.Status.NEEDS_REVIEW
        inquire(cancellation, payment, client, token=None, may_reject=in_review)
        announce(cancellation)
    payment.refresh_from_db()
    return payment


def inquire(
    cancellation: Cancellation,
    payment: Payment,
    client: AlipayClient,
    *,
    token: datetime | None,
    may_reject: bool = False,
) -> Inquiry:
    """Make one inquiry, record it, and finish the cancellation when it decides.

    `token` is the claim of the pass, None for a person's question. "Not cancelled" rejects when a
    verified F is in hand, or when `may_reject`: a person asked about one in review.
    """
    attempt = commit(
        lambda: open_attempt(
            cancellation, payment, client, CancellationAttempt.Kind.INQUIRY, token
        ),
        cancellation,
    )
    if attempt is None:
        return Inquiry(Finding.NOTHING, None)
    if token is not None:
        token = cancellation.next_attempt_at
    answer = client.inquire(attempt.request_body)
    finding = of_inquiry(answer)
    commit(
        _record(cancellation, payment, attempt, answer, finding, token, may_reject),
        cancellation,
        payment,
        attempt,
    )
    log_attempt(attempt, answer)
    forget_refused_keys(payment, answer)
    return Inquiry(finding, token if cancellation.next_attempt_at == token else None)


def inquire_payment(payment: Payment, client: AlipayClient) -> Finding:
    """Make an inquiry that belongs to no cancellation: the payment alone keeps what was said."""
    body = client.request_body(
        payment_request_id=payment.payment_request_id, payment_id=payment.payment_id
    )
    answer = client.inquire(body)
    finding = of_inquiry(answer)

    def write() -> None:
        recording.lock(payment)
        _take_over(payment, answer, finding)
        if finding is Finding.CANCELLED:
            recording.confirm(payment)

    commit(write, payment)
    forget_refused_keys(payment, answer)
    logger.info("inquiry of payment %s: %s", payment.id, answer.error or finding.name)
    return finding


def refusal_in_hand(cancellation: Cancellation, payment: Payment) -> CancellationAttempt | None:
    """Return the last cancel attempt when it is a verified F that may be believed."""
    cancels = cancellation.attempts.using(cancellation.database).filter(
        kind=CancellationAttempt.Kind.CANCEL
    )
    last = cancels.order_by("-number").first()
    if last is None or last.outcome != CancellationAttempt.Outcome.REJECTED:
        return None
    unpaid = not (payment.paid_at or payment.authorized_at)
    if last.result_code == "ORDER_NOT_EXIST" and unpaid and cancels.count() <= EARLY_ATTEMPTS:
        return None
    return last


def forget_refused_keys(payment: Payment, answer: Answer) -> None:
    """Have the merchant's callables asked again when one side did not know the other's key."""
    if answer.error == "bad_signature" or answer.result_code in KEY_CODES:
        forget_keys(payment.merchant)


def log_attempt(attempt: CancellationAttempt, answer: Answer) -> None:
    """Write the one line of log that each call leaves."""
    logger.log(
        logging.INFO if answer.verified else logging.WARNING,
        "%s of payment in cancellation %s, attempt %s: %s%s%s%s",
        attempt.kind,
        attempt.cancellation_id,
        attempt.number,
        attempt.outcome,
        f", HTTP {answer.http_status}" if answer.http_status else "",
        f", {answer.result_code!a}" if answer.result_code else "",
        f", {answer.error}: {answer.detail}" if answer.error else "",
    )


def _record(
    cancellation: Cancellation,
    payment: Payment,
    attempt: CancellationAttempt,
    answer: Answer,
    finding: Finding,
    token: datetime | None,
    may_reject: bool,
) -> Callable[[], None]:
    def write() -> None:
        recording.lock(payment)
        _take_over(payment, answer, finding)
        _decide(cancellation, payment, answer, finding, token, may_reject)
        recording.record_attempt(attempt, answer, _outcome(answer))

    return write


def _outcome(answer: Answer) -> str:
    if not answer.sent:
        return CancellationAttempt.Outcome.NOT_SENT
    if not answer.verified or answer.result_status == ResultStatus.U:
        return CancellationAttempt.Outcome.UNKNOWN
    if answer.result_status == ResultStatus.F:
        return CancellationAttempt.Outcome.REJECTED
    return CancellationAttempt.Outcome.SUCCEEDED


def _decide(
    cancellation: Cancellation,
    payment: Payment,
    answer: Answer,
    finding: Finding,
    token: datetime | None,
    may_reject: bool,
) -> None:
    if finding is Finding.CANCELLED:
        recording.succeed(cancellation, payment, answer)
        return
    if finding is Finding.FAILED:
        if cancellation.is_open:
            recording.succeed_unpaid(cancellation, payment, answer)
        return
    refusal = refusal_in_hand(cancellation, payment)
    if not speaks_against(finding, refused=refusal is not None):
        return
    if refusal is not None and (token is not None or may_reject):
        step = next_step(result_code=refusal.result_code)
        recording.reject(cancellation, payment, refusal, next_step=step, **held(token))
    elif may_reject:
        step = NextStep.CHECK_ORDER_STATUS
        recording.reject(cancellation, payment, cancellation, next_step=step, **held(token))


def _take_over(payment: Payment, answer: Answer, finding: Finding) -> None:
    """Store what a trusted answer says of the payment; the caller holds its lock."""
    if finding is Finding.NOTHING:
        return
    now = timezone.now()
    payment.checked_at = now
    payment.checked_status = answer.payment_status or answer.result_code
    if finding is Finding.FAILED and can_proceed(payment.record_failed):
        payment.record_failed(now)
    # An authorized payment shows as SUCCESS before its capture too.
    newly_paid = finding is Finding.PAID and not payment.authorized_at and not payment.paid_at
    if newly_paid:
        payment.paid_at = storable(answer.payment_time) or now
        if can_proceed(payment.record_paid):
            payment.record_paid(payment.paid_at)
    payment.store("checked_at", "checked_status", "paid_at", "failed_at", "updated_at")
    if newly_paid:
        tell_of_late_payment(payment)


def _latest_cancellation(payment: Payment) -> Cancellation | None:
    cancellations = Cancellation.objects.using(payment.database).filter(payment=payment)
    latest: Cancellation | None = cancellations.order_by("-created_at").first()
    return latest
