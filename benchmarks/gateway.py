"""FakeAlipay over TLS in a process of its own, so that its work is not taken for the client's."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from django_alipay_cancel.testing import FakeAlipay

PAYMENTS = 40_000  # more than all measurements together need


class GatewayProcess:
    """Serves the payments order-0 to order-39999 until the `with` ends.

    `merchant` is an entry for MERCHANTS. Its CA_BUNDLE, in `directory`, holds the usual roots and
    the gateway's own: what reading the roots costs is a part of what a client's call costs.
    """

    def __init__(self, directory: Path, *, latency: float = 0.0) -> None:
        order = {"directory": str(directory), "latency": latency}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gateway", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.merchant: dict[str, Any] = json.loads(self._read())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()  # the end of its standard input ends it

    @property
    def ca_bundle(self) -> Path:
        return Path(self.merchant["CA_BUNDLE"])

    def cpu_seconds(self) -> float:
        """Return how long the gateway has worked so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def serve(*, directory: str, latency: float) -> None:
    authority = trustme.CA()
    bundle = Path(directory) / f"roots-{os.getpid()}.pem"
    bundle.write_bytes(Path(DEFAULT_CA_BUNDLE_PATH).read_bytes() + authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    gateway = FakeAlipay(tls=context, latency=latency)
    for n in range(PAYMENTS):
        gateway.add_payment(payment_request_id=f"order-{n}", method="card")
    with gateway:
        print(json.dumps({**gateway.merchant_settings(), "CA_BUNDLE": str(bundle)}), flush=True)
        for _ in sys.stdin:
            print(time.process_time(), flush=True)


if __name__ == "__main__":
    serve(**json.loads(sys.argv[1]))
