"""Reads that decide, inside a transaction that shows old rows."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import connections
from django.db.models import QuerySet

Rows = TypeVar("Rows", bound=QuerySet[Any, Any])


def as_committed(rows: Rows) -> Rows:
    """Return `rows` as others have committed them by now.

    Under MySQL's and MariaDB's REPEATABLE READ a transaction goes on seeing what was there at its
    first read; there only a locking read shows what is. PostgreSQL throws such a transaction out
    instead (a serialization failure, for its owner to repeat), and SQLite lets nobody write beside
    one.
    """
    connection = connections[rows.db]
    if connection.vendor != "mysql" or not connection.in_atomic_block:
        return rows
    if getattr(connection, "isolation_level", None) == "read committed":
        return rows
    return rows.select_for_update()
