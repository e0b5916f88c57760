"""Settings that are callables, for a vault: asked once, and again when they may have changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAXIMUM_AGE = 300.0  # seconds; a rotated key reaches every process within them


@dataclass(frozen=True)
class _Kept:
    value: Any = field(repr=False)
    asked_at: float


_kept: dict[Callable[[], Any], _Kept] = {}


def current_value(value: Any) -> Any:
    """Return `value`, or what it answers when it is a callable; what it raises is not caught.

    An answer is kept for MAXIMUM_AGE seconds. When it is asked again then and raises, only that
    one caller is told: the others go on with the earlier answer for so long again.
    """
    if not callable(value):
        return value
    kept = _kept.get(value)
    if kept is not None and time.monotonic() - kept.asked_at < MAXIMUM_AGE:
        return kept.value
    if kept is not None:
        # First, so that one that is slow or away is not asked at every use.
        _kept[value] = _Kept(kept.value, time.monotonic())
    _kept[value] = _Kept(value(), time.monotonic())
    return _kept[value].value


def expire(value: Any, *, older_than: float) -> None:
    """Let a callable be asked again at the next use, if its answer is older than so many seconds.

    Those that are younger stand: nobody may make us flood a vault.
    """
    kept = _kept.get(value) if callable(value) else None
    if kept is not None and time.monotonic() - kept.asked_at >= older_than:
        _kept[value] = _Kept(kept.value, time.monotonic() - MAXIMUM_AGE)
