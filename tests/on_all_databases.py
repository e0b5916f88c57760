"""Run the test suite on SQLite, and on each server that the environment names: make test.

TEST_POSTGRES_URL (postgres://user@host:port/name) and TEST_MARIADB_URL (mysql://...) name servers
on which a test database may be created. With CI_REQUIRE_ALL=1 leaving one out is an error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SERVERS = {
    "PostgreSQL": ("TEST_POSTGRES_URL", "psycopg[binary]"),
    "MariaDB": ("TEST_MARIADB_URL", "mysqlclient"),
}
# What has nothing to do with the database is tested in the pass on SQLite.
ON_SERVERS = ["-m", "not nightly and not once"]


def main(arguments: list[str]) -> int:
    """Run pytest once per database; return the exit status for the shell."""
    servers, left_out = {}, []
    for name, (variable, driver) in SERVERS.items():
        url = os.environ.get(variable)
        if not url:
            left_out.append(f"{name} ({variable} is not set)")
            continue
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", driver], check=True)
        servers[name] = url
    # Most tests wait for something, so that two passes at once take little longer than one.
    with ThreadPoolExecutor(1) as beside:
        passes = {
            name: beside.submit(_passes_unseen, name, url, [*ON_SERVERS, *arguments])
            for name, url in servers.items()
        }
        print("The suite on SQLite:", flush=True)
        passed = {"SQLite": _passes("sqlite://", arguments)}
        passed |= {name: result.result() for name, result in passes.items()}
    failed = [name for name, well in passed.items() if not well]
    print(f"Failed on: {', '.join(failed) or 'none'}. Left out: {', '.join(left_out) or 'none'}.")
    return bool(failed or (left_out and os.environ.get("CI_REQUIRE_ALL") == "1"))


def _passes(url: str, arguments: list[str], output: int | None = None) -> bool:
    environment = {**os.environ, "TEST_DATABASE_URL": url}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    done = subprocess.run(
        command, env=environment, stdout=output, stderr=output and subprocess.STDOUT, check=False
    )
    return done.returncode == 0


def _passes_unseen(name: str, url: str, arguments: list[str]) -> bool:
    """Run a pass beside another one, and print its output when it is over."""
    with tempfile.TemporaryFile() as output:
        passed = _passes(url, arguments, output.fileno())
        output.seek(0)
        text = output.read().decode(errors="replace")
    print(f"The suite on {name}:\n{text}", flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
