"""How many rows of the growing tables a statement reads, as EXPLAIN ANALYZE counts them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

GROWING = {model._meta.db_table for model in (Payment, Cancellation, CancellationAttempt)}


@dataclass
class Plans:
    """What was read or changed in the growing tables, and which steps of it read too much."""

    statements: set[str] = field(default_factory=set)
    large: dict[str, list[str]] = field(default_factory=dict)


@contextmanager
def plans_seen(most: int) -> Iterator[Plans]:
    """Look at the plan of each statement before it is carried out; INSERT looks for nothing.

    Before, and not when all is over: the rows may have moved on to where a constraint refuses it.
    """
    seen = Plans()

    def look(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        ours = any(table in sql for table in GROWING)
        if ours and sql.startswith(("SELECT", "UPDATE", "DELETE")) and sql not in seen.statements:
            seen.statements.add(sql)
            if steps := _large_reads(sql, params, most):
                seen.large[sql] = steps
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield seen


def _large_reads(sql: str, params: Any, most: int) -> list[str]:
    """Carry the statement out, undo it, and return each step that read over `most` rows."""
    postgresql = connection.vendor == "postgresql"
    analyze = "EXPLAIN (ANALYZE, FORMAT JSON)" if postgresql else "ANALYZE FORMAT=JSON"
    with transaction.atomic():
        with connection.cursor() as cursor:
            if postgresql:
                # Whether reading all of these rows looks cheaper hangs on when they were last
                # analyzed. The question is whether an index serves: without one it is read all
                # the same.
                cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"{analyze} {sql}", params)
            (told,) = cursor.fetchone()
        transaction.set_rollback(True)
    plan = json.loads(told) if isinstance(told, str) else told
    steps = _steps_of_postgresql(plan) if postgresql else _steps_of_mariadb(plan)
    return [f"{step}: {rows} rows" for step, rows in steps if rows > most]


def _steps_of_postgresql(plan: Any) -> Iterator[tuple[str, int]]:
    for node in _dictionaries(plan):
        if node.get("Relation Name") in GROWING and "Scan" in node["Node Type"]:
            thrown_away = node.get("Rows Removed by Filter", 0)
            rows = (node["Actual Rows"] + thrown_away) * node["Actual Loops"]
            yield f"{node['Node Type']} of {node['Relation Name']}", rows


def _steps_of_mariadb(plan: Any) -> Iterator[tuple[str, int]]:
    for node in _dictionaries(plan):
        # A derived table is named <derived2>; what it is made of is a step of its own.
        name = node.get("table_name", "<")
        if not name.startswith("<") and node.get("r_rows") is not None:
            yield f"{node['access_type']} of {name}", node["r_rows"] * node.get("r_loops", 1)


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _dictionaries(each)
