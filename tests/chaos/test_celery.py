"""Celery is killed in the middle of its tasks, and its broker forgets everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from tests.chaos.gateway import wait_until
from tests.servers import free_port

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.parametrize(
        "server", ["PostgreSQL", pytest.param("MariaDB", marks=pytest.mark.nightly)], indirect=True
    ),
]

WISHES = 100 if os.environ.get("NIGHTLY") else 8
PROCESSES = 2


@pytest.fixture
def broker(tmp_path):
    """A Redis of this test's own."""
    redis = pytest.importorskip("redis")
    program = shutil.which("redis-server")
    if program is None:
        if os.environ.get("CI_REQUIRE_ALL") == "1":
            pytest.fail("redis-server is missing")
        pytest.skip("left out: Celery (no redis-server)")
    port = free_port()
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    client = redis.Redis(port=port)
    try:
        wait_until(lambda: answers(client))
        client.url = f"redis://127.0.0.1:{port}/0"
        yield client
    finally:
        client.close()
        server.kill()
        server.wait()


def answers(client):
    import redis

    try:
        return client.ping()
    except redis.ConnectionError:
        return False


def test_celery_is_killed_and_its_broker_flushed(run, right, broker):
    environ = {**run.environ(), "CHAOS_BROKER": broker.url}

    def start_celery():
        options = ("--concurrency", str(PROCESSES), "--loglevel", "WARNING")
        return run.start("celery", "-A", "tests.chaos.celery_app", "worker", *options, **environ)

    run.wish(WISHES)
    run.gateway.keep_back()
    site = run.start_shop(broker=broker.url)
    site.order("send_tasks")
    killed = start_celery()
    run.wait_for_calls(PROCESSES)
    killed.kill()
    broker.flushall()
    run.gateway.let_go()
    start_celery()

    def swept():
        site.order("send_sweep")
        time.sleep(0.5)
        return not run.shop.order("left")

    wait_until(swept)
    right(run.finish())
