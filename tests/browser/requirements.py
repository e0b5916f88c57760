"""What the browser tests need of the machine; CI may not go without, a laptop may."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"


def chromium() -> str:
    """Return the path of Debian's Chromium; Playwright's own download is never used."""
    need("playwright")
    path = shutil.which("chromium")
    return path or _without("no program chromium on the PATH (apt-get install chromium)")


def need(package: str, distribution: str = "") -> None:
    """Go on only with this Python package."""
    if importlib.util.find_spec(package) is None:
        _without(f"{distribution or package} is not installed (pip install '.[test]')")


def axe_source() -> str:
    """Return the script of axe-core, installed from npm beside these tests when it is missing."""
    if not AXE.exists():
        npm = shutil.which("npm") or _without("no program npm on the PATH (apt-get install npm)")
        command = [npm, "install", "--no-package-lock", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            _without(f"npm could not install axe-core: {done.stderr[-500:]}")
    return AXE.read_text()


def _without(what: str) -> NoReturn:
    if os.environ.get("CI_REQUIRE_ALL") == "1":
        pytest.fail(f"CI_REQUIRE_ALL=1, but {what}.", pytrace=False)
    pytest.skip(f"{what}.")
