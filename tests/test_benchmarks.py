"""benchmarks/run.py in a small form: every part of it runs, and a missed ratio fails it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.db import connection

from benchmarks.figures import Figure, judge
from tests.servers import ROOT


@pytest.mark.parametrize(
    ("ratio", "limit", "missed"),
    [(1.1, 1.2, False), (1.3, 1.2, True), (None, 1.2, True), (9.0, None, False)],
)
def test_a_ratio_above_its_limit_is_named_and_fails_the_run(capsys, ratio, limit, missed):
    met = Figure(what="the other", measured="1 s", ratio=0.5, limit=1.0)
    judged = Figure(what="the queue", measured="1 s", ratio=ratio, limit=limit)
    assert judge([met, judged]) is missed
    assert capsys.readouterr().out == f"Missed: {'the queue' if missed else 'none'}.\n"


@pytest.mark.slow
def test_every_part_runs_with_small_numbers():
    if connection.vendor != "postgresql":
        pytest.skip("The benchmark measures PostgreSQL: the pass on PostgreSQL runs it.")
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "--quick"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for part in (
        "client CPU",
        "64 workers",
        "due among",
        "Celery",
        "Wish to call, idle",
        "SQL: cancel_payment, S",
    ):
        assert part in done.stdout, done.stdout


@pytest.mark.slow
def test_an_import_is_measured_on_the_database_at_hand():
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "importing.py", "20"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{connection.vendor}, 20 lines new:" in done.stdout
    assert "20 lines recorded already:" in done.stdout
