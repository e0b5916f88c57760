"""The two durable transactions around a call: outermost, and tried again after a deadlock."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from django.db import OperationalError, connections, transaction

from django_alipay_cancel.exceptions import InsideTransaction
from django_alipay_cancel.statemachine import StateMachineModel

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_WHY_NOT = (
    "This calls Alipay and must not run inside a transaction: a rollback would erase the record of "
    "a call that happened. Call it after the commit (transaction.on_commit), mark the view with "
    "transaction.non_atomic_requests, or use request_cancellation(), which leaves the call to the "
    "worker."
)
# Seconds before each repeat of a transaction that the database threw out; jittered, no secret.
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)


def commit(write: Callable[[], Result], *rows: StateMachineModel) -> Result:
    """Run `write` in an outermost transaction on the database of `rows`, and commit it.

    A deadlock, a lock time-out or a lost connection throws the transaction out; then `rows`, which
    `write` changes in memory, are read again and it is repeated. Raises InsideTransaction when the
    caller has a transaction open: it could roll back the record of a call that did happen.
    """
    using = rows[0].database
    for pause in _PAUSES:
        try:
            return _commit_once(write, using)
        except OperationalError as error:
            if connections[using].in_atomic_block:  # a TestCase's transaction: lost as a whole
                raise
            logger.warning("A transaction is repeated: %s", error)
            connections[using].close_if_unusable_or_obsolete()
            time.sleep(pause * random.uniform(0.5, 1.5))  # nosec B311
            for row in rows:
                row.refresh_from_db(using=using)
    return _commit_once(write, using)


def _commit_once(write: Callable[[], Result], using: str) -> Result:
    with ExitStack() as stack:
        try:
            stack.enter_context(transaction.atomic(using=using, durable=True))
        except RuntimeError as error:
            raise InsideTransaction(_WHY_NOT) from error
        return write()
