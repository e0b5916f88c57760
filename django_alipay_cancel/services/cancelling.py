"""One cancellation, from the wish to the stored result: commit, call, commit.

No transaction is open and no lock is held during a call. Whatever the network, the gateway or
this process does in between, the rows say what is known, and an unknown result falls due again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django_fsm import ConcurrentTransition

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.results import NextStep, ResultStatus
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import recording
from django_alipay_cancel.services.announcing import announce
from django_alipay_cancel.services.asking import forget_refused_keys, inquire, log_attempt
from django_alipay_cancel.services.claiming import (
    create_attempt,
    due_since,
    held,
    lease,
    open_attempt,
)
from django_alipay_cancel.services.deciding import (
    go_on,
    next_review_inquiry,
    put_off_merchant,
    record_answer,
)
from django_alipay_cancel.services.meaning import Finding, Meaning
from django_alipay_cancel.services.requesting import (
    TRIES,
    Wish,
    begin,
    existing_cancellation,
    prepare,
)
from django_alipay_cancel.services.transactions import commit


def cancel_payment(
    payment: Payment,
    *,
    requested_by: Any = None,
    reason: str = "",
    source: str = "code",
    batch: UUID | None = None,
) -> Cancellation:
    """Cancel the payment now: at most one cancel call and one inquiry; the worker repeats.

    Returns the cancellation; read its `status`. PENDING means that the result is not known yet,
    neither yes nor no. Asking again is safe: an open cancellation is returned, and tried now if it
    is due; a succeeded one is returned and nothing is sent; after a rejected one a new one starts.
    `payment` is up to date afterwards. `batch` marks what is asked together.

    Raises ValidationError (ids, reason), NotCancellable, ImproperlyConfigured before any row is
    written, and InsideTransaction before the call.
    """
    wish = Wish(requested_by=requested_by, reason=reason, source=source, batch=batch)
    client = prepare(payment)
    for _ in range(TRIES):
        cancellation = existing_cancellation(payment)
        if cancellation is not None:
            return _try_now(cancellation, payment, client)
        opened = commit(lambda: _begin(payment, wish, client), payment)
        if opened is not None:
            _call(opened.cancellation, payment, client, opened)
            return _announced(opened.cancellation, payment)
        payment.refresh_from_db()
    raise ConcurrentTransition(f"The payment {payment.pk} changes faster than it can be cancelled.")


def attempt_cancellation(cancellation: Cancellation, client: AlipayClient, token: datetime) -> None:
    """Make one pass over a due cancellation, what the worker does with each.

    `token` is its claim, or when it fell due; the pass ends when the row has another one by now.
    """
    payment = cancellation.payment
    if cancellation.status == Cancellation.Status.NEEDS_REVIEW:
        _inquire_in_review(cancellation, payment, client, token)
    else:
        _repeat(cancellation, payment, client, token)
    announce(cancellation)


def review_configuration(cancellation: Cancellation, token: datetime) -> None:
    """The merchant's keys or settings cannot be loaded: a person has to look."""

    def write() -> None:
        cancellation.error = "configuration"
        cancellation.next_step = NextStep.FIX_CONFIGURATION
        recording.review(cancellation, **held(token))

    commit(write, cancellation)
    announce(cancellation)


def _begin(payment: Payment, wish: Wish, client: AlipayClient) -> CancellationAttempt | None:
    cancellation = begin(payment, wish, claimed_until=lease())
    if cancellation is None:
        return None
    return create_attempt(cancellation, payment, client, CancellationAttempt.Kind.CANCEL)


def _try_now(cancellation: Cancellation, payment: Payment, client: AlipayClient) -> Cancellation:
    due = due_since(cancellation)
    if cancellation.status != Cancellation.Status.PENDING or due is None:
        return cancellation
    _open_and_call(cancellation, payment, client, due)
    return _announced(cancellation, payment)


def _announced(cancellation: Cancellation, payment: Payment) -> Cancellation:
    announce(cancellation)
    payment.refresh_from_db()
    return cancellation


def _repeat(
    cancellation: Cancellation, payment: Payment, client: AlipayClient, token: datetime
) -> None:
    """Cancel again; from the second repeat on Alipay is asked first what became of it."""
    if cancellation.repeats >= 2:
        goes_on = inquire(cancellation, payment, client, token=token).token
        if goes_on is None:
            return
        token = goes_on
    _open_and_call(cancellation, payment, client, token)


def _open_and_call(
    cancellation: Cancellation, payment: Payment, client: AlipayClient, token: datetime
) -> None:
    attempt = commit(
        lambda: open_attempt(cancellation, payment, client, CancellationAttempt.Kind.CANCEL, token),
        cancellation,
    )
    if attempt is not None:
        _call(cancellation, payment, client, attempt)


def _call(
    cancellation: Cancellation,
    payment: Payment,
    client: AlipayClient,
    attempt: CancellationAttempt,
) -> None:
    """Send the committed attempt, record the answer, and inquire at once where that is due."""
    token = cancellation.next_attempt_at
    assert token is not None  # the attempt was committed together with this claim
    answer = client.cancel(attempt.request_body)
    meaning = commit(
        lambda: record_answer(cancellation, payment, attempt, answer, token),
        cancellation,
        payment,
        attempt,
    )
    log_attempt(attempt, answer)
    forget_refused_keys(payment, answer)
    if answer.result_code == "REQUEST_TRAFFIC_EXCEED_LIMIT" and answer.verified:
        commit(lambda: put_off_merchant(cancellation, payment), cancellation)
    if meaning is Meaning.INQUIRE:
        _inquire_at_once(cancellation, payment, client, attempt, token)


def _inquire_at_once(
    cancellation: Cancellation,
    payment: Payment,
    client: AlipayClient,
    attempt: CancellationAttempt,
    token: datetime,
) -> None:
    finding, goes_on = inquire(cancellation, payment, client, token=token)
    if finding is Finding.CANCELLED and attempt.result_status == ResultStatus.S:
        # An S without ids: the inquiry has shown whose it was.
        now = timezone.now()
        commit(
            lambda: recording.swap(attempt, lambda row: row.succeed(now), "open_for"),
            attempt,
        )
    if goes_on is not None:
        commit(lambda: go_on(cancellation, goes_on), cancellation)


def _inquire_in_review(
    cancellation: Cancellation, payment: Payment, client: AlipayClient, token: datetime
) -> None:
    """Once an hour for three days: when it is not cancelled after all, the cancel is repeated."""
    finding, goes_on = inquire(cancellation, payment, client, token=token)
    if goes_on is None:
        return

    def write() -> None:
        cancellation.repeats += 1
        if finding is Finding.PAID:
            cancellation.ask_again()
            cancellation.next_step = NextStep.WAIT
            due: datetime | None = timezone.now()
        else:
            due = next_review_inquiry(cancellation)
        recording.postpone(cancellation, until=due, **held(goes_on))

    commit(write, cancellation)
