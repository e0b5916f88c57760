"""benchmarks/rest_load.py in a small form: it runs, and what it measures is real."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from django.db import connection

from tests.processes import database_url
from tests.servers import ROOT, require

pytestmark = pytest.mark.slow


def test_many_people_at_once_get_answers_and_no_5xx() -> None:
    require("gunicorn")
    # A SQLite file of its own; on a server a database of its own.
    database = "sqlite://" if connection.vendor == "sqlite" else database_url()
    done = subprocess.run(
        [
            *(sys.executable, ROOT / "benchmarks" / "rest_load.py", f"--database={database}"),
            *("--clients=5", "--seconds=3"),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(r"([\d.]+) (.+)/s   p50 +(\d+) ms   p95 +(\d+) ms", done.stdout)
    assert [name for _, name, _, _ in told] == ["cancellations", "looks at one", "lists of 50"]
    for rate, name, p50, p95 in told:
        assert float(rate) > 0 and int(p50) <= int(p95), name
    cancelling = int(told[0][2])
    assert cancelling >= 100, "FakeAlipay takes that long alone"
    assert "0 failures" in done.stdout
