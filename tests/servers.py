"""Real web servers on loopback, each in processes of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
# Seconds in which a server has to listen, and to end.
STARTING, STOPPING = 60, 20


def free_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def require(tool: str) -> None:
    """Skip the test without this program of the extra `test`; in CI its lack is a failure."""
    if shutil.which(tool, path=str(Path(sys.executable).parent)):
        return
    missing = f'{tool} is missing: pip install ".[test]"'
    if os.environ.get("CI_REQUIRE_ALL") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


def require_suite_on(vendor: str, variable: str) -> None:
    """Leave the test to the run of the suite on this database; in CI there has to be one."""
    if connection.vendor == vendor:
        return
    if os.environ.get("CI_REQUIRE_ALL") == "1" and not os.environ.get(variable):
        pytest.fail(f"{variable} is not set: nothing runs this test on {vendor}.")
    pytest.skip(f"left to the suite's run on {vendor} (TEST_DATABASE_URL)")


def command(server: str, port: int, *, workers: int, threads: int) -> list[str]:
    """Return how a shop would start this server on the project that the environment names."""
    if server == "gunicorn":
        return [
            "gunicorn",
            "django.core.wsgi:get_wsgi_application()",
            f"--bind=127.0.0.1:{port}",
            f"--workers={workers}",
            f"--threads={threads}",
            "--log-level=warning",
        ]
    return [
        "uvicorn",
        "--factory",
        "django.core.asgi:get_asgi_application",
        f"--port={port}",
        f"--workers={workers}",
        "--lifespan=off",
        "--log-level=warning",
    ]


@contextmanager
def serving(
    server: str, environment: Mapping[str, str], *, workers: int = 1, threads: int = 4
) -> Iterator[str]:
    """Serve the project that the environment names; yield its address.

    Raises AssertionError with the server's log when it does not come up, or logged a traceback.
    """
    port = free_port()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command(server, port, workers=workers, threads=threads)],
            cwd=ROOT,
            env=dict(environment),
            stdout=log,
            stderr=log,
        )
        try:
            listens = _listens(process, port)
            if listens:
                yield f"http://127.0.0.1:{port}"
        finally:
            _stop(process)
        log.seek(0)
        said = log.read()
        assert listens and "Traceback" not in said, f"{server} said: {said}"


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    give_up = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
