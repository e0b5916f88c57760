"""Progress of long commands: a bar on a terminal that has tqdm, plain lines elsewhere."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext

# Seconds between two plain lines.
_PAUSE = 5.0


class Progress(Protocol):
    """What a command tells as it goes on."""

    def update(self, n: int) -> object:
        """Tell that `n` more are done."""


@contextmanager
def progress(total: int, what: str, stream: OutputWrapper) -> Iterator[Progress]:
    """Show how many of `total` are done, with rate and time left."""
    bar = _bar(total, what, stream) or _Lines(total, what, stream)
    try:
        yield bar
    finally:
        bar.close()


def _bar(total: int, what: str, stream: OutputWrapper) -> _Closing | None:
    if not stream.isatty():
        return None
    try:
        tqdm = importlib.import_module("tqdm")
    except ModuleNotFoundError:  # the extra [progress] is not installed
        return None
    # On standard error itself: the wrapper would end each redrawing with a new line.
    bar: _Closing = tqdm.tqdm(total=total, desc=what, unit="")
    return bar


class _Closing(Progress, Protocol):
    def close(self) -> None: ...


class _Lines:
    def __init__(self, total: int, what: str, stream: OutputWrapper) -> None:
        self._total, self._what, self._stream = total, what, stream
        self._done = 0
        self._started = self._told = time.monotonic()

    def update(self, n: int) -> None:
        self._done += n
        if time.monotonic() - self._told >= _PAUSE:
            self._told = time.monotonic()
            self._tell()

    def close(self) -> None:
        self._tell()

    def _tell(self) -> None:
        seconds = max(time.monotonic() - self._started, 0.001)
        rate = self._done / seconds
        line = gettext("%(what)s: %(done)d of %(total)d, %(rate).1f a second")
        if rate:
            line = gettext(
                "%(what)s: %(done)d of %(total)d, %(rate).1f a second, %(left).0f s left"
            )
        told = {
            "what": self._what,
            "done": self._done,
            "total": self._total,
            "rate": rate,
            "left": (self._total - self._done) / rate if rate else 0.0,
        }
        self._stream.write(f"{line % told}\n")
