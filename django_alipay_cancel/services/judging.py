"""Ways into a pass besides a request: it falls due, facts came, keys cannot be loaded."""

from __future__ import annotations

from django.db import transaction

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.isolation import as_committed
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import finish, schedule
from django_alipay_cancel.services.announcing import announce
from django_alipay_cancel.services.decision import Because
from django_alipay_cancel.services.passes import Pass
from django_alipay_cancel.services.transactions import atomically, commit


def carry_on(cancellation: Cancellation, client: AlipayClient) -> None:
    """Make one pass over a claimed cancellation, what the worker does with each."""
    token = cancellation.next_attempt_at
    this = Pass(cancellation.payment, client, cancellation, token=token)
    this.cancels, this.inquiries, this.refunds = 1, 3, 1
    this.run(locked_and_judged)


def locked_and_judged(this: Pass) -> CancellationAttempt | None:
    """Begin a pass over rows that exist: lock the payment, judge, and do what that says."""
    finish.lock(this.payment)
    return this.judge()


def judge_open_cancellation(payment: Payment) -> None:
    """Judge the open cancellation by facts that were just stored; only what is final is written.

    Runs inside a transaction of its own or of the caller; the signal is sent after its commit.
    """

    def write() -> Cancellation | None:
        finish.lock(payment)
        rows = Cancellation.objects.using(payment.database).filter(open_for=payment)
        cancellation: Cancellation | None = as_committed(rows).first()
        if cancellation is not None:
            cancellation.payment = payment
            Pass(payment, None, cancellation).judge()
        return cancellation

    judged = atomically(write, payment, using=payment.database)
    if judged is not None:
        transaction.on_commit(lambda: announce(judged), using=payment.database)


def review_configuration(cancellation: Cancellation) -> None:
    """The merchant's keys or settings cannot be loaded: a person has to look."""

    def write() -> None:
        token = cancellation.next_attempt_at
        if cancellation.status == Cancellation.Status.PENDING:
            finish.review_ours(cancellation, Because.TROUBLE, token=token, error="configuration")
        else:
            schedule.due_in_review(cancellation)
            cancellation.store(*schedule.DUE, **schedule.held(token))

    commit(write, cancellation)
    announce(cancellation)
