"""Stopping a command between two calls to Alipay, never within one."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Seconds within which somebody who waits looks up.
_SLICE = 0.2


class Stop:
    """A wish to stop that a signal handler may express at any moment.

    No threading.Event: a handler that runs while the same thread is inside its wait() would wait
    for a lock which that thread holds. No SimpleQueue either: of several threads in get() with a
    timeout, one may stay there for ever (CPython before 3.13).
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._requested = False

    def request(self, number: int, frame: FrameType | None) -> None:
        """Take note of a signal: the first is a wish, the second ends the process at once."""
        if self._requested:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self._requested = True
        if self._patience:
            # Whatever hangs then: every row survives a process that is killed.
            signal.alarm(math.ceil(self._patience))

    def requested(self) -> bool:
        return self._requested

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or within 0.2 seconds after a signal came."""
        until = time.monotonic() + seconds
        while not self.requested() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))


@contextmanager
def stop_signals(*, patience: float = 0.0) -> Iterator[Stop]:
    """Let the first SIGTERM or SIGINT only be a wish, told by what is yielded.

    So many seconds of `patience` after it the process is ended; 0: it is waited for.
    """
    stop = Stop(patience if hasattr(signal, "alarm") else 0.0)
    # Only the main thread is ever told of a signal.
    told = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGINT) if told else ()
    before = [signal.signal(number, stop.request) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        if patience and stop.requested() and hasattr(signal, "alarm"):
            signal.alarm(0)
