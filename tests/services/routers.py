"""Where rows are kept, as a shop's router says it."""

from __future__ import annotations

from typing import Any


class ByRow:
    """Of a shop whose payments are in several databases: it has to be told of which row it is.

    What is asked for without a row, and whatever is read without a word where, is nowhere.
    """

    def db_for_read(self, model: Any, instance: Any = None, **hints: Any) -> str:
        return "nowhere"

    def db_for_write(self, model: Any, instance: Any = None, **hints: Any) -> str:
        return "nowhere" if instance is None else "default"
