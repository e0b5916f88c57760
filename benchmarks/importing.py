"""import_payments with as many lines as one likes: lines a second, and the memory that it takes.

python benchmarks/importing.py [LINES], on the database that TEST_DATABASE_URL names; without one on
SQLite. The first run records new payments, the second finds all of them recorded.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

LINES = 200_000
_HEADER = "payment_request_id,payment_id,amount_value,amount_currency,reference,paid_at\n"


def main(number: int) -> None:
    """Import so many lines into a new test database, twice."""
    django.setup()
    from django.conf import settings
    from django.db import connection

    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": {}}}
    connection.creation.create_test_db(verbosity=0)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "payments.csv"
            with path.open("w") as file:
                file.write(_HEADER)
                file.writelines(map(_line, range(number)))
            for what in ("new", "recorded already"):
                seconds = _seconds(path)
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
                print(
                    f"{connection.vendor}, {number} lines {what}: {seconds:.0f} s, "
                    f"{number / seconds:.0f} a second, {memory} MiB at most"
                )
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


def _line(number: int) -> str:
    ids = f"pay-{number:08},2026112419401083{number:012}"
    return f"{ids},1250,USD,order-{number},2026-11-24T09:30:00+00:00\n"


def _seconds(path: Path) -> float:
    from django.core.management import call_command

    told = StringIO()
    began = time.perf_counter()
    call_command("import_payments", path, stdout=told, stderr=told, skip_checks=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
