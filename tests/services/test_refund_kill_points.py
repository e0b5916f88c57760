"""A process dies before or after each of the four calls and five commits of a refund.

What dies is a pass in this process, by an exception that nothing catches: of it only what was
committed, and what reached Alipay, is left. Every answer nightly, else those that end in different
ways.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.services import passes
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows
from tests.services.test_kill_points import let_leases_end

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PLACES = [
    *(f"{when} commit {n}" for n in range(1, 6) for when in ("before", "after")),
    *(f"{when} call {n}" for n in range(1, 5) for when in ("before", "after")),
]
F = {"result_code": "REFUND_NOT_SUPPORTED", "result_status": "F"}
# What the gateway does to the refund, and how the payment and its wish are to end.
ANSWERS = {
    "S": (None, {}, "REFUNDED", "REFUNDED"),
    "F": (Fault.RESULT, {**F, "calls": None}, "SUCCESS", "REJECTED"),
    "F, done": (Fault.RESULT, {**F, "applied": True}, "REFUNDED", "REFUNDED"),
    "U": (Fault.UNKNOWN_RESULT, {"applied": True}, "REFUNDED", "REFUNDED"),
    "U, not done": (Fault.UNKNOWN_RESULT, {}, "REFUNDED", "REFUNDED"),
    "no answer": (Fault.ANSWER_LOST_AFTER, {}, "REFUNDED", "REFUNDED"),
    "nothing arrives": (Fault.ANSWER_LOST_BEFORE, {}, "REFUNDED", "REFUNDED"),
    "unsigned": (Fault.UNSIGNED, {}, "REFUNDED", "REFUNDED"),
}
ANSWERED = [
    name if name in ("S", "F", "no answer") else pytest.param(name, marks=pytest.mark.nightly)
    for name in ANSWERS
]


class Killed(BaseException):
    """No code of the app may catch it."""


def kill_at(place, monkeypatch):
    when, what, number = place.split()
    met = 0
    real = getattr(passes, what)

    def dies(*args, **kwargs):
        nonlocal met
        met += 1
        if met != int(number):
            return real(*args, **kwargs)
        if what == "commit" and when == "before":
            write, *rest = args

            def rolled_back():
                write()
                raise Killed

            return real(rolled_back, *rest, **kwargs)
        if when == "after":
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(passes, what, dies)


@pytest.mark.parametrize("answer", ANSWERED)
@pytest.mark.parametrize("place", PLACES)
def test_a_process_that_dies_refunds_once_or_not_at_all(
    gateway, pay, settings, monkeypatch, place, answer
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True}
    fault, options, payment_status, status = ANSWERS[answer]
    payment = pay()
    far = gateway.payment("request-order-1")
    far.paid_at = gateway.now - timedelta(days=3)
    if fault:
        gateway.misbehave(fault, api="refund", **options)
    with monkeypatch.context() as patched:
        kill_at(place, patched)
        with pytest.raises(Killed):
            services.cancel_payment(payment, or_refund=True)
    payment.refresh_from_db()
    if not Cancellation.objects.exists():
        assert place == "before commit 1"
        services.request_cancellation(payment, or_refund=True)
    for _ in range(6):
        let_leases_end()
        assert services.process_due_cancellations().errors == 0
    told = rows(payment)
    assert told["payment"] == payment_status
    assert [row[0] for row in told["cancellations"]] == [status]
    assert far.refunded_value == (1250 if status == "REFUNDED" else 0)
    assert len(far.refunds) == (status == "REFUNDED")
    assert far.cancel_effects == 0
    assert not CancellationAttempt.objects.filter(outcome="OPEN").exists()


def test_the_turn_and_the_first_refund_are_one_commit(gateway, pay, settings, monkeypatch):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True}
    payment = pay()
    gateway.payment("request-order-1").paid_at = gateway.now - timedelta(days=3)
    with monkeypatch.context() as patched:
        kill_at("before commit 3", patched)
        with pytest.raises(Killed):
            services.cancel_payment(payment, or_refund=True)
    cancellation = Cancellation.objects.get()
    assert (cancellation.means, cancellation.refund_value) == ("cancel", None)
    assert not payment.attempts.filter(kind="refund").exists()
    assert timezone.now() < cancellation.next_attempt_at
