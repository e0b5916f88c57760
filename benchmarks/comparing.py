"""The same pages in two databases of one server, a small and a large one, measured by turns."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext, setup_test_environment

from benchmarks import year
from benchmarks.database import scratch_database
from benchmarks.pages import Page, pages
from django_alipay_cancel.testing import FakeAlipay

MOST_TIMES_LONGER = 1.5
MOST_QUERIES = 30
# How often a page that seems too slow is measured again.
_DOUBTS = 3
MERCHANTS = ["default", "tokyo", "rare"]


class Measured:
    """One of the two databases, with a person signed in, and what the pages took there."""

    def __init__(self, payments: int, url: str) -> None:
        self.payments = payments
        self.best: dict[str, float] = {}
        self.queries: dict[str, int] = {}
        self._connection = connections.create_connection("default")
        given = self._connection.settings_dict
        self._connection.settings_dict = {**given, "NAME": urlsplit(url).path.lstrip("/")}

    def fill(self) -> None:
        """Make the rows and the user."""
        self.use()
        seconds = year.make(self.payments)
        print(f"{self.payments:,} payments were made in {seconds:.0f} s.", flush=True)
        self.client = Client()
        self.client.force_login(get_user_model().objects.create_superuser("operator"))
        self.pages = {page.name: page for page in pages(MERCHANTS)}

    def use(self) -> None:
        """Let Django work with this database."""
        connections["default"] = self._connection
        ContentType.objects.clear_cache()

    def count(self, page: Page) -> None:
        """Ask for the page once, and keep how many queries it takes."""
        self.use()
        page.ask(self.client)  # what is kept per process and connection is there afterwards
        with CaptureQueriesContext(self._connection) as captured:
            page.ask(self.client)
        self.queries[page.name] = len(captured)

    def measure(self, page: Page) -> None:
        """Ask for the page once more, and keep the best time."""
        self.use()
        page.ask(self.client)
        started = time.perf_counter()
        response = page.ask(self.client)
        took = time.perf_counter() - started
        assert response.status_code == 200, (page.name, response.status_code)
        self.best[page.name] = min(took, self.best.get(page.name, took))


def compare(small: int, large: int, rounds: int) -> int:
    """Make both databases, measure, print the table, and return 1 when a page is too slow."""
    logging.disable(logging.WARNING)
    setup_test_environment()
    with FakeAlipay() as gateway:
        merchants = dict.fromkeys(MERCHANTS, gateway.merchant_settings())
    with (
        override_settings(ALIPAY_CANCEL={"MERCHANTS": merchants}),
        _databases(small, large) as (few, many),
    ):
        _measure(few, many, few.pages, rounds)
        # The best of more times, for both: something else may have kept the machine busy.
        for _ in range(_DOUBTS):
            _measure(few, many, _too_slow(few, many), 2 * rounds)
        failures = list(_report(few, many))
    for failure in failures:
        print(f"Too slow: {failure}.")
    print(f"Each is the best of {rounds} times or more. {'Failed' if failures else 'Passed'}.")
    return 1 if failures else 0


@contextmanager
def _databases(*sizes: int) -> Iterator[list[Measured]]:
    with ExitStack() as stack:
        made = []
        for payments in sizes:
            url = stack.enter_context(scratch_database(f"alipay_cancel_pages_{payments}"))
            made.append(Measured(payments, url))
            made[-1].fill()
        yield made


def _measure(few: Measured, many: Measured, names: Iterable[str], rounds: int) -> None:
    names = list(names)
    for name in names:
        few.count(few.pages[name])
        many.count(many.pages[name])
    for _ in range(rounds):
        for name in names:
            few.measure(few.pages[name])
            many.measure(many.pages[name])


def _too_slow(few: Measured, many: Measured) -> list[str]:
    return [name for name in few.best if many.best[name] > MOST_TIMES_LONGER * few.best[name]]


def _report(few: Measured, many: Measured) -> Iterator[str]:
    print(f"\n{'Page':44}{few.payments:>10,}{many.payments:>12,}{'Ratio':>8}{'Queries':>9}")
    for name, before in few.best.items():
        after, queries = many.best[name], many.queries[name]
        ratio = after / before
        print(f"{name:44}{before * 1000:>7.1f} ms{after * 1000:>9.1f} ms{ratio:>8.2f}{queries:>9}")
        if ratio > MOST_TIMES_LONGER:
            yield f"{name}: {ratio:.2f} times as long, at most {MOST_TIMES_LONGER}"
        if queries >= MOST_QUERIES or queries > few.queries[name]:
            yield f"{name}: {queries} queries, {few.queries[name]} in the small database"
