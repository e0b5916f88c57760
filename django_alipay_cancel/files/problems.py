"""Why a file, or the rest of it, cannot be read."""

from __future__ import annotations


class FileProblem(Exception):
    """A sentence that names the file, line or column and says what to do."""


class BrokenQuote(FileProblem):
    """From this line on it cannot be told where a cell ends."""

    def __init__(self, sentence: str, *, line: int) -> None:
        super().__init__(sentence)
        self.line = line
