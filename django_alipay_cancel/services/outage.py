"""A database that is away from a worker's threads, in few lines of log."""

from __future__ import annotations

import logging
import threading
import time

from django.db import Error as DatabaseError

logger = logging.getLogger(__name__)

# Seconds between two lines about one outage.
_TOLD_EVERY = 60.0


class Outage:
    """Told once a minute while no thread can use the database, and when all of them can again.

    Where some can, as with more threads than the server has connections, it is told once.
    """

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._away: set[int] = set()
        self._told_at: float | None = None
        self._lock = threading.Lock()

    def goes_on(self, error: DatabaseError) -> None:
        """The calling thread could not use the database."""
        with self._lock:
            self._away.add(threading.get_ident())
            now = time.monotonic()
            if self._told_at is not None and (
                len(self._away) < self._threads or now - self._told_at < _TOLD_EVERY
            ):
                return
            self._told_at = now
            logger.error("The pass failed, the database cannot be used: %s", error)

    def over(self) -> None:
        """The calling thread could use it."""
        with self._lock:
            self._away.discard(threading.get_ident())
            if self._told_at is not None and not self._away:
                self._told_at = None
                logger.warning("The database can be used again.")
