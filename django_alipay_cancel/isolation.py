"""What a transaction sees and locks beside others: reads that decide, writes that compare."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.functions import Coalesce

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


def if_still(rows: Rows, **read: Any) -> Rows:
    """Return those of `rows`, named by a key, whose columns are still as they were `read`.

    MySQL and MariaDB may look for such a row in an index of one of these columns, and lock its
    entry before the row. Whoever has locked the row, and changes that column, needs the entry: the
    two wait for each other, a deadlock. As expressions the columns are in no index, and the key
    finds the row.
    """
    if connections[rows.db].vendor != "mysql":
        return rows.filter(**read)
    names = {lookup.partition("__")[0] for lookup in read}
    hidden = rows.alias(**{f"stored_{name}": Coalesce(name, name) for name in names})
    # An expression of a foreign key is one of keys.
    keys = {name: each.pk if isinstance(each, Model) else each for name, each in read.items()}
    return hidden.filter(**{f"stored_{lookup}": value for lookup, value in keys.items()})
