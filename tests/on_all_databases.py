"""Run the test suite on SQLite, and on each server that the environment names: make test.

The browser tests, which look at pages and not at databases, run on SQLite alone.

TEST_POSTGRES_URL (postgres://user@host:port/name) and TEST_MARIADB_URL (mysql://...) name servers
on which a test database may be created. With CI_REQUIRE_ALL=1 leaving one out is an error.
"""

from __future__ import annotations

import os
import subprocess
import sys

SERVERS = {
    "PostgreSQL": ("TEST_POSTGRES_URL", "psycopg[binary]"),
    "MariaDB": ("TEST_MARIADB_URL", "mysqlclient"),
}


def main(arguments: list[str]) -> int:
    """Run pytest once per database; return the exit status for the shell."""
    failed = [] if _passes("SQLite", "sqlite://", arguments) else ["SQLite"]
    left_out = []
    for name, (variable, driver) in SERVERS.items():
        url = os.environ.get(variable)
        if not url:
            left_out.append(f"{name} ({variable} is not set)")
            continue
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", driver], check=True)
        if not _passes(name, url, ["-m", "not nightly and not browser", *arguments]):
            failed.append(name)
    print(f"Failed on: {', '.join(failed) or 'none'}. Left out: {', '.join(left_out) or 'none'}.")
    return bool(failed or (left_out and os.environ.get("CI_REQUIRE_ALL") == "1"))


def _passes(name: str, url: str, arguments: list[str]) -> bool:
    print(f"The suite on {name}:", flush=True)
    environment = {**os.environ, "TEST_DATABASE_URL": url}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
