"""The official SDK in an environment of its own, since it pins an old cryptography."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from django_alipay_cancel.alipay.signing import load_private_key

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
        try:
            aside.rename(environment)
        except OSError:
            if not environment.exists():  # else a run beside us was quicker
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def private_key_for_the_sdk(text: str) -> str:
    """Return the merchant's key as PKCS#1: the SDK cannot read the PKCS#8 of Alipay's console."""
    key = load_private_key(text)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return pem.decode()


def order_for(
    merchant: Mapping[str, Any], calls: Sequence[Mapping[str, str]], **changes: Any
) -> dict[str, Any]:
    """Return what `official_sdk.py` is told, for an entry of MERCHANTS."""
    return {
        "port": int(merchant["GATEWAY_URL"].rpartition(":")[2]),
        "client_id": merchant["CLIENT_ID"],
        "private_key": private_key_for_the_sdk(merchant["PRIVATE_KEY"]),
        "alipay_public_key": merchant["ALIPAY_PUBLIC_KEY"],
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
