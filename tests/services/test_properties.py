"""A state machine of everything that can happen to payments, and what must hold throughout."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from django_alipay_cancel.models import CancellationAttempt
from django_alipay_cancel.testing import FakeAlipay
from tests.services.two_merchants import TwoMerchants

EXAMPLES, STEPS = (2000, 40) if os.environ.get("NIGHTLY") else (12, 40)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.django_db(transaction=True)
def test_whatever_happens_in_whatever_order(gateway, clock, settings):
    with FakeAlipay() as tokyo:
        merchants = {**settings.ALIPAY_CANCEL["MERCHANTS"], "tokyo": tokyo.merchant_settings()}
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "MERCHANTS": merchants}
        TwoMerchants.gateways = {"default": gateway, "tokyo": tokyo}
        TwoMerchants.clock = clock
        run_state_machine_as_test(TwoMerchants, settings=hard())
    # A machine that never gets anywhere would hold all its promises.
    assert TwoMerchants.crashes > EXAMPLES / 10
    assert TwoMerchants.acts_in_flight > EXAMPLES / 10
    assert CancellationAttempt.objects.count() > EXAMPLES * 2


def hard():
    return settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
