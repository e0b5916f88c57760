"""The routes in a shop's own OpenAPI document: described by themselves, and in nobody's way."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from tests.servers import ROOT

pytestmark = pytest.mark.once

pytest.importorskip("drf_spectacular")


@pytest.fixture(scope="module")
def described():
    """The shop's gate: what it printed, and how it ended."""
    run = [sys.executable, "-m", "tests.api.described_host"]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_shops_own_gate_stays_clean(described):
    assert described.stderr == ""
    assert described.returncode == 0


def test_the_routes_are_described_without_an_import_of_the_shop(described):
    paths = yaml.safe_load(described.stdout)["paths"]
    assert paths["/alipay/payments/{payment_id}/cancellations/"]["post"]["operationId"] == (
        "cancel_payment"
    )


def test_the_shops_words_keep_their_names_and_ours_have_theirs(described):
    schemas = yaml.safe_load(described.stdout)["components"]["schemas"]
    shops = {"Status", "Source", "Error", "Kind", "Outcome", "NextStep"}
    assert {name for name in schemas if name.endswith("Enum")} == {f"{name}Enum" for name in shops}
    assert schemas["StatusEnum"]["enum"] == ["placed", "sent"]
    assert schemas["PaymentStatus"]["enum"][0] == "PROCESSING"
    ours = {"CancellationStatus", "CancellationSource", "AttemptKind", "AttemptOutcome"}
    assert ours | {"PaymentStatus", "AttemptError", "NextStep"} <= schemas.keys()
