"""`make serve`: the demo's data, then the site with FakeAlipay and a worker beside it."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import scenarios
from stage import stage

MANAGE = Path(__file__).with_name("manage.py")
HOST = "127.0.0.1"
# Seconds in which the site has to answer, and a process to end.
STARTING, STOPPING = 30, 20


def main() -> int:
    """Serve until Ctrl-C, SIGTERM or the end of a process; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="of the site (default 8000)")
    port = parser.parse_args().port
    if not is_free(port):
        print(f"Port {port} cannot be used; choose another: make serve PORT=8001.", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return serve(port)
    except KeyboardInterrupt:
        print("Stopped.")
        return 0


def serve(port: int) -> int:
    """Prepare the data, start site and worker, and wait until one of them ends."""
    print("Preparing the data ...", flush=True)
    with stage() as gateway:
        from logins import LOGINS, create_logins
        from play import play, seed

        buyer = create_logins()["buyer"]
        play(gateway, scenarios.PLAYED, buyer)
        for scenario in scenarios.LEFT:
            seed(gateway, scenario, buyer)
        os.environ["SHOP_LOG_LEVEL"] = "WARNING"
        os.environ["DJANGO_RUNSERVER_HIDE_WARNING"] = "true"
        with (
            running("runserver", "--noreload", f"{HOST}:{port}") as site,
            running("process_cancellations", "--loop") as worker,
        ):
            wait_until_it_answers(site, port)
            introduce(f"http://{HOST}:{port}", gateway.url, LOGINS)
            while site.poll() is None and worker.poll() is None:
                time.sleep(0.2)
            print("A process has ended; stopping.", file=sys.stderr)
            return 1


def introduce(site: str, gateway: str, logins: dict[str, str]) -> None:
    """Print what there is to open and who may sign in."""
    print(f"\nThe buyer's orders  {site}/orders/")
    print(f"The till            {site}/till/   (sign in as clerk)")
    print(f"The admin           {site}/admin/")
    print(f"The REST API        {site}/alipay/payments/")
    print(f"FakeAlipay          {gateway}")
    print(f"Mails to the buyer  {os.environ['SHOP_MAILS']}\n")
    for name, may in logins.items():
        print(f"Login {name:<9} password {name:<9} {may}")
    print("\nOrders left to cancel, and what Alipay does then:")
    for scenario in scenarios.LEFT:
        print(f"  {scenario.reference}  {scenario.story}")
    print("\nCtrl-C stops everything.", flush=True)


def is_free(port: int) -> bool:
    """Return whether the site can listen there."""
    try:
        socket.create_server((HOST, port)).close()
    except (OSError, OverflowError):
        return False
    return True


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a management command beside this process, and end it."""
    process = subprocess.Popen([sys.executable, MANAGE, *command])
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOPPING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_it_answers(site: subprocess.Popen[bytes], port: int) -> None:
    """Return once the site listens, has ended, or takes too long."""
    give_up = time.monotonic() + STARTING
    while site.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
