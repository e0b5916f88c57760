"""Cancel a payment now: the wish and the first call in one commit, then one pass."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.judging import locked_and_judged
from django_alipay_cancel.services.passes import Pass
from django_alipay_cancel.services.requesting import (
    CancellationRequest,
    begin,
    existing_cancellation,
    prepare,
)


def cancel_payment(
    payment: Payment,
    *,
    requested_by: Any = None,
    reason: str = "",
    source: str = "code",
    batch: UUID | None = None,
    or_refund: bool = False,
) -> Cancellation:
    """Cancel the payment now: at most one cancel call and one inquiry; the worker repeats.

    Returns the cancellation; read its `status`. PENDING means that the result is not known yet,
    neither yes nor no. Asking again is safe: an open cancellation is returned, and tried now if it
    is due; a succeeded one is returned and nothing is sent; after a rejected one a new one starts.
    `or_refund`: when it can no longer be cancelled it is refunded in full; then at most one refund
    and one inquiry more are made now.
    `payment` is up to date afterwards. `batch` marks what is asked together.

    Raises ValidationError (ids, reason), NotCancellable, ImproperlyConfigured before any row is
    written, and InsideTransaction before the call.
    """
    wish = CancellationRequest(
        requested_by=requested_by, reason=reason, source=source, batch=batch, or_refund=or_refund
    )
    client = prepare(payment)

    def once() -> Cancellation | None:
        if existing := existing_cancellation(payment, wish):
            return _try_now(existing, payment, client)
        this = _pass(payment, client, or_refund=or_refund)
        this.run(lambda this: _begin(this, wish))
        if this.cancellation is not None:
            payment.refresh_from_db()
        return this.cancellation

    return payment.until_stored(once)


def _begin(this: Pass, wish: CancellationRequest) -> CancellationAttempt | None:
    cancellation = begin(this.payment, wish, claimed=True)
    if cancellation is None:
        return None
    this.cancellation, this.token = cancellation, cancellation.next_attempt_at
    this.just_claimed = True
    return this.judge()


def _pass(payment: Payment, client: AlipayClient, *, or_refund: bool) -> Pass:
    """Return a pass with the calls of one request: a refund takes one more of each."""
    return Pass(payment, client, cancels=1, inquiries=1 + or_refund, refunds=int(or_refund))


def _try_now(cancellation: Cancellation, payment: Payment, client: AlipayClient) -> Cancellation:
    if cancellation.status != Cancellation.Status.PENDING or not schedule.is_due(cancellation):
        return cancellation
    token = cancellation.next_attempt_at
    this = _pass(payment, client, or_refund=cancellation.or_refund)
    this.cancellation, this.token = cancellation, token
    this.run(locked_and_judged)
    payment.refresh_from_db()
    return cancellation
