"""The routes in the world of a host: its REST framework's settings change no documented answer."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime

import pytest

from tests.api.host import HOSTS
from tests.servers import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.once]


def asked(name):
    """What that host answers."""
    run = [sys.executable, "-m", "tests.api.host", name]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def times(document):
    """All that a document gives as a time."""
    for name, value in document.items():
        if name.endswith("_at") and value:
            yield value
        for each in value if isinstance(value, list) else ():
            yield from times(each)


@pytest.mark.parametrize("name", HOSTS)
def test_no_setting_of_a_host_changes_a_documented_answer(name):
    told = asked(name)
    statuses = [each["status"] for each in told]
    # The host's own throttle counts our routes too: six an hour, and the seventh is refused.
    assert statuses == [200, 200, 202, 200, 400, 200, 429 if name == "throttles" else 200]
    listed, payment, wish, followed, refused, refreshed, last = (each["body"] for each in told)
    assert set(listed) == {"results", "next", "previous"}
    assert len(listed["results"]) == 2
    assert payment["payment_request_id"] == "1"
    assert wish["id"] == followed["id"]
    assert (refused["code"], refused["field"]) == ("unknown", "colour")
    for document in (*listed["results"], payment, wish, followed, refreshed):
        found = list(times(document))
        assert found
        assert all(datetime.fromisoformat(each).tzinfo for each in found)
    if name == "throttles":
        assert last["code"] == "throttled"
    else:
        assert [row["id"] for row in last["results"]] == [wish["id"]]
