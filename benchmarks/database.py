"""A PostgreSQL database of the benchmark's own, with fsync as a shop has it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

DEFAULT_URL = "postgres://postgres@127.0.0.1:5432/postgres"


def set_up() -> None:
    """Load Django on the server that TEST_POSTGRES_URL names."""
    os.environ["TEST_DATABASE_URL"] = os.environ.get("TEST_POSTGRES_URL") or DEFAULT_URL
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    import django

    django.setup()


@contextmanager
def scratch_database() -> Iterator[None]:
    """Make an empty, migrated database, and drop it in the end."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW fsync")
            if cursor.fetchone() != ("on",):
                raise RuntimeError("fsync is off on this PostgreSQL: no figure would be true.")
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
