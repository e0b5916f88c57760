"""Which lines of one file speak of the same payment: known before the first is stored.

Kept in a temporary database of SQLite, which goes to the disk by itself: memory stays flat.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from django_alipay_cancel.files.facts import ID_COLUMNS


class Index:
    """The ids of a file's lines. `contradictory` and `repeated` are filled by `close`."""

    def __init__(self) -> None:
        self.contradictory: set[int] = set()
        self.repeated: set[int] = set()
        self._rows: Any = sqlite3.connect("")
        self._rows.execute("CREATE TABLE told (id TEXT, reference TEXT, line INTEGER)")

    def add(self, number: int, facts: Mapping[str, Any]) -> None:
        """Take in what the line with this number says."""
        reference = facts.get("reference", "")
        for name in ID_COLUMNS:
            if name in facts:
                key = f"{facts['merchant']}\n{name}\n{facts[name]}"
                self._rows.execute("INSERT INTO told VALUES (?, ?, ?)", (key, reference, number))

    def close(self) -> None:
        """Find the lines that give one payment different references, and those that come again."""
        self._rows.execute("CREATE INDEX by_id ON told (id)")
        self.repeated = self._lines(
            "SELECT line FROM told JOIN (SELECT id AS same, min(line) AS first FROM told "
            "GROUP BY id HAVING count(*) > 1) ON id = same WHERE line > first"
        )
        self.contradictory = self._lines(
            "SELECT line FROM told WHERE reference != '' AND id IN (SELECT id FROM told "
            "WHERE reference != '' GROUP BY id HAVING count(DISTINCT reference) > 1)"
        )
        self._rows.close()

    def _lines(self, query: str) -> set[int]:
        return {number for (number,) in self._rows.execute(query)}
