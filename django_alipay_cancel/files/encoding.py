"""Bytes into text: the encoding that a file has, found by what it holds."""

from __future__ import annotations

import codecs
from pathlib import Path

from django.utils.translation import gettext

from django_alipay_cancel.files.problems import FileProblem

_CHUNK = 1 << 20
_LOOK = 4096
# An .xlsx is a ZIP archive, an old .xls an OLE document.
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(path: Path, given: str | None = None) -> str:
    """Return the encoding of the whole file: the one given, or the one that reads it.

    UTF-8 and UTF-16 with or without a byte order mark, else GB18030. Raises FileProblem for what is
    no text, and OSError.
    """
    if not path.is_file():
        raise FileProblem(gettext("%(path)s is no file.") % {"path": path})
    with path.open("rb") as file:
        start = file.read(_LOOK)
    if start.startswith(_SPREADSHEETS):
        raise FileProblem(
            gettext(
                "%(path)s is a spreadsheet (.xlsx, .xls), whatever it is called. Open it, make the "
                "columns with ids text, and save it as CSV UTF-8."
            )
            % {"path": path}
        )
    if given is not None:
        if not _reads(path, given):
            raise FileProblem(
                gettext("%(path)s cannot be read as %(encoding)s; give another --encoding.")
                % {"path": path, "encoding": given}
            )
        return given
    for encoding in _candidates(start):
        if _reads(path, encoding):
            return encoding
    raise FileProblem(
        gettext(
            "%(path)s is neither UTF-8, UTF-16 nor GB18030. Save it as CSV UTF-8, or give "
            "--encoding."
        )
        % {"path": path}
    )


def _candidates(start: bytes) -> tuple[str, ...]:
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return (encoding,)
    # Without a mark: every other byte of Latin text and of line ends is zero.
    if start[1::2].count(0) > len(start) // 8:
        return ("utf-16-le",)
    if start[::2].count(0) > len(start) // 8:
        return ("utf-16-be",)
    return ("utf-8", "gb18030")


def _reads(path: Path, encoding: str) -> bool:
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise FileProblem(
            gettext("There is no encoding %(encoding)r.") % {"encoding": encoding}
        ) from None
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeError:
            return False
    return True
