"""Starting other processes on the test database."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from django.conf import settings
from django.db import connection


def database_url() -> str:
    """Return the URL of the test database as tests.settings reads it."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite://{known['NAME']}"
    scheme = {"postgresql": "postgres", "mysql": "mysql"}[connection.vendor]
    login = known["USER"] + (f":{known['PASSWORD']}" if known["PASSWORD"] else "")
    return f"{scheme}://{login}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


def environment() -> dict[str, str]:
    """Return the environment in which a process uses the test database."""
    return {**os.environ, "TEST_DATABASE_URL": database_url()}


def start_actor(**order) -> subprocess.Popen:
    """Start tests.actor with this order, on the test database and with the test's settings."""
    order.setdefault("alipay_cancel", settings.ALIPAY_CANCEL)
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.actor", json.dumps(order)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(process: subprocess.Popen) -> dict:
    """Wait for an actor that is to live, and return what it told."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(output)
