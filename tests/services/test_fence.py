"""A process that stood still longer than its lease sends nothing any more."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from tests.processes import start_actor
from tests.services.conftest import rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PATIENCE = 60


def wait_until(is_true):
    give_up = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < give_up, "It did not happen in time."
        time.sleep(0.05)


def stands_still(actor):
    try:
        stat = Path(f"/proc/{actor.process.pid}/stat").read_text()
    except FileNotFoundError:
        return False  # it has ended
    return stat.rsplit(")", 1)[1].split()[0] == "T"


@pytest.mark.parametrize("place", ["paused_after_commit_1", "paused_after_connecting"])
def test_what_wakes_up_after_its_lease_sends_nothing(gateway, pay, settings, place):
    # A lease of 13 seconds: three calls at their limit and ten.
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "TIMEOUT": (0.5, 0.5)}
    payment = pay()
    actor = start_actor(do="cancel", payment=str(payment.pk), kill_at=place)
    try:
        wait_until(lambda: stands_still(actor))
        attempt = CancellationAttempt.objects.get()
        assert attempt.outcome == "OPEN"
        assert not gateway.calls
        wait_until(lambda: timezone.now() > attempt.claim_until)
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "TIMEOUT": (2, 5)}
        gateway.balance_is_enough = False
        services.process_due_cancellations()
        assert [call.api for call in gateway.calls] == ["cancel", "inquiryPayment"]
        before = rows(payment)
        assert before["cancellations"][0][0] == "PENDING", "the paused one may still be sent"
        while stands_still(actor):
            os.kill(actor.process.pid, signal.SIGCONT)
            time.sleep(0.05)
        actor.result()
    finally:
        actor.end()
    assert len(gateway.calls_for("payment-order-1", "cancel")) == 1
    assert gateway.payment("payment-order-1").cancel_effects == 0
    assert Cancellation.objects.get().next_attempt_at > timezone.now() - timedelta(seconds=5)
