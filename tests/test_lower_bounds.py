"""What setup.cfg lets be installed is safe as far as is known."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent

# The first version of each line without the named fault, and the fault.
SAFE = {
    "django": ("5.2.8", "CVE-2025-64459: SQL injection through _connector"),
    "djangorestframework": ("3.15.2", "CVE-2024-21520: a script in the browsable API"),
    "requests": ("2.32.4", "CVE-2024-47081: .netrc given to another host"),
    "urllib3": ("2.5", "CVE-2025-50181: redirects followed that were switched off"),
    "cryptography": ("44.0.1", "CVE-2024-12797: OpenSSL in its wheels"),
}


def required():
    """The app's own requirements, by name."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options"]["install_requires"].split("\n")
    wanted = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return {requirement.name.lower(): requirement for requirement in wanted}


@pytest.mark.parametrize("name", SAFE)
def test_no_version_with_a_known_fault_satisfies_the_requirements(name):
    safe, fault = SAFE[name]
    [lower] = [each for each in required()[name].specifier if each.operator == ">="]
    assert Version(lower.version) >= Version(safe), fault


def test_one_environment_is_tested_with_every_lower_bound():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    assert "--resolution lowest-direct" in config["testenv:lowest"]["commands_pre"]
    assert "lowest" in config["tox"]["labels"]
