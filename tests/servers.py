"""Real web servers on loopback, each in processes of its own."""

from __future__ import annotations

import atexit
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


# Bound, and never listening: nobody else is given their ports while this process lives.
_reserved: list[socket.socket] = []


def free_port() -> int:
    """Return a port for a server that sets SO_REUSEADDR, as all of these do; nobody else gets it.

    One that is only looked up can be another's before the server is up, and that server answers.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _reserved.append(held)
    return int(held.getsockname()[1])


@atexit.register
def _give_back() -> None:
    for held in _reserved:
        held.close()


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
