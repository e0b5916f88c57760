"""A process is killed at nine named places; passes after the lease make the rows right again."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.testing import Fault
from tests.processes import start_actor
from tests.services.conftest import rows

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PLACES = [
    "before_commit_1",
    "after_commit_1",
    "after_connecting",
    "after_sending",
    "while_reading",
    "before_commit_2",
    "after_commit_2",
    "before_the_signal",
    "after_the_signal",
]
# What the gateway does, and how the payment is to end.
ANSWERS = {
    "S": (None, "CANCELLED", "SUCCEEDED"),
    "F": (
        {
            "fault": Fault.RESULT,
            "result_code": "CANCEL_WINDOW_EXCEED",
            "result_status": "F",
            "calls": None,
        },
        "SUCCESS",
        "REJECTED",
    ),
    "U": (
        {
            "fault": Fault.RESULT,
            "result_code": "UNKNOWN_EXCEPTION",
            "result_status": "U",
            "applied": True,
            "calls": 1,
        },
        "CANCELLED",
        "SUCCEEDED",
    ),
    "no answer": ({"fault": Fault.ANSWER_LOST_AFTER, "calls": 1}, "CANCELLED", "SUCCEEDED"),
}
# Without an answer nothing is read, and what is not finished is not announced.
NEVER_REACHED = {
    ("while_reading", "no answer"),
    ("after_the_signal", "U"),
    ("after_the_signal", "no answer"),
}


@pytest.fixture
def announced():
    told = []

    def receive(sender, cancellation, **kwargs):
        told.append(cancellation.status)

    names = ("cancellation_succeeded", "cancellation_rejected", "cancellation_needs_review")
    for name in names:
        getattr(signals, name).connect(receive)
    yield told
    for name in names:
        getattr(signals, name).disconnect(receive)


def let_leases_end():
    past = timezone.now() - timedelta(seconds=1)
    Cancellation.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=past)
    Cancellation.objects.filter(announce_at__isnull=False).update(announce_at=past)
    an_hour_ago = timezone.now() - timedelta(hours=1)
    CancellationAttempt.objects.update(sent_at=an_hour_ago, claim_until=an_hour_ago)
    CancellationAttempt.objects.filter(finished_at__isnull=False).update(finished_at=an_hour_ago)
    Cancellation.objects.update(asked_at=an_hour_ago)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("place", PLACES)
def test_a_killed_process_loses_no_payment_and_tells_no_lie(gateway, pay, announced, place, answer):
    fault, payment_status, status = ANSWERS[answer]
    payment = pay()
    if fault:
        gateway.misbehave(api="cancel", **fault)
    actor = start_actor(do="cancel", payment=str(payment.pk), kill_at=place)
    status_of_actor = actor.exit_status()
    if (place, answer) not in NEVER_REACHED:
        assert status_of_actor == -signal.SIGKILL
    if place == "before_commit_1":
        assert rows(payment) == {"payment": "SUCCESS", "cancellations": [], "attempts": []}
        assert not gateway.calls
        payment.refresh_from_db()
        services.request_cancellation(payment)
    for _ in range(6):
        let_leases_end()
        assert services.process_due_cancellations().errors == 0
    told = rows(payment)
    assert told["payment"] == payment_status
    assert [cancellation[0] for cancellation in told["cancellations"]] == [status]
    assert not CancellationAttempt.objects.filter(outcome="OPEN").exists()
    assert status in announced
    assert (gateway.payment("payment-order-1").status == "CANCELLED") == (status == "SUCCEEDED")
    assert gateway.payment("payment-order-1").cancel_effects == (status == "SUCCEEDED")
    assert not Cancellation.objects.filter(announce_at__isnull=False).exists()
