"""Are the admin's pages as fast with a million payments as with ten thousand?

    TEST_POSTGRES_URL=postgres://user@host/name python benchmarks/admin_pages.py

Makes two databases on that server, measures every page in both by turns, prints a table and ends
with status 1 when a page takes more than 1.5 times as long in the large one, or 30 queries, or
more queries than in the small one. The databases are dropped afterwards.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.database import SERVER, load_django


def main() -> int:
    """Return the exit status for the shell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", type=int, default=10_000, help="payments in the small database")
    parser.add_argument("--large", type=int, default=1_000_000, help="payments in the large one")
    parser.add_argument("--rounds", type=int, default=15, help="how often each page is measured")
    options = parser.parse_args()
    load_django(SERVER)
    from benchmarks.comparing import compare

    return compare(options.small, options.large, options.rounds)


if __name__ == "__main__":
    sys.exit(main())
