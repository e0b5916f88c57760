"""What somebody else does at the very moment between two statements of ours."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, connections


@contextmanager
def meanwhile(
    verb: str, model: Any, act: Callable[[], object], *, times: int = 1
) -> Iterator[None]:
    """Call `act` right before each of the next `times` statements `verb` on the model's table.

    Fails when it never came to so many. What `act` does itself does not count.
    """
    left, acting = times, False
    # With the end of the name: one table's begins another's.
    table = re.compile(rf"{model._meta.db_table}\b")

    def before(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left, acting
        if left and not acting and sql.startswith(verb) and table.search(sql):
            left, acting = left - 1, True
            try:
                act()
            finally:
                acting = False
        return execute(sql, params, many, context)

    with connection.execute_wrapper(before):
        yield
    assert left == 0, f"It came to {times - left} of {times} {verb} statements."


def thrown_out() -> None:
    """Do as a database that finds a deadlock does with the statement."""
    raise OperationalError("deadlock detected")


def closing(act: Callable[[], object]) -> Callable[[], None]:
    """Return `act` for a thread of its own, whose connections it leaves closed."""

    def work() -> None:
        try:
            act()
        finally:
            connections.close_all()

    return work


def elsewhere(act: Callable[[], object]) -> Callable[[], None]:
    """Return `act` to be carried out on a connection, and in a transaction, of its own."""

    def act_elsewhere() -> None:
        thread = threading.Thread(target=closing(act))
        thread.start()
        thread.join()

    return act_elsewhere
