"""Run the test suite on SQLite, and on each server that the environment names.

`make test` runs what answers within minutes; with --slow, `make test-slow`, what takes long or
starts something big, and with --coverage, `make coverage`, both, with the package's branch coverage
over all databases together. TEST_POSTGRES_URL (postgres://user@host:port/name) and TEST_MARIADB_URL
(mysql://...) name servers on which a test database may be created; with CI_REQUIRE_ALL=1 leaving
one out is an error, unless `--without PostgreSQL` says that it is tested elsewhere. `make test` is
on MariaDB with USE_TZ=False in Shanghai, as many of its shops are, `make test-slow` with aware
times. Every other argument is pytest's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

SERVERS = {
    "PostgreSQL": ("TEST_POSTGRES_URL", "psycopg[binary]"),
    "MariaDB": ("TEST_MARIADB_URL", "mysqlclient"),
}
SLOW = "(slow or browser or chaos)"
NAIVE = {"TEST_USE_TZ": "0", "TEST_TIME_ZONE": "Asia/Shanghai"}
# What has nothing to do with the database is tested in the pass on SQLite.
ON_SERVERS = "not once"


def main(arguments: list[str]) -> int:
    """Run pytest once per database; return the exit status for the shell."""
    summary = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=summary, allow_abbrev=False)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--without", choices=SERVERS, action="append", default=[])
    options, for_pytest = parser.parse_known_args(arguments)
    measured, slow = options.coverage, options.slow
    # What is measured is measured in one process; else tests that wait let others work.
    command = ["coverage", "run", "-m"] if measured else []
    command += ["pytest", "-q", *(() if measured else ("-n", "2")), *for_pytest]
    chosen = "not nightly"
    if not measured:
        chosen += f" and {SLOW}" if slow else f" and not {SLOW}"
    servers, left_out = _servers(options.without)
    if "MariaDB" in servers and not (slow or measured):
        servers["MariaDB"] |= NAIVE
    if measured:
        _python("coverage", "erase")
    # It has the browsers, other processes and servers that are killed, and waits for them.
    on_sqlite = ["-n", "3"] if slow else []
    failed = _fail_on(servers, command, chosen, on_sqlite)
    if measured:
        _python("coverage", "combine", "--quiet")
        if not _python("coverage", "report"):
            failed.append("coverage")
    print(f"Failed on: {', '.join(failed) or 'none'}.")
    for name in left_out:
        print(f"Left out: {name}; {SERVERS[name][0]} is not set.")
    for name in options.without:
        print(f"Left out: {name}, as asked for.")
    if not slow and not measured:
        print("Left out: what takes long, a browser, killed servers; make test-slow runs these.")
    return bool(failed or (left_out and os.environ.get("CI_REQUIRE_ALL") == "1"))


def _servers(without: list[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the environments of the servers that are named, and the names of the others."""
    servers, left_out = {}, []
    for name, (variable, driver) in SERVERS.items():
        if name in without:
            continue
        if url := os.environ.get(variable):
            _python("pip", "install", "--quiet", driver)
            servers[name] = {"TEST_DATABASE_URL": url}
        else:
            left_out.append(name)
    return servers, left_out


def _fail_on(
    servers: dict[str, dict[str, str]], command: list[str], chosen: str, on_sqlite: list[str]
) -> list[str]:
    """Run all passes and return the names of the databases on which one failed."""
    # Most tests wait for something, so that two passes at once take little longer than one.
    with ThreadPoolExecutor(1) as beside:
        on_server = [*command, "-m", f"{chosen} and {ON_SERVERS}"]
        passes = {
            name: beside.submit(_passes_unseen, name, on_server, environment)
            for name, environment in servers.items()
        }
        print("The suite on SQLite:", flush=True)
        command = [*command, *on_sqlite, "-m", chosen]
        passed = {"SQLite": _python(*command, TEST_DATABASE_URL="sqlite://")}
        passed |= {name: result.result() for name, result in passes.items()}
    return [name for name, well in passed.items() if not well]


def _passes_unseen(name: str, command: list[str], environment: dict[str, str]) -> bool:
    """Run a pass beside another one, and print its output when it is over."""
    with tempfile.TemporaryFile() as output:
        passed = _python(*command, output=output.fileno(), **environment)
        output.seek(0)
        text = output.read().decode(errors="replace")
    print(f"The suite on {name}:\n{text}", flush=True)
    return passed


def _python(module: str, *arguments: str, output: int | None = None, **environment: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        stdout=output,
        stderr=output and subprocess.STDOUT,
        check=False,
    )
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
