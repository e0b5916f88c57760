"""What became of each name, as a file that a spreadsheet opens."""

from __future__ import annotations

import csv
from typing import Any, TextIO

from django_alipay_cancel.files.cells import to_spreadsheet
from django_alipay_cancel.management.written import WrittenFile

COLUMNS = ("line", "input", "found", "outcome", "code", "next_step", "told")


class Report(WrittenFile):
    """A CSV file with a line for each name."""

    option = "--report"

    def _begin(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._writer.writerow(COLUMNS)

    def add(self, **cells: Any) -> None:
        """Write one line; what is not given stays empty."""
        if self._file is not None:
            texts = (str(cells.get(column) or "") for column in COLUMNS)
            self._writer.writerow([to_spreadsheet(text.replace("\n", " ")) for text in texts])
