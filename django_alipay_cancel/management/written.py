"""A file that a command writes beside the one that it reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from django.utils.translation import gettext

from django_alipay_cancel.files.problems import FileProblem


class WrittenFile(ABC):
    """A file that a spreadsheet opens, given by an `option`; `path` None: none is written.

    It is opened before anything is done: where it cannot be written nothing is. `beside` is the
    file that is read. Raises FileProblem when that would be written over.
    """

    option: str

    def __init__(self, path: Path | None, *, beside: Path | None) -> None:
        if path is not None and beside is not None and _are_one(path, beside):
            raise FileProblem(
                gettext("%(option)s %(path)s is the file that is read.")
                % {"option": self.option, "path": path}
            )
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            # The mark is for Excel, which else takes it for the encoding of the country.
            self._file = self._path.open("w", encoding="utf-8-sig", newline="")
            self._begin(self._file)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    @abstractmethod
    def _begin(self, file: TextIO) -> None:
        """Write what stands above the lines."""


def _are_one(path: Path, other: Path) -> bool:
    """Whether both name one file, whatever they are called; one that is not there by name."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.absolute() == other.absolute()
