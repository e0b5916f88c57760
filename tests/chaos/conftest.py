"""Servers that start when the first test wants them, and a run for each test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.chaos.disk import SmallDisk
from tests.chaos.mariadb import MariaDB
from tests.chaos.postgresql import PostgreSQL
from tests.chaos.run import Run
from tests.chaos.servers import OwnServer
from tests.chaos.table import Books, note

# What a server's name ends with whose disk can be filled.
SMALL = " on a small disk"
# The driver of each server, which the extra `test` does not install.
_SERVERS = {"PostgreSQL": (PostgreSQL, "psycopg"), "MariaDB": (MariaDB, "MySQLdb")}


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], OwnServer]]:
    """Return the server of this name, with the shop's tables in it."""
    started: dict[str, OwnServer] = {}

    def get(name: str) -> OwnServer:
        if name not in started:
            disk = _small_disk() if name.endswith(SMALL) else None
            started[name] = _start(name.removesuffix(SMALL), disk)
        return started[name]

    yield get
    for server in started.values():
        server.remove()


@pytest.fixture(params=list(_SERVERS))
def server(request: pytest.FixtureRequest, servers: Callable[[str], OwnServer]) -> OwnServer:
    """Each server in turn, unless the test names one."""
    server = servers(request.param)
    request.addfinalizer(server.mend)
    return server


@pytest.fixture
def run(
    request: pytest.FixtureRequest, server: OwnServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """A run on this server, from empty tables on."""
    run = Run(request.node.name, server, tmp_path_factory.mktemp("logs"))
    yield run
    run.end()


@pytest.fixture
def right(record_property: Callable[[str, object], None]) -> Callable[[Books], None]:
    """Print the table of a run, and refuse it when the books disagree."""

    def check(books: Books) -> None:
        note(books, record_property)
        assert books.agree, books

    return check


def _small_disk() -> SmallDisk:
    try:
        return SmallDisk(megabytes=400)
    except OSError as error:
        pytest.skip(f"left out: a full disk (no file system can be mounted: {error})")


def _start(name: str, disk: SmallDisk | None) -> OwnServer:
    kind, driver = _SERVERS[name]
    missing = kind.missing()
    try:
        __import__(driver)
    except ImportError:
        missing.append(driver)
    if missing and os.environ.get("CI_REQUIRE_ALL") == "1":
        pytest.fail(f"{name}: missing {', '.join(missing)}")
    if missing:
        pytest.skip(f"left out: {name} (missing: {', '.join(missing)})")
    server = kind(disk)
    environ = {**os.environ, "TEST_DATABASE_URL": server.url}
    environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    migrate = [sys.executable, "-W", "ignore", "-m", "django", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, env=environ, check=True)
    return server
