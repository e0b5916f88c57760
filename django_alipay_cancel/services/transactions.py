"""Transactions, repeated when that helps; those around a call are outermost and wait briefly."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar
from weakref import WeakSet

from django.db import Error, InterfaceError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.exceptions import InsideTransaction, NotStorable

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_WHY_NOT = (
    "This calls Alipay and must not run inside a transaction: a rollback would erase the record of "
    "a call that happened. Call it after the commit (transaction.on_commit), mark the view with "
    "transaction.non_atomic_requests, or use request_cancellation(), which leaves the call to the "
    "worker."
)
# Seconds: how long one statement waits for a row that somebody else has locked, and for how long a
# transaction that was thrown out is repeated unless its caller knows better.
LOCK_WAIT = 3
_REPEATED_FOR = timedelta(seconds=5)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

# What another try with a fresh connection can mend: locks, failover, shutdown, too many clients,
# a server that is read-only, or has no room on its disk, for now. Never a fault of the data.
_SQLSTATES = frozenset(
    {"25006", "40001", "40P01", "53100", "53300", "55P03", "57P01", "57P02", "57P03"}
)
_MYSQL = frozenset(
    {1020, 1021, 1040, 1053, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226, 1290}
    | {1792, 1836, 1927, 2002, 2003, 2006, 2013, 2027, 2055, 4031}
)
_SQLITE = frozenset({5, 6})  # SQLITE_BUSY, SQLITE_LOCKED
# A character that the connection, the column or the server's encoding cannot carry.
_TEXT_SQLSTATES = frozenset({"22021", "22P05"})
_TEXT_MYSQL = frozenset({1267, 1300, 1366, 3988})
_BOUNDS = {
    "postgresql": f"SET SESSION lock_timeout = '{LOCK_WAIT}s'",
    "mysql": f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT}",
}
# The raw connections whose wait was bounded; one that is gone is forgotten.
_bounded: WeakSet[Any] = WeakSet()


def commit(write: Callable[[], Result], *rows: Model, until: datetime | None = None) -> Result:
    """Run `write` in an outermost transaction on the database of `rows`, and commit it.

    Waits for a lock `LOCK_WAIT` seconds at most. A deadlock, a lock time-out, a lost connection or
    a server that is being restarted throws the transaction out; then `rows`, which `write` changes
    in memory, are read again and it is repeated, `until` then (default: 5 seconds). Raises
    InsideTransaction when the caller has a transaction open: it could roll back the record of a
    call that did happen.
    """
    using = rows[0].database  # type: ignore[attr-defined]

    def once(tries: int) -> Result:
        _read_again(rows, using, tries)
        return _commit_once(write, using)

    return repeated(once, using=using, until=until)


def atomically(write: Callable[[], Result], *rows: Model, using: str) -> Result:
    """Run `write` in a transaction of its own, or as a part of the one that the caller has open.

    One of its own is repeated as by `commit`, for 5 seconds. The caller's is lost as a whole when
    the database throws it out, and the caller's to repeat.
    """

    def once(tries: int) -> Result:
        _read_again(rows, using, tries)
        with transaction.atomic(using=using):
            return write()

    return repeated(once, using=using)


def repeated(once: Callable[[int], Result], *, using: str, until: datetime | None = None) -> Result:
    """Return what `once` does, given how often it was thrown out; only what passes is repeated.

    With a fresh connection, `until` then (default: 5 seconds); in a transaction that is not
    `once`'s own nothing is.
    """
    until = until or timezone.now() + _REPEATED_FOR
    pause, tries = _FIRST_PAUSE, 0
    while True:
        try:
            return once(tries)
        except Error as error:
            connection = connections[using]
            # In a TestCase's transaction everything is lost as a whole.
            if connection.in_atomic_block or not is_transient(error):
                raise
            if timezone.now() + timedelta(seconds=pause) > until:
                raise
            logger.warning("A transaction is repeated: %s", error)
            connection.close_if_unusable_or_obsolete()
        tries += 1
        time.sleep(pause * random.uniform(0.5, 1.5))  # nosec B311 (a jitter, and no secret)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _read_again(rows: Iterable[Model], using: str, tries: int) -> None:
    """Forget what a try that was thrown out has changed in memory."""
    if tries:
        for row in rows:
            row.refresh_from_db(using=using)


def is_transient(error: Error) -> bool:
    """Return whether the same transaction may succeed a moment later, on a fresh connection."""
    if isinstance(error, InterfaceError):
        return True  # the connection is closed already
    state, number = _codes(error)
    if state:
        return state in _SQLSTATES or state.startswith("08")
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE
    if number is not None:
        return number in _MYSQL
    # PostgreSQL's client gives no state when the server cannot be reached.
    return isinstance(error, OperationalError)


def is_about_text(error: Exception) -> bool:
    """Return whether a character of the text that was written is what cannot be stored."""
    if isinstance(error, UnicodeEncodeError):
        return True  # the client's, before anything is sent
    if not isinstance(error, Error):
        return False
    state, number = _codes(error)
    return state in _TEXT_SQLSTATES or number in _TEXT_MYSQL


def _codes(error: Error) -> tuple[str | None, int | None]:
    """Return PostgreSQL's SQLSTATE and MySQL's error number, as far as there are such."""
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    number = cause.args[0] if cause is not None and cause.args else None
    return state, number if isinstance(number, int) else None


@contextmanager
def refusing_text(**texts: object) -> Iterator[None]:
    """Raise NotStorable, naming the fields, when the database cannot take these people's texts."""
    try:
        yield
    except (Error, UnicodeEncodeError) as error:
        if not is_about_text(error):
            raise
        wrong = [name for name, text in texts.items() if not str(text or "").isascii()]
        if not wrong:
            raise
        sentence = gettext("This text has characters that the database cannot store.")
        raise NotStorable(dict.fromkeys(wrong, sentence)) from error


def _commit_once(write: Callable[[], Result], using: str) -> Result:
    if not connections[using].in_atomic_block:
        connections[using].ensure_connection()
        _wait_briefly(connections[using])
    with ExitStack() as stack:
        try:
            stack.enter_context(transaction.atomic(using=using, durable=True))
        except RuntimeError as error:
            raise InsideTransaction(_WHY_NOT) from error
        return write()


def _wait_briefly(connection: BaseDatabaseWrapper) -> None:
    """Bound the wait for a lock, once for each connection; SQLite has its own, its `timeout`."""
    statement = _BOUNDS.get(connection.vendor)
    if statement is None or connection.connection in _bounded:
        return
    with connection.cursor() as cursor:
        cursor.execute(statement)
    _bounded.add(connection.connection)
