"""What demo.py and serve.py play on: FakeAlipay, a fresh database, the shop's settings for both."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management.utils import get_random_secret_key

from django_alipay_cancel.testing import FakeAlipay

# Seconds without a result after which a payment at the till is cancelled by itself; what was
# recorded longer ago is left to whoever looks on.
UNRESOLVED = {"CANCEL_UNRESOLVED_AFTER": 25, "CANCEL_UNRESOLVED_WITHIN": 3600}
# Aliases of merchants that cannot work: nothing listens there; Alipay does not know that key.
UNREACHABLE = "unreachable"
WRONG_KEY = "wrong-key"


@contextmanager
def stage() -> Iterator[FakeAlipay]:
    """Set Django up on a temporary directory that goes away at the end; yield the gateway.

    Processes started meanwhile find the same database and gateway through the environment.
    """
    with (
        tempfile.TemporaryDirectory(prefix="alipay-cancel-shop-") as directory,
        FakeAlipay() as gateway,
    ):
        settings_file = Path(directory, "alipay.json")
        settings_file.write_text(json.dumps({"MERCHANTS": _merchants(gateway), **UNRESOLVED}))
        os.environ["DJANGO_SETTINGS_MODULE"] = os.environ.get("SHOP_SETTINGS", "shop.settings")
        os.environ["SHOP_ALIPAY_SETTINGS"] = str(settings_file)
        os.environ["SHOP_DATABASE"] = str(Path(directory, "shop.sqlite3"))
        os.environ["SHOP_MAILS"] = str(Path(directory, "mails"))
        os.environ["SHOP_SECRET_KEY"] = get_random_secret_key()
        os.environ["SHOP_LOG_LEVEL"] = "CRITICAL"  # the troubles of the scenarios are wanted
        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        try:
            yield gateway
        finally:
            connections.close_all()


def _merchants(gateway: FakeAlipay) -> dict[str, dict[str, object]]:
    right = gateway.merchant_settings()
    return {
        "default": right,
        UNREACHABLE: {**right, "GATEWAY_URL": "http://127.0.0.1:9"},
        WRONG_KEY: {**right, "PRIVATE_KEY": _unknown_key()},
    }


def _unknown_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
