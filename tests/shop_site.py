"""The example shop as it would run: gunicorn, a database of its own, FakeAlipay beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.db import ConnectionHandler

from tests.servers import ROOT, free_port, serving
from tests.settings import database
from tests.shop_seed import REQUEST_ID

EXAMPLE = ROOT / "example_project"
CSRF_TOKEN = "x" * 32


@dataclass(frozen=True)
class Shop:
    """A running shop: its address, a session key per login, the ids of its payments."""

    url: str
    gateway: str
    sessions: dict[str, str]
    payments: list[str]
    environment: dict[str, str]

    def headers(self, login: str) -> dict[str, str]:
        """Return the headers with which this person's browser asks."""
        cookies = f"sessionid={self.sessions[login]}; csrftoken={CSRF_TOKEN}"
        return {"Cookie": cookies, "X-CSRFToken": CSRF_TOKEN, "Accept": "application/json"}


@contextmanager
def shop(
    database_url: str,
    *,
    payments: int,
    latency: float = 0.0,
    workers: int = 2,
    threads: int = 4,
    alipay: dict[str, object] | None = None,
) -> Iterator[Shop]:
    """Serve the example shop with so many payments, on a new database of that server.

    `latency` is FakeAlipay's, in seconds per answer; `alipay` is added to ALIPAY_CANCEL.
    """
    with (
        tempfile.TemporaryDirectory(prefix="alipay-cancel-shop-") as directory,
        new_database(database_url, Path(directory)) as place,
        fake_alipay(Path(directory), payments, latency, alipay or {}) as settings_file,
    ):
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "PYTHONPATH": os.pathsep.join([str(EXAMPLE), str(ROOT)]),
            "SHOP_DATABASE": place,
            "SHOP_ALIPAY_SETTINGS": str(settings_file),
            "SHOP_SECRET_KEY": uuid.uuid4().hex,
            "SHOP_DEBUG": "0",
            "SHOP_LOG_LEVEL": "ERROR",
        }
        _run(["-m", "django", "migrate", "--verbosity=0"], environment)
        made = json.loads(_run(["-m", "tests.shop_seed", str(payments)], environment))
        with serving("gunicorn", environment, workers=workers, threads=threads) as url:
            settings = json.loads(settings_file.read_text())
            gateway = settings["MERCHANTS"]["default"]["GATEWAY_URL"]
            yield Shop(url, gateway, made["sessions"], made["payments"], environment)


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def new_database(url: str, directory: Path) -> Iterator[str]:
    """Create an empty database on the server of `url`, yield its address, and drop it."""
    if urlsplit(url).scheme == "sqlite":
        yield str(directory / "shop.sqlite3")
        return
    name = f"alipay_cancel_shop_{uuid.uuid4().hex[:12]}"
    server = ConnectionHandler({"default": database(url)})["default"]
    with server._nodb_cursor() as cursor:
        charset = " CHARACTER SET utf8mb4" if server.vendor == "mysql" else ""
        cursor.execute(f"CREATE DATABASE {name}{charset}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with server._nodb_cursor() as cursor:
            force = " WITH (FORCE)" if server.vendor == "postgresql" else ""
            cursor.execute(f"DROP DATABASE {name}{force}")


@contextmanager
def fake_alipay(
    directory: Path, payments: int, latency: float, alipay: dict[str, object]
) -> Iterator[Path]:
    """Run FakeAlipay in a process of its own; yield the file with the settings of the shop."""
    known, settings_file = directory / "payments.json", directory / "alipay.json"
    entries = [
        {"payment_request_id": REQUEST_ID.format(n), "amount_value": 1000 + n}
        for n in range(payments)
    ]
    known.write_text(json.dumps(entries))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "django", "run_fake_alipay", f"--port={free_port()}"),
            *(f"--latency={latency}", f"--payments={known}", f"--settings-file={settings_file}"),
        ],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Serving "):
                break
        assert settings_file.exists(), "".join(said)
        settings = json.loads(settings_file.read_text())
        settings_file.write_text(json.dumps({**settings, **alipay}))
        yield settings_file
    finally:
        process.terminate()
        process.communicate(timeout=20)
