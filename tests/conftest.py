"""Fixtures of the whole suite: a running gateway that the project's settings point at."""

from __future__ import annotations

from pathlib import Path

import pytest

from django_alipay_cancel.testing import FakeAlipay

HERE = Path(__file__).parent
# Folders of tests that would be the same on every database.
ONCE = {"alipay", "browser", "peer", "testing"}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).parts[0] in ONCE:
            item.add_marker("once")


@pytest.fixture
def gateway(settings):
    """A running FakeAlipay; the project's merchant "default" is its client."""
    with FakeAlipay() as gateway:
        settings.ALIPAY_CANCEL = {
            "MERCHANTS": {"default": gateway.merchant_settings()},
            "TIMEOUT": (2, 5),
        }
        yield gateway
