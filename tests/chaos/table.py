"""The table with which each run ends: two sets of books, and what they disagree about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any

from tests.chaos.gateway import WatchedGateway

_NAME = "chaos"


@dataclass(frozen=True)
class Books:
    """What the wishes of one run have come to; all but the last are equal, or 0."""

    run: str
    payments: int
    # Cancels that took effect at the gateway, and payments that are cancelled in our rows.
    effects: int
    ours: int
    # Payments about which the two say something different.
    wrong: int
    # Wishes that were stored and are gone, or whose end nobody was told.
    lost: int
    stuck: int
    double_in_flight: int
    # Seconds from a wish to its first call.
    longest_wait: float

    @property
    def agree(self) -> bool:
        counts = {self.payments, self.effects, self.ours}
        bad = (self.wrong, self.lost, self.stuck, self.double_in_flight)
        return len(counts) == 1 and not any(bad)


def compare(
    run: str,
    gateways: Iterable[WatchedGateway],
    rows: dict[str, dict[str, Any]],
    wished_at: dict[str, float],
) -> Books:
    """Compare the books of the gateways with our rows, after everything had the time to end."""
    theirs = {p.payment_request_id: p for each in gateways for p in each.payments}
    ours = {id: row["status"] for id, row in rows.items()}
    statuses = Counter(status for row in rows.values() for status in row["wishes"])
    waits = [wait for each in gateways for wait in each.waits(wished_at)]
    return Books(
        run=run,
        payments=len(wished_at),
        effects=sum(payment.cancel_effects for payment in theirs.values()),
        ours=sum(status == "CANCELLED" for status in ours.values()),
        wrong=sum(
            (theirs[id].status == "CANCELLED") != (ours.get(id) == "CANCELLED") for id in wished_at
        ),
        lost=sum(not rows.get(id, {}).get("wishes") for id in wished_at)
        + sum(row["unannounced"] for row in rows.values()),
        stuck=statuses["PENDING"]
        + statuses["NEEDS_REVIEW"]
        + sum(row["open_attempts"] for row in rows.values()),
        double_in_flight=sum(each.doubles() for each in gateways),
        longest_wait=round(max(waits, default=0.0), 1),
    )


def as_text(lines: Iterable[tuple[Any, ...]]) -> str:
    """Return the table for a terminal."""
    headings = tuple(field.name.replace("_", " ") for field in fields(Books))
    rows = [tuple(map(str, line)) for line in (headings, *lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def note(books: Books, record_property: Any) -> None:
    """Print the table of this run, and keep its line for the one at the end of all."""
    record_property(_NAME, astuple(books))
    print(as_text([astuple(books)]))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one table of all runs: a hook of the whole suite, for it may run in many processes."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, [])]
    lines = [
        line for r in reports for name, line in getattr(r, "user_properties", ()) if name == _NAME
    ]
    if lines:
        terminalreporter.section("chaos")
        terminalreporter.write_line(as_text(sorted(map(tuple, dict.fromkeys(map(tuple, lines))))))
