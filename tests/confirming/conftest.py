"""The command, run against a gateway of this process."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command

from django_alipay_cancel.management.commands import confirm_gateway


@pytest.fixture
def confirm(gateway, settings, tmp_path, monkeypatch):
    """Run the command against ``gateway``; return what it printed and the points of its file."""
    # Ninety seconds in which a payment expires; the gateway's clock passes them at once.
    monkeypatch.setattr(confirm_gateway, "sleep", gateway.advance)
    file = tmp_path / "confirmed.json"

    def run(*arguments, gateway=gateway, **changes):
        monkeypatch.setattr(confirm_gateway, "sleep", gateway.advance)
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
