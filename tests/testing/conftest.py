"""A running gateway, without Django."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from django_alipay_cancel.testing import FakeAlipay


@pytest.fixture
def gateway() -> Iterator[FakeAlipay]:
    with FakeAlipay() as gateway:
        yield gateway
