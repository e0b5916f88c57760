"""The official SDK in an environment of its own, since it pins an old cryptography."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.keys import public_key_text

VERSION = "1.7.1"
ROOT = Path(__file__).parent.parent.parent
RUNNER = Path(__file__).parent / "official_sdk.py"


class NotAvailable(Exception):
    """The environment cannot be made, for want of a package index for example."""


def sdk_python() -> Path:
    """Return the Python that has the SDK; make its environment when there is none yet."""
    name = f"official-sdk-{VERSION}-python{sys.version_info.major}.{sys.version_info.minor}"
    environment = ROOT / ".cache" / name
    if not environment.exists():
        _make(environment)
    return environment / "bin" / "python"


def _make(environment: Path) -> None:
    environment.parent.mkdir(exist_ok=True)
    # Made aside and moved: a run that was broken off, or one beside us, leaves nothing half done.
    aside = Path(tempfile.mkdtemp(dir=environment.parent))
    try:
        for command in (
            [sys.executable, "-m", "venv", str(aside)],
            [str(aside / "bin/python"), "-m", "pip", "install", "--quiet",
             f"global-open-sdk-python=={VERSION}"],
        ):  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NotAvailable(f"The official SDK {VERSION}: {done.stderr.strip()[-500:]}")
        if not environment.exists():
            aside.rename(environment)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def private_key_for_the_sdk(key: RSAPrivateKey) -> str:
    """Return `key` as PKCS#1: the SDK cannot read the PKCS#8 of Alipay's own console."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()


def order_for(gateway: FakeAlipay, calls: list[dict[str, str]], **changes: Any) -> dict[str, Any]:
    """Return what `official_sdk.py` is told, for the one merchant of this gateway."""
    return {
        "port": int(gateway.url.rpartition(":")[2]),
        "client_id": gateway.client_id,
        "private_key": private_key_for_the_sdk(gateway.keys.merchant),
        "alipay_public_key": public_key_text(gateway.keys.alipay.public_key()),
        "threads": 1,
        "calls": calls,
        **changes,
    }


def call_with_the_sdk(order: dict[str, Any], ca_bundle: Path) -> dict[str, Any]:
    """Carry out `order` in a process of the SDK's own, which trusts `ca_bundle` alone."""
    done = subprocess.run(
        [str(sdk_python()), str(RUNNER)],
        input=json.dumps(order),
        env={**os.environ, "SSL_CERT_FILE": str(ca_bundle)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The process with the official SDK failed: {done.stderr}")
    told: dict[str, Any] = json.loads(done.stdout)
    return told
