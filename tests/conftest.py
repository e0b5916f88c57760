"""Fixtures of the whole suite: a running gateway that the project's settings point at."""

from __future__ import annotations

import pytest

from django_alipay_cancel.testing import FakeAlipay


@pytest.fixture
def gateway(settings):
    """A running FakeAlipay; the project's merchant "default" is its client."""
    with FakeAlipay() as gateway:
        settings.ALIPAY_CANCEL = {
            "MERCHANTS": {"default": gateway.merchant_settings()},
            "TIMEOUT": (2, 5),
        }
        yield gateway
