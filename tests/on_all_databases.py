"""Run the test suite on SQLite, and on each server that the environment names: make test.

TEST_POSTGRES_URL (postgres://user@host:port/name) and TEST_MARIADB_URL (mysql://...) name servers
on which a test database may be created. With CI_REQUIRE_ALL=1 leaving one out is an error. With
--coverage the package's branch coverage over all of them together is measured: make coverage.
"""

from __future__ import annotations

import os
import subprocess
import sys

SERVERS = {
    "PostgreSQL": ("TEST_POSTGRES_URL", "psycopg[binary]"),
    "MariaDB": ("TEST_MARIADB_URL", "mysqlclient"),
}
COVERAGE = ("coverage", "run", "-m")


def main(arguments: list[str]) -> int:
    """Run pytest once per database; return the exit status for the shell."""
    measured = "--coverage" in arguments
    command = [sys.executable, "-m", *COVERAGE] if measured else [sys.executable, "-m"]
    command += ["pytest", "-q", *(each for each in arguments if each != "--coverage")]
    if measured:
        _coverage("erase")
    failed = [] if _passes("SQLite", "sqlite://", command) else ["SQLite"]
    left_out = []
    for name, (variable, driver) in SERVERS.items():
        url = os.environ.get(variable)
        if not url:
            left_out.append(f"{name} ({variable} is not set)")
            continue
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", driver], check=True)
        if not _passes(name, url, command):
            failed.append(name)
    if measured:
        _coverage("combine", "--quiet")
        if not _coverage("report"):
            failed.append("coverage")
    print(f"Failed on: {', '.join(failed) or 'none'}. Left out: {', '.join(left_out) or 'none'}.")
    return bool(failed or (left_out and os.environ.get("CI_REQUIRE_ALL") == "1"))


def _coverage(*command: str) -> bool:
    return subprocess.run([sys.executable, "-m", "coverage", *command], check=False).returncode == 0


def _passes(name: str, url: str, command: list[str]) -> bool:
    print(f"The suite on {name}:", flush=True)
    environment = {**os.environ, "TEST_DATABASE_URL": url}
    return subprocess.run(command, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
