"""Lengths of time as people type them: 90s, 30m, 12h, 2d."""

from __future__ import annotations

from argparse import ArgumentTypeError

from django.utils.translation import gettext

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> int:
    """Return the seconds of "30m" and its like; raise ArgumentTypeError for anything else."""
    number, unit = text[:-1], text[-1:]
    if unit not in _SECONDS or not (number.isascii() and number.isdigit()):
        raise ArgumentTypeError(
            gettext("%(text)r is not a length of time such as 90s, 30m, 12h or 2d.")
            % {"text": text}
        )
    return int(number) * _SECONDS[unit]
