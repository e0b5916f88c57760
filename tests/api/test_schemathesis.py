"""Whatever docs/openapi.yaml allows or forbids, sent to the example shop on PostgreSQL.

About 1,000 requests; 20,000 with NIGHTLY=1. All checks are on.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml

from tests.processes import database_url
from tests.servers import ROOT, require, require_suite_on
from tests.shop_seed import REQUEST_ID
from tests.shop_site import CSRF_TOKEN, Shop, shop

pytestmark = pytest.mark.slow

NIGHTLY = os.environ.get("NIGHTLY") == "1"
# Cases per operation and phase of one run; runs are made until so many requests have been sent.
CASES, REQUESTS = (400, 20_000) if NIGHTLY else (120, 1_000)
PAYMENTS = 60
# Seconds.
LIMIT = 5400 if NIGHTLY else 400

# What FakeAlipay does with the cancels of every so many-th payment; with the others it is right.
FAULTS = [
    {"fault": "RESULT", "result_code": "CANCEL_WINDOW_EXCEED"},
    {"fault": "RESULT", "result_code": "INVALID_SIGNATURE", "signed": False},
    {"fault": "UNKNOWN_RESULT"},
    {"fault": "ANSWER_LOST_AFTER", "calls": 1},
]


@pytest.fixture
def site(django_db_blocker):
    require("schemathesis")
    require("gunicorn")
    require_suite_on("postgresql", "TEST_POSTGRES_URL")
    alipay = {"TIMEOUT": [1, 2]}
    with (
        django_db_blocker.unblock(),
        shop(database_url(), payments=PAYMENTS, alipay=alipay) as running,
    ):
        for number in range(PAYMENTS // 2):
            order = {"payment": REQUEST_ID.format(number), "calls": None, "api": "cancel"}
            order |= FAULTS[number % len(FAULTS)]
            told = requests.post(f"{running.gateway}/fake/misbehave", json=order, timeout=10)
            assert told.status_code == 204, told.text
        yield running


def some_cancellations(site: Shop) -> list[str]:
    """Return the ids of cancellations of every kind, asked for once."""
    ids = []
    for payment in site.payments[: 3 * len(FAULTS)]:
        address = f"{site.url}/alipay/payments/{payment}/cancellations/"
        asked = requests.post(address, headers=site.headers("operator"), timeout=10)
        assert asked.status_code in (200, 201, 202), asked.text
        ids.append(asked.json()["id"])
    return ids


def document() -> dict:
    """Return the committed document with what it leaves open: sign-in and cursors."""
    described = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
    described["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        "csrfCookie": {"type": "apiKey", "in": "cookie", "name": "csrftoken"},
        "csrfHeader": {"type": "apiKey", "in": "header", "name": "X-CSRFToken"},
    }
    described["security"] = [{"session": [], "csrfCookie": [], "csrfHeader": []}]
    for operations in described["paths"].values():
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter["name"] == "cursor":
                # Whatever `next` said: no schema tells one from any other text.
                parameter["schema"]["format"] = "cursor"
    return described


def configuration(site: Shop, cancellations: list[str]) -> str:
    """Return schemathesis.toml: who asks, and ids that exist."""
    dictionaries = {
        "payments": site.payments,
        "cancellations": cancellations,
    }
    lines = ["[auth.openapi]"]
    secrets = {"session": site.sessions["operator"], "csrfCookie": CSRF_TOKEN}
    for name, key in {**secrets, "csrfHeader": CSRF_TOKEN}.items():
        lines.append(f'{name} = {{ api_key = "{key}" }}')
    for name, values in dictionaries.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines += [
        "[parameters]",
        '"path.payment_id" = { dictionary = "payments", probability = 0.8 }',
        '"path.cancellation_id" = { dictionary = "cancellations", probability = 0.8 }',
        "[warnings]",
        "fail-on = true",  # ids that are never found, for instance: then little was tested
    ]
    return "\n".join(lines)


HOOKS = """
from base64 import b64encode

import schemathesis
from hypothesis import strategies

positions = [f"p=2026-01-{day:02}+00%3A00%3A00%2B00%3A00" for day in range(1, 28)]
cursors = [b64encode(position.encode()).decode() for position in positions]
schemathesis.openapi.format("cursor", strategies.sampled_from(cursors))
"""


def run(site: Shop, directory: Path) -> int:
    """Run schemathesis once; return how many cases it sent. It must have found nothing."""
    (directory / "openapi.yaml").write_text(yaml.safe_dump(document(), sort_keys=False))
    (directory / "cursors.py").write_text(HOOKS)
    (directory / "schemathesis.toml").write_text(configuration(site, some_cancellations(site)))
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", "openapi.yaml"),
            *("--url", f"{site.url}/alipay", "--checks", "all", f"--max-examples={CASES}"),
            *("--workers=2", "--continue-on-failure", "--no-color", "--generation-database=none"),
        ],
        cwd=directory,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "cursors", "PYTHONPATH": str(directory)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout[done.stdout.index("= SUMMARY") :])
    generated = re.search(r"^  (\d+) generated, \1 passed", done.stdout, re.MULTILINE)
    assert generated is not None, done.stdout
    return int(generated[1])


@pytest.mark.timeout(LIMIT)
def test_nothing_that_is_sent_breaks_what_the_document_promises(site: Shop, tmp_path: Path) -> None:
    sent = 0
    while sent < REQUESTS:
        sent += run(site, tmp_path)
