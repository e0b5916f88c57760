"""PostgreSQL databases of the benchmark's own, with fsync as a shop has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg

SERVER = os.environ.get("TEST_POSTGRES_URL") or "postgres://postgres@127.0.0.1:5432/postgres"


def load_django(database_url: str) -> None:
    """Let this process work on that database."""
    os.environ |= environment(database_url)
    import django

    django.setup()


def environment(database_url: str) -> dict[str, str]:
    """Return what lets a process work on that database."""
    return {"TEST_DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}


@contextmanager
def scratch_database(name: str) -> Iterator[str]:
    """Make an empty, migrated database, yield its URL, and drop it in the end."""
    name = f"{name}_{os.getpid()}"
    url = urlsplit(SERVER)._replace(path=f"/{name}").geturl()
    with psycopg.connect(SERVER, autocommit=True) as server:
        if server.execute("SHOW fsync").fetchone() != ("on",):
            raise RuntimeError("fsync is off on this PostgreSQL: no figure would be true.")
        server.execute(f"CREATE DATABASE {name}")
        try:
            run_on(url, "django", "migrate", "--skip-checks", "--verbosity", "0")
            yield url
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run_on(database_url: str, module: str, *arguments: str) -> str:
    """Run a module in a process of its own, on that database; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, *arguments],
        env={**os.environ, **environment(database_url)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def told_by(database_url: str, module: str, **order: Any) -> Any:
    """Run a module that takes its order, and tells its result, as JSON."""
    return json.loads(run_on(database_url, module, json.dumps(order)))
