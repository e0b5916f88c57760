"""The database is killed, throws everybody out, cannot be written, or has no room."""

from __future__ import annotations

import os
import time

import pytest

from tests.chaos.gateway import wait_until

pytestmark = pytest.mark.chaos

# How many wishes, one every so many seconds, and for how many the database is away.
WISHES, EVERY, AWAY = (400, 0.05, 10) if os.environ.get("NIGHTLY") else (30, 0.05, 2)


def begin(run, *options):
    """Let calls be in flight whose answers come when the test lets go."""
    worker = run.start_worker("--loop", *options)
    run.begin_wishing(WISHES, every=EVERY)
    run.wait_for_calls(WISHES // 5)
    run.gateway.keep_back()
    wait_until(lambda: run.gateway.in_flight)
    return worker


def test_the_server_is_killed_between_a_call_and_its_answer(run, right):
    begin(run)
    run.server.kill()
    run.gateway.let_go()
    time.sleep(AWAY)
    run.server.start()
    run.end_wishing()
    right(run.finish())


def test_all_sessions_are_ended_again_and_again(run, right):
    begin(run)
    ended = run.server.throw_out()
    run.gateway.let_go()
    for _ in range(AWAY * 2):
        time.sleep(0.5)
        ended += run.server.throw_out()
    run.end_wishing()
    right(run.finish())
    assert ended > AWAY * 2


def test_nothing_can_be_written_for_some_seconds(run, right):
    begin(run)
    run.server.let_write(False)
    run.gateway.let_go()
    time.sleep(AWAY)
    run.server.let_write(True)
    run.end_wishing()
    right(run.finish())


@pytest.mark.nightly
@pytest.mark.parametrize(
    "server", ["PostgreSQL on a small disk", "MariaDB on a small disk"], indirect=True
)
def test_the_disk_is_full_for_some_seconds(run, right):
    begin(run)
    run.server.disk.fill()
    run.gateway.let_go()
    time.sleep(AWAY)
    run.server.mend()
    run.end_wishing()
    right(run.finish())


def test_the_server_has_fewer_connections_than_there_are_threads(run, right):
    run.server.limit_connections(10)
    worker = run.start_worker("--loop", "--workers", "16")
    run.wish(WISHES)
    wait_until(lambda: "The pass failed" in worker.said)
    time.sleep(AWAY)
    right(run.finish())
    assert worker.said.count("The pass failed") == 1
