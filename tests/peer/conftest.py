"""The SDK, or a skip where no package index has it; and one far end for a module."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from tests.peer.environment import NotAvailable, sdk_python
from tests.peer.far_end import FarEnd
from tests.testing.test_run_fake_alipay import running, url_in


@pytest.fixture(scope="session", autouse=True)
def _the_sdk() -> None:
    try:
        sdk_python()
    except NotAvailable as error:
        if os.environ.get("CI_REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def far_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarEnd]:
    folder = tmp_path_factory.mktemp("far-end")
    ca_file, settings = folder / "ca.pem", folder / "alipay.json"
    with running("--tls", str(ca_file), "--settings-file", str(settings)) as (_, printed):
        merchant = json.loads(settings.read_text())["MERCHANTS"]["default"]
        assert merchant["GATEWAY_URL"] == url_in(printed)
        yield FarEnd(merchant, ca_file)
