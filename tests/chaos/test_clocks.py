"""Machines whose clocks disagree: a claim of one must not be over for another."""

from __future__ import annotations

import os

import pytest

from tests.chaos.gateway import wait_until

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.parametrize(
        "server", ["PostgreSQL", pytest.param("MariaDB", marks=pytest.mark.nightly)], indirect=True
    ),
]

WISHES = 400 if os.environ.get("NIGHTLY") else 20
YEAR = 365 * 24 * 3600
WRONG = (90, -90, YEAR)
NOTHING_CLAIMED = "nothing is claimed until that is mended"


def test_workers_whose_clocks_are_wrong_take_nothing_from_the_others(run, right):
    run.gateway.hold = 0.5
    wrong = [run.start_worker("--loop", clock_ahead=seconds) for seconds in WRONG]
    for worker in wrong:
        wait_until(lambda worker=worker: NOTHING_CLAIMED in worker.said)
    run.start_worker("--loop")
    run.wish(WISHES)
    right(run.finish())


def test_a_single_pass_whose_clock_is_wrong_takes_nothing_either(run, right):
    run.gateway.keep_back()
    run.start_worker("--loop")
    run.wish(4)
    run.wait_for_calls(4)
    cron = run.start_worker(clock_ahead=90)
    limited = run.start_worker("--loop", "--limit", "10", clock_ahead=90)
    assert cron.popen.wait(30) == 1
    for worker in (cron, limited):
        wait_until(lambda worker=worker: NOTHING_CLAIMED in worker.said)
    run.gateway.let_go()
    right(run.finish())


def test_what_a_site_whose_clock_is_a_year_ahead_asked_for_is_done_now(run, right):
    run.start_worker("--loop")
    site = run.start_shop(clock_ahead=YEAR)
    ids = run.gateway.add("early", WISHES)
    run.wished_at |= site.order("wish", ids=ids)
    books = run.finish()
    right(books)
    assert books.longest_wait < 30
