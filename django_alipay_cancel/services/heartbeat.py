"""Signs of life of the processes that carry out what is due, and whether their clocks are right."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import sys
import threading
import time
from datetime import timedelta

from django.db import IntegrityError, connections, router, transaction
from django.utils import timezone

import django_alipay_cancel
from django_alipay_cancel.models import Worker

logger = logging.getLogger(__name__)

# Seconds.
_EVERY = 15.0
# How often clocks are compared, and by how much they may differ.
_COMPARED_EVERY, _WARNS, _STOPS = 60.0, 5.0, 15.0
_FORGOTTEN_AFTER = timedelta(days=1)
_EPOCH = {
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(SYSDATE(6))",
}
_lock = threading.Lock()
_beat_at = float("-inf")


def beat(*, threads: int, clock_offset: float | None = None) -> None:
    """Write down that this process works, at most every 15 seconds; one row is one upsert.

    Its row is that of its host and command line, so that cron and Celery leave one each, too.
    """
    global _beat_at
    with _lock:
        if time.monotonic() - _beat_at < _EVERY:
            return
        _beat_at = time.monotonic()
    host, command = socket.gethostname()[:255], " ".join(sys.argv)[:255]
    key = hashlib.sha256(f"{host}\0{command}".encode()).hexdigest()
    now = timezone.now()
    values = {
        "pid": os.getpid(),
        "version": django_alipay_cancel.__version__,
        "threads": threads,
        "seen_at": now,
        "clock_offset": clock_offset,
    }
    rows = Worker.objects.using(router.db_for_write(Worker))
    if rows.filter(pk=key).update(**values):
        return
    rows.filter(seen_at__lt=now - _FORGOTTEN_AFTER).delete()
    try:
        with transaction.atomic(using=rows.db):
            rows.create(pk=key, host=host, command=command, **values)
    except IntegrityError:
        pass  # another process of the same command line was quicker


def clock_offset() -> float | None:
    """Return by how many seconds this process's clock is ahead of the database's; None: same host.

    Half of the way to the database and back is taken off.
    """
    connection = connections[router.db_for_write(Worker)]
    statement = _EPOCH.get(connection.vendor)
    if statement is None:
        return None
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        there = float(cursor.fetchone()[0])
    return (before + time.time()) / 2 - there


class ClockCheck:
    """This process's clock beside the database's: leases are times, and one host's must hold.

    `offset` is by how many seconds it is ahead; None: not compared yet, or the same clock.
    """

    def __init__(self) -> None:
        self.offset: float | None = None
        self._compared_at = float("-inf")

    def compare(self) -> None:
        """Compare them, once a minute, and warn of a difference."""
        if time.monotonic() - self._compared_at < _COMPARED_EVERY:
            return
        self._compared_at = time.monotonic()
        self.offset = clock_offset()
        if self.offset is None or abs(self.offset) <= _WARNS:
            return
        logger.warning(
            "This process's clock differs from the database's by %.1f s%s.",
            self.offset,
            "" if self.is_right else ": nothing is claimed until that is mended",
        )

    @property
    def is_right(self) -> bool:
        """Whether claims may be made by it."""
        return self.offset is None or abs(self.offset) <= _STOPS
