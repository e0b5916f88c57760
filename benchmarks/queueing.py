"""The queue with few and with very many rows around it, and a worker that runs for long."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.database import run_on, scratch_database, told_by
from benchmarks.figures import Figure
from benchmarks.gateway import GatewayProcess

RATE_LIMIT, MEMORY_LIMIT = 1.2, 1.1
WORKERS = 4


def measure(
    directory: Path, *, small: int, large: int, due: int, rounds: int, attempts: int
) -> list[Figure]:
    """Drain `due` rows among `small` and among `large` ones, and then `attempts` in one process."""
    with ExitStack() as stack:
        urls = {}
        for rows in (small, large):
            urls[rows] = stack.enter_context(scratch_database(f"alipay_cancel_queue_{rows}"))
            filling = f"from benchmarks.filling import fill; fill({rows})"
            run_on(urls[rows], "django", "shell", "--command", filling)
        gateway = stack.enter_context(GatewayProcess(directory))
        seconds: dict[int, list[float]] = {small: [], large: []}
        for turn in range(rounds):
            for rows, url in urls.items():
                # The same payments in both: the gateway answers a repeated cancel like the first.
                (told,) = _drain(url, gateway, first=turn * due, number=due, rounds=1)
                seconds[rows].append(told["seconds"])
        grown = _drain(urls[small], gateway, first=rounds * due, number=due, rounds=attempts // due)
    return [_rate(seconds, small, large, due), _memory(grown, due)]


def _drain(
    url: str, gateway: GatewayProcess, *, first: int, number: int, rounds: int
) -> list[dict[str, float]]:
    told: list[dict[str, float]] = told_by(
        url,
        "benchmarks.draining",
        merchant=gateway.merchant,
        first=first,
        number=number,
        rounds=rounds,
        workers=WORKERS,
    )
    return told


def _rate(seconds: dict[int, list[float]], small: int, large: int, due: int) -> Figure:
    quick, slow = median(seconds[small]), median(seconds[large])
    return Figure(
        what=f"{due} due among {large:,} rows in each table, {WORKERS} workers",
        measured=f"{slow:.1f} s ({due / slow:.0f} a second)",
        against=f"among {small:,} rows: {quick:.1f} s ({due / quick:.0f} a second)",
        ratio=slow / quick,
        limit=RATE_LIMIT,
        drawn=f"Cancellations a second, {WORKERS} workers",
        bars={f"among {small:,} rows": due / quick, f"among {large:,} rows": due / slow},
    )


def _memory(grown: list[dict[str, float]], due: int) -> Figure:
    # The first round loads code and opens connections.
    before, most = grown[1]["memory"], max(each["memory"] for each in grown)
    return Figure(
        what=f"Memory of one worker over {len(grown) * due:,} attempts",
        measured=f"{most / 2**20:.1f} MiB at most",
        against=f"after {2 * due:,}: {before / 2**20:.1f} MiB",
        ratio=most / before,
        limit=MEMORY_LIMIT,
    )
