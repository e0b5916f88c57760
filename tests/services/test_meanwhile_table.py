"""Every kind of answer x everything somebody else can do meanwhile, with others in the queue."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.services.in_flight import while_in_flight
from tests.services.known import PAST_THE_LEASE, Known

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# What the gateway answers to the cancel; those that say so take effect all the same.
ANSWERS = {
    "S": None,
    "F, and so says the inquiry": (Fault.RESULT, {"result_code": "CANCEL_WINDOW_EXCEED"}),
    "F that does not know the payment": (Fault.RESULT, {"result_code": "ORDER_NOT_EXIST"}),
    "F of the system": (Fault.RESULT, {"result_code": "SYSTEM_ERROR"}),
    "F unsigned": (Fault.RESULT, {"result_code": "PROCESS_FAIL", "signed": False}),
    "U, with effect": (Fault.UNKNOWN_RESULT, {"applied": True}),
    "U": (Fault.UNKNOWN_RESULT, {}),
    "throttled": (Fault.THROTTLED, {}),
    "lost, with effect": (Fault.ANSWER_LOST_AFTER, {}),
    "lost": (Fault.ANSWER_LOST_BEFORE, {}),
    "tampered with, with effect": (Fault.TAMPERED_BODY, {}),
    "of another payment": (Fault.OTHER_IDS, {}),
    "without ids": (Fault.NO_IDS, {}),
    "HTTP 429": (Fault.HTTP_STATUS, {"status": 429}),
    "HTTP 502": (Fault.HTTP_STATUS, {"status": 502}),
    "no JSON": (Fault.NOT_JSON, {}),
}
# On a server, unless nightly: one of each kind. How answers are read hangs on no database.
ANSWERED = (
    ANSWERS
    if connection.vendor == "sqlite" or os.environ.get("NIGHTLY")
    else {name: ANSWERS[name] for name in ("S", "F of the system", "U, with effect", "lost")}
)
TAKEN_OVER = "another worker takes it after the lease"
ACTS = {
    "nobody acts": lambda known, clock: None,
    "somebody checks": lambda known, clock: known.check(),
    "somebody cancels": lambda known, clock: known.cancel(),
    "somebody asks again": lambda known, clock: known.ask_again(),
    "somebody closes it as cancelled": lambda known, clock: known.close(True),
    "somebody closes it as not cancelled": lambda known, clock: known.close(False),
    "the shop hears that it is paid": lambda known, clock: known.hear("paid_at"),
    "the shop hears that it failed": lambda known, clock: known.hear("failed_at"),
    "another worker comes by": lambda known, clock: services.process_due_cancellations(),
    TAKEN_OVER: lambda known, clock: work_after_the_lease(clock),
}


def work_after_the_lease(clock):
    clock.shift(PAST_THE_LEASE)
    services.process_due_cancellations()


@pytest.fixture
def gateways(gateway, settings):
    """The gateways of two merchants."""
    with FakeAlipay() as tokyo:
        merchants = {**settings.ALIPAY_CANCEL["MERCHANTS"], "tokyo": tokyo.merchant_settings()}
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "MERCHANTS": merchants}
        yield {"default": gateway, "tokyo": tokyo}


def bystanders(gateways):
    """Wishes of both merchants that are not due while the test lasts."""
    for merchant, gateway in gateways.items():
        # The test's clock goes past the night after the payment, where most methods' window ends.
        known = Known(gateway, merchant, "SUCCESS", method="mercado_pago")
        known.request()
        yield known


def due_at_others(others):
    """Let the bystanders be due in an hour."""
    later = timezone.now() + timedelta(hours=1)
    for other in others:
        other.wishes().update(next_attempt_at=later)


def rows_of(bystanders):
    payments = [known.payment for known in bystanders]
    wishes = Cancellation.objects.filter(payment__in=payments).order_by("pk")
    return [
        *wishes.values_list("pk", "status", "next_attempt_at", "repeats", "error"),
        *CancellationAttempt.objects.filter(payment__in=payments).values_list("pk"),
    ]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("start", ["new", pytest.param("in review", marks=pytest.mark.once)])
def test_what_somebody_does_meanwhile_falsifies_no_answer_and_moves_nobody_else(
    gateways, clock, act, start
):
    others = list(bystanders(gateways))
    for name, answer in ANSWERED.items():
        known = Known(gateways["default"], "default", "SUCCESS")
        work = begin(known, clock, start, by_worker="worker" in act)
        known.misbehave(answer)
        due_at_others(others)
        before, stood = rows_of(others), []

        def do(known=known, stood=stood, answer=answer):
            if act == TAKEN_OVER:
                known.misbehave(answer)  # else the other worker ends it, and nothing is to be moved
            ACTS[act](known, clock)
            stood.extend(known.wishes().values_list("status", "next_attempt_at"))

        with while_in_flight(gateways.values(), do) as came:
            work()
        assert came, name
        if answer is None and start == "new":
            assert known.stored().status == "CANCELLED", name
        if act == TAKEN_OVER and known.latest().status == stood[0][0]:
            assert known.latest().next_attempt_at == stood[0][1], name
        assert rows_of(others) == before, name
        settle(known, others, clock)
        told(known, name)
    clock.shift(3601)
    services.process_due_cancellations()
    assert {other.stored().status for other in others} == {"CANCELLED"}


def begin(known, clock, start, *, by_worker):
    """Let the payment be where it starts; return what makes the call."""
    if start == "in review":
        known.misbehave((Fault.RESULT, {"result_code": "INVALID_SIGNATURE", "signed": False}))
        known.cancel()
        assert known.latest().status == "NEEDS_REVIEW"
        clock.shift(3601)
    elif by_worker:
        known.request()
    else:
        return known.cancel
    return services.process_due_cancellations


def settle(known, others, clock):
    """Let the gateway behave and the worker come by, but not yet for the others."""
    for _ in range(12):
        clock.shift(61)
        due_at_others(others)
        services.process_due_cancellations()
        latest = known.latest()
        if latest.status == "NEEDS_REVIEW":
            known.ask_again()
        elif latest.finished_at:
            return


def told(known, name):
    status, books = known.stored().status, known.books
    assert known.latest().finished_at, name
    assert books.cancel_effects <= 1, name
    if not known.by_hand:
        assert (status == "CANCELLED") == (books.status == "CANCELLED"), name
    elif status != "CANCELLED":
        assert books.status != "CANCELLED", name
    assert not known.attempts().filter(outcome="OPEN").exists(), name
