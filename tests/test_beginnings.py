"""How a newcomer starts things: the fake gateway before its settings file is there, and make."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent


def test_the_shop_starts_before_the_fake_gateway_has_written_its_settings(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SHOP_ALIPAY_SETTINGS": str(tmp_path / "none")}
    command = [sys.executable, str(ROOT / "example_project/manage.py"), "run_fake_alipay", "--help"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize(("given", "port"), [([], "8000"), (["PORT=8123"], "8123")])
def test_make_serve_takes_the_port(given, port):
    command = ["make", "--dry-run", "serve", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert f"example_project/serve.py --port {port}\n" in done.stdout
