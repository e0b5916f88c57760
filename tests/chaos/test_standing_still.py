"""Processes that stand still longer than their lease, as a paused machine does, and wake up."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.chaos.gateway import wait_until
from tests.chaos.run import LEASE

pytestmark = pytest.mark.chaos

WISHES = 200 if os.environ.get("NIGHTLY") else 12
THREADS = 2


@pytest.mark.parametrize(
    "server", ["PostgreSQL", pytest.param("MariaDB", marks=pytest.mark.nightly)], indirect=True
)
def test_a_worker_stands_still_before_its_call_and_one_in_it(run, right):
    before = run.start_worker("--loop", "--workers", "1", stands_still="paused_after_commit_1")
    run.wish(1, prefix="before")
    wait_until(lambda: before.stands_still)
    within = run.start_worker("--loop", "--workers", str(THREADS))
    run.gateway.keep_back()
    run.wish(WISHES)
    run.wait_for_calls(THREADS)
    within.signal(signal.SIGSTOP)
    run.gateway.let_go()
    time.sleep(LEASE)
    run.start_worker("--loop")
    wait_until(lambda: not run.shop.order("left"))
    calls = len(run.gateway.flights)
    for paused in (within, before):
        paused.signal(signal.SIGCONT)
    wait_until(lambda: "NOTHING_SENT" in before.said)
    right(run.finish())
    assert len(run.gateway.flights) == calls, "what wakes up after its lease sends nothing"
