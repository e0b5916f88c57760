"""What a command prints: sentences of ours with text of others in them, and tables of counts."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext

from django_alipay_cancel.files.plain import plain


class Unfinished(Exception):
    """Not all that was asked for is done; the sentence says what is left, and who does it."""


class Console:
    """Standard output and standard error, without what would move the cursor."""

    def __init__(self, out: OutputWrapper, err: OutputWrapper) -> None:
        self._out, self.err = out, err

    def say(self, text: str) -> None:
        """Print to standard output."""
        self._out.write(plain(text))

    def say_of(self, name: str, *said: str) -> None:
        """Print what there is to say of one payment; Chinese has a colon of its own."""
        *before, sentence = (name, *said)
        for each in reversed(before):
            sentence = gettext("%(name)s: %(sentence)s") % {"name": each, "sentence": sentence}
        self.say(sentence)

    def complain(self, text: str) -> None:
        """Print to standard error."""
        self.err.write(plain(text))

    def table(self, counts: Mapping[str, int]) -> None:
        """Print a line for each count."""
        for name, count in counts.items():
            self.say(f"{padded(name, 14)}{count:>8}")


def padded(text: str, columns: int) -> str:
    """Return the text followed by blanks up to so many columns of a terminal."""
    return text + " " * max(columns - sum(map(_columns, text)), 0)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    # A Chinese character takes two, by Unicode Standard Annex 11.
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
