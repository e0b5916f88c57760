"""`make demo`: cancel one payment for each answer Alipay can give, and print what became of it."""

from __future__ import annotations

import sys
import time

import scenarios
from stage import stage

COLUMNS = (
    "reference",
    "amount",
    "payment status",
    "cancellation status",
    "calls made",
    "Alipay's code (our error)",
    "next step",
    "what Alipay does",
)


def main() -> int:
    """Play all scenarios and return the exit code: 1 when one did not end as it should."""
    with stage() as gateway:
        from django.contrib.auth.models import User
        from play import Result, play

        print(f"Cancelling {len(scenarios.PLAYED)} payments at FakeAlipay, {gateway.url}\n")
        started = time.monotonic()
        results = play(gateway, scenarios.PLAYED, User.objects.create_user("buyer"))
        seconds = time.monotonic() - started

    def row(result: Result) -> tuple[str, ...]:
        scenario, (payment, cancellation, code, step) = result.scenario, result.ended
        calls = str(result.calls)
        return (
            scenario.reference, result.amount, payment, cancellation, calls, code, step,
            scenario.story,
        )  # fmt: skip

    print_table([COLUMNS, *map(row, results)])
    ended = [result.ended.cancellation for result in results]
    counts = ", ".join(f"{ended.count(status)} {status}" for status in sorted(set(ended)))
    made, arrived = sum(result.calls for result in results), len(gateway.calls)
    print(f"\n{len(results)} payments: {counts}; {made} calls in {seconds:.1f} s.")
    unexpected = [result for result in results if not result.as_expected]
    for result in unexpected:
        print(f"{result.scenario.reference} should have ended as {result.scenario.ends}.")
    if made != arrived:
        print(f"FakeAlipay counted {arrived} calls.")
    return 1 if unexpected or made != arrived else 0


def print_table(rows: list[tuple[str, ...]]) -> None:
    """Print the rows with their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())


if __name__ == "__main__":
    sys.exit(main())
