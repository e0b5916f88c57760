"""Where Chromium, Playwright or axe-core is missing, a laptop may skip and CI may not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.browser import requirements
from tests.browser.sites import ROOT

# CI_REQUIRE_ALL, and what then becomes of a test that lacks something.
OUTCOMES = [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
NEEDY = "tests/browser/test_pages.py::test_what_breaks_the_policy_is_noticed"


def told_of_a_browser_test(**variables: str) -> str:
    """Run one browser test in a pytest of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", NEEDY],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_without_chromium_a_laptop_skips_and_says_why(tmp_path):
    told = told_of_a_browser_test(PATH=str(tmp_path), CI_REQUIRE_ALL="")
    assert "1 skipped" in told
    assert "no program chromium on the PATH (apt-get install chromium)" in told


def test_without_chromium_ci_fails(tmp_path):
    told = told_of_a_browser_test(PATH=str(tmp_path), CI_REQUIRE_ALL="1")
    assert "1 error" in told or "1 failed" in told
    assert "CI_REQUIRE_ALL=1, but no program chromium" in told


@pytest.mark.parametrize(("required", "outcome"), OUTCOMES)
def test_without_axe_core_and_npm_it_is_the_same(monkeypatch, tmp_path, required, outcome):
    monkeypatch.setattr(requirements, "AXE", tmp_path / "axe.min.js")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI_REQUIRE_ALL", required)
    with pytest.raises(outcome, match="no program npm"):
        requirements.axe_source()


@pytest.mark.parametrize(("required", "outcome"), OUTCOMES)
def test_without_a_python_package_it_is_the_same(monkeypatch, required, outcome):
    monkeypatch.setenv("CI_REQUIRE_ALL", required)
    with pytest.raises(outcome, match="no_such_package is not installed"):
        requirements.need("no_such_package")
