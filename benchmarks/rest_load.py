"""How many people the REST routes serve at once: python benchmarks/rest_load.py.

Each of CLIENTS people cancels one payment after the other over REST, looks at the cancellation and
at the list of payments, at the example shop under gunicorn, with FakeAlipay answering after LATENCY
seconds. Prints the throughput and how long requests took; the exit status is 1 when one failed.
Needs the extra `test`; runs on the database server of TEST_POSTGRES_URL, else on SQLite.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import sys
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

from tests.shop_site import Shop, shop

# Payments per second that are made ready: more than two cores cancel.
READY = 120
# Seconds in which one answer has to come.
PATIENCE = 60


@dataclass
class Load:
    """What was asked, and what came of it."""

    seconds: float = 0.0
    # Seconds, by what was asked for.
    took: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(map(len, self.took.values()))

    def report(self) -> str:
        """Return the figures as a table."""
        lines = [f"{self.requests / self.seconds:8.1f} requests/s in {self.seconds:.1f} s"]
        for name, took in self.took.items():
            rate = len(took) / self.seconds
            p50, p95 = percentile(took, 50), percentile(took, 95)
            lines.append(f"{rate:8.1f} {name}/s   p50 {p50:6.0f} ms   p95 {p95:6.0f} ms")
        return "\n".join([*lines, f"{len(self.failures):8} failures (5xx, or no answer)"])


def percentile(took: list[float], share: int) -> float:
    """Return that percentile of some durations, in milliseconds."""
    return statistics.quantiles(took, n=100, method="inclusive")[share - 1] * 1000


class Client:
    """One person: a connection that is kept, and one request after the other."""

    def __init__(self, site: Shop, load: Load) -> None:
        self._headers, self._load = site.headers("operator"), load
        self._connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=PATIENCE)

    def ask(self, name: str, method: str, address: str) -> dict[str, object]:
        """Return the answer's body, empty for a failure; keep how long it took."""
        started = time.monotonic()
        try:
            self._connection.request(method, address, headers=self._headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._load.failures.append(f"{name}: {error!r}")
            self._connection.close()
            return {}
        if response.status >= 400:
            self._load.failures.append(f"{name}: {response.status} {body[:200]!r}")
            return {}
        self._load.took.setdefault(name, []).append(time.monotonic() - started)
        answer: dict[str, object] = json.loads(body)
        return answer

    def work(self, payments: list[str], until: float) -> None:
        """Cancel and look, until the time is over."""
        while time.monotonic() < until:
            address = f"/alipay/payments/{payments.pop()}/cancellations/"
            cancellation = self.ask("cancellations", "POST", address)
            if cancellation:
                self.ask("looks at one", "GET", f"/alipay/cancellations/{cancellation['id']}/")
            self.ask("lists of 50", "GET", "/alipay/payments/")
        self._connection.close()


def measure(
    database: str, *, clients: int, seconds: float, latency: float, workers: int, threads: int
) -> Load:
    """Put the load on a new shop, and return what came of it."""
    ready = int(READY * seconds) + 2 * clients
    with shop(database, payments=ready, latency=latency, workers=workers, threads=threads) as site:
        warm = Load()
        for _ in range(workers):
            Client(site, warm).ask("first", "GET", "/alipay/payments/")
        load, started = Load(), time.monotonic()
        people = [
            threading.Thread(
                target=Client(site, load).work, args=(site.payments, started + seconds)
            )
            for _ in range(clients)
        ]
        for person in people:
            person.start()
        for person in people:
            person.join()
        load.seconds = time.monotonic() - started
    return load


def main() -> int:
    """Measure with the arguments of the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--latency", type=float, default=0.1, help="of FakeAlipay, in seconds")
    parser.add_argument("--workers", type=int, default=4, help="processes of gunicorn")
    parser.add_argument("--threads", type=int, default=16, help="threads of each")
    parser.add_argument(
        "--database",
        default=os.environ.get("TEST_POSTGRES_URL", "sqlite://"),
        help="sqlite://, postgres://user@host/name or mysql://...",
    )
    options = vars(parser.parse_args())
    import django

    django.setup()
    warnings.simplefilter("ignore")
    load = measure(**options)
    told = ", ".join(f"{name} {value}" for name, value in options.items() if name != "database")
    print(f"{told}, on {urlsplit(options['database']).scheme}\n{load.report()}")
    for failure in load.failures[:10]:
        print(failure, file=sys.stderr)
    return 1 if load.failures or not load.requests else 0


if __name__ == "__main__":
    sys.exit(main())
