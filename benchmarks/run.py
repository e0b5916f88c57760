"""Measure everything side by side and print one table: make bench.

Needs the extra `bench`, a PostgreSQL at TEST_POSTGRES_URL and a Redis at TEST_REDIS_URL. Fails
when a ratio is missed. Takes ten minutes on two cores; with --quick two, with figures too small to
be judged.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import queueing
from benchmarks.database import load_django, scratch_database
from benchmarks.figures import Figure, as_text, judge

PARTS = ("single", "bulk", "queue", "cluster", "waiting", "statements")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, nothing is written")
    parser.add_argument("--only", choices=PARTS, help="one part, nothing is written")
    options = parser.parse_args()
    wanted = [options.only] if options.only else PARTS
    small = 20 if options.quick else 1
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch, scratch_database("alipay_cancel_bench") as url:
        load_django(url)
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        from benchmarks import bulk, cluster, page, single, statements, waiting

        directory = Path(scratch)
        if "single" in wanted:
            told, samples = single.measure(directory, rounds=20 // small or 2, calls=20)
            figures += told
            print(page.shares(samples), end="\n\n", flush=True)
        if "bulk" in wanted:
            figures += bulk.measure(
                directory, number=1000 // small, workers=(16, 64), rounds=1 if options.quick else 5
            )
        if "queue" in wanted:
            figures += queueing.measure(
                directory,
                small=10_000 // small,
                large=1_000_000 // small**2,
                due=1000 // small,
                rounds=3,
                attempts=20_000 // small,
            )
        if "cluster" in wanted:
            figures += cluster.measure(directory, number=2000 // small)
        if "waiting" in wanted:
            figures += waiting.measure(number=200 // small, silent=2000 // small)
        if "statements" in wanted:
            figures += statements.measure()
        print(as_text(figures))
        if not options.quick and not options.only:
            page.write(figures, samples)
    return judge(figures) and not options.quick


if __name__ == "__main__":
    sys.exit(main())
