"""run_fake_alipay: serve FakeAlipay to a shop in development."""

from __future__ import annotations

import json
import math
import os
import ssl
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from django_alipay_cancel.alipay.key_text import InvalidKey
from django_alipay_cancel.alipay.signing import load_private_key
from django_alipay_cancel.management.stopping import stop_signals
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.certificates import serve_with_own_authority
from django_alipay_cancel.testing.control import add_payment
from django_alipay_cancel.testing.fake_payment import Status
from django_alipay_cancel.testing.keys import Keys, private_key_text

DEFAULT_PORT = 8321


class Command(BaseCommand):
    """Print what to put into ALIPAY_CANCEL and the payments there are, then serve until Ctrl-C."""

    requires_system_checks: list[str] = []  # it makes the settings that the checks would miss

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = gettext(
            "Serves a gateway to develop against, on loopback, with throw-away keys. Addresses "
            "under /fake/ control it from another process."
        )
        parser.add_argument(
            "--port", type=int, default=DEFAULT_PORT, help=gettext("0 takes a free one")
        )
        parser.add_argument(
            "--tls",
            type=Path,
            nargs="?",
            const=Path("fake-alipay-ca.pem"),
            metavar="PATH",
            help=gettext(
                "serve HTTPS as Alipay's SDKs ask for, and write the certificate that they have to "
                "trust there (default: fake-alipay-ca.pem)"
            ),
        )
        parser.add_argument(
            "--latency", type=float, default=0.0, help=gettext("seconds per answer")
        )
        parser.add_argument(
            "--payments",
            type=Path,
            metavar="PATH",
            help=gettext(
                "a JSON list of payments, each with the arguments of FakeAlipay.add_payment; "
                "without it, there is one payment per status"
            ),
        )
        parser.add_argument(
            "--settings-file",
            type=Path,
            metavar="PATH",
            help=gettext(
                "write the ALIPAY_CANCEL setting there as JSON; a restart keeps its keys "
                "(Alipay's own private key is kept in PATH.alipay-key)"
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["settings_file"]
        keys = _kept_keys(path) if path else None
        ca_file: Path | None = options["tls"] and options["tls"].absolute()
        gateway = FakeAlipay(
            port=options["port"],
            latency=options["latency"],
            keys=keys,
            tls=_tls(ca_file) if ca_file else None,
            ca_bundle=str(ca_file) if ca_file else None,
        )
        _add_payments(gateway, options["payments"])
        try:
            gateway.start()
        except (OSError, OverflowError) as error:
            raise CommandError(
                gettext("Port %(port)d cannot be used: %(error)s")
                % {"port": options["port"], "error": error}
            ) from error
        try:
            if path:
                _keep(path, gateway)
            # A supervisor's SIGTERM shall close the port as Ctrl-C does.
            with stop_signals() as stop:
                if ca_file:
                    self._point_the_sdks(gateway, ca_file)
                self._introduce(gateway)
                stop.wait(math.inf)
            self.stdout.write(gettext("Stopped."))
        finally:
            gateway.stop()

    def _introduce(self, gateway: FakeAlipay) -> None:
        setting = json.dumps(_setting(gateway), indent=4)
        warning = gettext("Throw-away keys, worthless anywhere else.")
        self.stdout.write(f"# {warning}")
        self.stdout.write(f"ALIPAY_CANCEL = {setting}")
        for payment in gateway.payments:
            self.stdout.write(
                f"{payment.status:<11}{payment.amount_value:>8} {payment.amount_currency} "
                f"{payment.method:<13} {payment.payment_request_id}  {payment.payment_id}"
            )
        self.stdout.write(gettext("Serving %(url)s until Ctrl-C.") % {"url": gateway.url})
        self.stdout.flush()

    def _point_the_sdks(self, gateway: FakeAlipay, ca_file: Path) -> None:
        advice = gettext(
            "Alipay's own SDKs: give them https://localhost as the gateway and let them trust the "
            "certificate. They connect to port 443, whatever the address says."
        )
        port = urlsplit(gateway.url).port
        self.stdout.write(f"# {advice}")
        if port != 443:
            hint = gettext("This one serves port %(port)d; --port 443 needs the right to use it.")
            self.stdout.write(f"# {hint % {'port': port}}")
        self.stdout.write(f"# Python, Go:  export SSL_CERT_FILE={ca_file}")
        self.stdout.write(f"# Node.js:     export NODE_EXTRA_CA_CERTS={ca_file}")
        self.stdout.write(
            f"# Java:        keytool -importcert -noprompt -file {ca_file}"
            " -keystore fake-alipay.jks -storepass changeit"
        )
        self.stdout.write("#              java -Djavax.net.ssl.trustStore=fake-alipay.jks ...")


def _tls(ca_file: Path) -> ssl.SSLContext:
    try:
        return serve_with_own_authority(ca_file)
    except OSError as error:
        raise CommandError(
            gettext("%(path)s cannot be written: %(error)s") % {"path": ca_file, "error": error}
        ) from error


def _setting(gateway: FakeAlipay) -> dict[str, Any]:
    return {"MERCHANTS": {"default": gateway.merchant_settings()}}


def _add_payments(gateway: FakeAlipay, path: Path | None) -> None:
    if path is None:
        for status in Status:
            gateway.add_payment(payment_request_id=f"demo-{status.lower()}", status=status)
        return
    try:
        for entry in json.loads(path.read_text()):
            add_payment(gateway, entry)
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(
            gettext("%(path)s cannot be used: %(error)s") % {"path": path, "error": error}
        ) from error


def _kept_keys(path: Path) -> Keys | None:
    key_path = _key_path(path)
    if not path.exists() or not key_path.exists():
        return None
    try:
        merchant = json.loads(path.read_text())["MERCHANTS"]["default"]["PRIVATE_KEY"]
        return Keys(load_private_key(merchant), load_private_key(key_path.read_text()))
    except (OSError, ValueError, KeyError, TypeError, InvalidKey) as error:
        raise CommandError(
            gettext("%(path)s holds no keys of a fake gateway; remove it.") % {"path": path}
        ) from error


def _keep(path: Path, gateway: FakeAlipay) -> None:
    try:
        _write(_key_path(path), private_key_text(gateway.keys.alipay))
        _write(path, json.dumps(_setting(gateway), indent=4))
    except OSError as error:
        raise CommandError(
            gettext("%(path)s cannot be written: %(error)s") % {"path": path, "error": error}
        ) from error


def _key_path(path: Path) -> Path:
    # Not in the file itself: its content is the setting, and a shop never has Alipay's key.
    return path.with_name(path.name + ".alipay-key")


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, readable by nobody else."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
