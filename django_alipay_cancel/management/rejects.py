"""The lines that were refused, as they were, each below its reason: to correct and feed again."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from django_alipay_cancel.files.plain import plain
from django_alipay_cancel.files.table import Line, Table
from django_alipay_cancel.management.written import WrittenFile


class Rejects(WrittenFile):
    """A file that can be read like the one its lines came from."""

    option = "--rejects"

    def __init__(self, path: Path | None, table: Table) -> None:
        super().__init__(path, beside=table.path)
        self._head = table.first.text

    def _begin(self, file: TextIO) -> None:
        file.write(f"{self._head}\n")

    def add(self, line: Line, reason: str) -> None:
        """Write the line, and above it, as a comment, why it was refused."""
        if self._file is not None:
            said = plain(reason).replace("\n", " ")
            self._file.write(f"# {line.number}: {said}\n{line.text}\n")
