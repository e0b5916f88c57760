"""One merchant's gateway is silent, or throttles for an hour: nobody else waits for it."""

from __future__ import annotations

import os

import pytest

from django_alipay_cancel.testing import Fault
from tests.chaos.gateway import wait_until

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.parametrize(
        "server", ["PostgreSQL", pytest.param("MariaDB", marks=pytest.mark.nightly)], indirect=True
    ),
]

NIGHTLY = bool(os.environ.get("NIGHTLY"))
SILENT, HEALTHY, THROTTLED = (2000, 200, 1000) if NIGHTLY else (60, 20, 60)
HOUR = 3600


@pytest.mark.parametrize("workers", ["2", pytest.param("4", marks=pytest.mark.nightly)])
def test_a_merchant_whose_gateway_is_silent_makes_no_other_wait(run, right, workers):
    silent = run.add_merchant("silent")
    silent.keep_back()
    ids = silent.add("silent", SILENT)
    run.wished_at |= run.shop.order("wish_all", ids=ids, merchant="silent")
    run.start_worker("--loop", "--workers", workers)
    wait_until(lambda: silent.in_flight)
    run.wish(HEALTHY, every=0.2)
    wait_until(lambda: len(run.gateway.flights) >= HEALTHY)
    healthy = {id: at for id, at in run.wished_at.items() if id.startswith("order")}
    waits = run.gateway.waits(healthy)
    silent.let_go()
    right(run.finish(seconds=600 if NIGHTLY else 60))
    assert waits[int(len(waits) * 0.99)] <= 2, waits


def test_an_hour_of_throttling_is_over_a_minute_after_its_end(run, right):
    run.wish(THROTTLED)
    run.gateway.hold = 0
    run.gateway.misbehave(Fault.THROTTLED, calls=None)
    run.shop.order("simulate", seconds=HOUR)
    asked = len(run.gateway.calls)
    # One probe at a time, and at most a minute apart.
    assert HOUR / 60 * 0.7 < asked < 2 * HOUR / 60
    run.gateway.behave()
    assert run.shop.order("simulate", seconds=HOUR, until_done=True) <= 90
    right(run.finish())
