"""Real server processes for the browser: the test project's admin, and the example shop."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.processes import environment
from tests.servers import free_port

ROOT = Path(__file__).parent.parent.parent
SHOP = ROOT / "example_project"
# Seconds in which a site has to answer, and to end.
PATIENCE = 60


@contextmanager
def admin_site(host: str, alipay: dict[str, Any]) -> Iterator[str]:
    """Serve the test project on the test database, `host` plain or unfold; yield its address."""
    address = f"127.0.0.1:{free_port()}"
    command = ["runserver", "--noreload", "--insecure", address]
    with _running(manage(*command), admin_environment(host, alipay)) as process:
        _wait_until_it_listens(process, address)
        yield f"http://{address}"


def admin_environment(host: str, alipay: dict[str, Any]) -> dict[str, str]:
    """Return the environment of a process of the test project."""
    return {
        **environment(),
        "DJANGO_SETTINGS_MODULE": "tests.browser.admin_settings",
        "BROWSER_TEST_HOST": host,
        "BROWSER_TEST_ALIPAY": json.dumps(alipay),
    }


def manage(*command: str) -> list[str]:
    """Return the command line of a management command of the test project."""
    return [sys.executable, "-W", "ignore", "-m", "django", *command]


@contextmanager
def shop_site(scratch: Path) -> Iterator[str]:
    """Serve the example shop as `make serve` does, data, gateway and worker included."""
    address = f"127.0.0.1:{free_port()}"
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(scratch),
        "SHOP_SETTINGS": "tests.browser.shop_settings",
    }
    command = [sys.executable, str(SHOP / "serve.py"), "--port", address.rpartition(":")[2]]
    with _running(command, variables) as process:
        _wait_until_it_listens(process, address)
        yield f"http://{address}"


@contextmanager
def _running(command: list[str], variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    # What it says of errors stands beside the test that fails.
    process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        # Not SIGINT: a shell lets its background jobs ignore that.
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], address: str) -> None:
    host, _, port = address.rpartition(":")
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        assert process.poll() is None, f"The site at {address} has ended."
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"Nothing listens at {address}.")
