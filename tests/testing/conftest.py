"""A running gateway, without Django, and a merchant to be notified."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from django_alipay_cancel.testing import FakeAlipay
from tests.testing.merchant import Merchant


@pytest.fixture
def gateway() -> Iterator[FakeAlipay]:
    with FakeAlipay() as gateway:
        yield gateway


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    server = Merchant()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
