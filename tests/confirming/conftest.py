"""The command, run against a gateway of this process."""

from __future__ import annotations

import io
import json
from functools import partial

import pytest
from django.core.management import call_command

from django_alipay_cancel.confirming import run as confirming
from django_alipay_cancel.management.commands import confirm_gateway


@pytest.fixture
def confirm(gateway, settings, tmp_path, monkeypatch):
    """Run the command against ``gateway``; return what it printed and the points of its file."""
    # A lost cancel has arrived when the run goes on; its answer is not read all the same.
    monkeypatch.setattr(confirming, "READS_FOR", 5)
    file = tmp_path / "confirmed.json"

    def run(*arguments, gateway=gateway, **changes):
        # Seconds in which a payment expires, or in which nothing comes, pass at once.
        monkeypatch.setattr(confirm_gateway, "sleep", gateway.advance)
        its_run = partial(confirming.Run, now=lambda: gateway.now)
        monkeypatch.setattr(confirm_gateway, "Run", its_run)
        entry = gateway.merchant_settings() | changes
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"sandbox": entry}, "TIMEOUT": (1, 5)}
        out = io.StringIO()
        call_command(
            "confirm_gateway", "--merchant=sandbox", f"--output={file}", *arguments,
            stdout=out, no_color=True,
        )  # fmt: skip
        return out.getvalue(), json.loads(file.read_text())["points"]

    run.file = file
    return run
