"""Stopping a command between two calls to Alipay, never within one."""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SLICE = 1.0


class Stop:
    """A wish to stop that a signal handler may express at any moment.

    No threading.Event: a handler that runs while the same thread is inside its wait() would wait
    for a lock which that thread holds. SimpleQueue.put() may interrupt its own get().
    """

    def __init__(self) -> None:
        self._signals: queue.SimpleQueue[int] = queue.SimpleQueue()

    def request(self, number: int, frame: FrameType | None) -> None:
        self._signals.put(number)

    def requested(self) -> bool:
        return not self._signals.empty()

    def wait(self, seconds: float) -> None:
        """Return after `seconds`, or within a second after a signal came."""
        until = time.monotonic() + seconds
        while not self.requested() and (left := until - time.monotonic()) > 0:
            # In slices: a signal that comes right before a wait does not cut it short.
            with suppress(queue.Empty):
                self._signals.put(self._signals.get(timeout=min(left, _SLICE)))


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """Let SIGTERM and SIGINT only be a wish, told by what is yielded."""
    stop = Stop()
    # Only the main thread is ever told of a signal.
    told = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGINT) if told else ()
    before = [signal.signal(number, stop.request) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
