"""Settings that are callables, for a vault: asked once, and again when they may have changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

logger = logging.getLogger(__name__)

MAXIMUM_AGE = 300.0  # seconds; a rotated key reaches every process within them


@dataclass(frozen=True)
class _Kept:
    value: Any = field(repr=False)
    asked_at: float


_kept: dict[Callable[[], Any], _Kept] = {}


def answer(value: Any) -> Any:
    """Return `value`, or what it answers when it is a callable.

    An answer is kept for MAXIMUM_AGE seconds. When a callable that has answered before cannot
    answer now, that is logged and its earlier answer goes on being used: a vault that is away
    stops nobody who has the keys already. At the first time its exception is raised.
    """
    if not callable(value):
        return value
    kept = _kept.get(value)
    if kept is None:
        _kept[value] = _Kept(value(), time.monotonic())
    elif time.monotonic() - kept.asked_at >= MAXIMUM_AGE:
        _ask_again(value, kept)
    return _kept[value].value


def expire(value: Any, *, older_than: float) -> None:
    """Let a callable be asked again at the next use, if its answer is older than so many seconds.

    Those that are younger stand: nobody may make us flood a vault.
    """
    kept = _kept.get(value) if callable(value) else None
    if kept is not None and time.monotonic() - kept.asked_at >= older_than:
        _kept[value] = _Kept(kept.value, time.monotonic() - MAXIMUM_AGE)


def _ask_again(value: Callable[[], Any], kept: _Kept) -> None:
    # First, so that one that is slow or away is asked by one thread, and not at every use.
    _kept[value] = _Kept(kept.value, time.monotonic())
    try:
        _kept[value] = _Kept(value(), time.monotonic())
    except Exception as error:  # the shop's own code, whose errors nobody can list
        logger.warning(
            "A callable of ALIPAY_CANCEL failed (%s); its earlier answer is used.",
            type(error).__name__,
        )
