"""Many processes at once, on one payment and on one queue."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.testing import Fault
from tests.processes import start_actor
from tests.services.conftest import rows

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Seconds in which this many processes have started and wait for the same moment.
START = 12


def test_sixteen_processes_that_cancel_one_payment_make_one_cancellation(gateway, pay):
    payment = pay()
    gateway.latency = 0.2
    start_at = time.time() + START
    actors = [
        start_actor(do="cancel", payment=str(payment.pk), start_at=start_at) for _ in range(16)
    ]
    told = [actor.result() for actor in actors]
    assert len({answer["cancellation"] for answer in told}) == 1
    assert {answer["status"] for answer in told} <= {"PENDING", "SUCCEEDED"}
    assert rows(payment) == {
        "payment": "CANCELLED",
        "cancellations": [("SUCCEEDED", "SUCCESS", "", "NONE")],
        "attempts": [("cancel", "SUCCEEDED", "SUCCESS", "")],
    }
    assert len(gateway.calls) == 1


@pytest.mark.parametrize("number", [60, pytest.param(2000, marks=pytest.mark.nightly)])
def test_four_worker_processes_call_no_row_twice_while_its_lease_holds(gateway, pay, number):
    payments = [pay(f"order-{n}") for n in range(number)]
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", payment="payment-order-7", calls=1)
    report = services.request_cancellations(payments)
    assert report.requested == number
    start_at = time.time() + 5
    actors = [start_actor(do="process", workers=4, start_at=start_at) for _ in range(4)]
    told = [actor.result() for actor in actors]
    assert sum(answer["errors"] for answer in told) == 0
    assert sum(answer["processed"] for answer in told) == number
    calls = Counter(call.body for call in gateway.calls)
    assert len(calls) == number
    assert set(calls.values()) == {1}
    outcomes = Counter(CancellationAttempt.objects.values_list("outcome", flat=True))
    assert outcomes == {"SUCCEEDED": number - 1, "UNKNOWN": 1}
    assert Cancellation.objects.filter(status="PENDING").count() == 1
