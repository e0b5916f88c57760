"""Text into lines of cells: one line of the file is one line of the table, whatever is quoted."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext

from django_alipay_cancel.files.encoding import encoding_of
from django_alipay_cancel.files.problems import BrokenQuote, FileProblem

_DELIMITERS = (",", ";", "\t")
_NAMED_DELIMITERS = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";"}
# A first line by which Excel is told what stands between cells.
_SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_UTF8_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: its number from 1, its text without the line end, and its cells."""

    number: int
    text: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A file that can be read: its first line that is no comment, and whether that is a header."""

    path: Path
    encoding: str
    delimiter: str
    first: Line
    has_header: bool

    def lines(self) -> Iterator[Line]:
        """Yield the lines with something in them, below the header if there is one.

        Raises BrokenQuote, which names the line from which on nothing can be told.
        """
        for number, text in _texts(self.path, self.encoding):
            if self.has_header and number <= self.first.number:
                continue
            if text.startswith("# ") or (number == 1 and _SEP.fullmatch(text)):
                continue
            line = Line(number, text, _split(text, self.delimiter, number))
            if any(cell.strip() for cell in line.cells) and not self._is_comment(line):
                yield line

    def _is_comment(self, line: Line) -> bool:
        """Whether it is one of a bill's own remarks; order numbers may begin with '#' too."""
        return (
            self.has_header
            and len(self.first.cells) > 1
            and len(line.cells) == 1
            and line.text.startswith("#")
        )


def open_table(
    path: Path,
    *,
    is_known: Callable[[str], bool],
    encoding: str | None = None,
    delimiter: str | None = None,
    must_have_header: bool = False,
) -> Table | None:
    """Return the file as a table; None when nothing stands in it.

    `is_known` tells the heads of columns: of the delimiters the one counts that shows most of
    them. Without a known one there is no header, unless there must be one. Raises
    FileProblem and OSError.
    """
    encoding = encoding_of(path, encoding)
    delimiter = _one_character(delimiter)
    marked: tuple[int, str] | None = None
    for number, text in _texts(path, encoding):
        if number == 1 and (named := _SEP.fullmatch(text)):
            delimiter = delimiter or named[1]
        elif text.startswith("#"):
            marked = marked or (number, text)
        elif text.strip(" \t,;"):
            break
    else:
        if marked is None:
            return None
        # All of them begin with '#', as a shop's order numbers may.
        number, text = marked

    def shown(delimiter: str) -> tuple[int, int]:
        try:
            cells = _split(text, delimiter, number)
        except BrokenQuote:  # '"a";"b"' is none with commas
            return -1, 0
        return sum(map(is_known, cells)), len(cells)

    delimiter = delimiter or max(_DELIMITERS, key=shown)
    return Table(
        path,
        encoding,
        delimiter,
        Line(number, text, _split(text, delimiter, number)),
        has_header=must_have_header or shown(delimiter)[0] > 0,
    )


def _texts(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    with path.open(encoding=encoding) as file:
        for number, text in enumerate(file, start=1):
            text = text.removesuffix("\n")
            yield number, text.removeprefix(_UTF8_MARK) if number == 1 else text


def _split(text: str, delimiter: str, number: int) -> list[str]:
    if text.count('"') % 2 == 0:
        try:
            return next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            pass
    raise BrokenQuote(
        gettext(
            "line %(number)d: a quotation mark has no partner in this line, so that nobody can "
            "tell where its cells end. Nothing from this line on was read. A quotation mark "
            'inside a cell is written twice ("12"""); a cell must not hold a line end.'
        )
        % {"number": number},
        line=number,
    )


def _one_character(delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    delimiter = _NAMED_DELIMITERS.get(delimiter.lower(), delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise FileProblem(
            gettext("--delimiter is one character, or 'tab', not %(text)r.") % {"text": delimiter}
        )
    return delimiter
