"""Text that goes to a spreadsheet and comes back the same.

A spreadsheet runs what looks like a formula, and keeps 15 digits of what looks like a number. An
apostrophe stands before the first, a tab after the second, as in Alipay's own bills.
"""

from __future__ import annotations

import re
import unicodedata

_FORMULAS = ("=", "+", "-", "@")
_BREAKS = ("\t", "\r", "\n")
# Too many digits, a zero in front, or an exponent: no spreadsheet keeps these as they are.
_NUMBERS = re.compile(r"\d{16,}|0\d+|\d+e\d+", re.IGNORECASE | re.ASCII)
_MARK = "'"


def to_spreadsheet(text: str) -> str:
    """Return the cell for this text; `from_spreadsheet` makes the text of it again."""
    if text.startswith(_MARK) or _is_formula(text):
        return f"{_MARK}{text}"
    return f"{text}\t" if _NUMBERS.fullmatch(text) else text


def from_spreadsheet(cell: str) -> tuple[str, bool]:
    """Return the text of a cell, without blanks and tabs at its ends, and whether it was marked.

    An apostrophe goes away only where `to_spreadsheet` puts one: anywhere else somebody else did.
    """
    text = cell.strip()
    rest = text.removeprefix(_MARK)
    if rest != text and (rest.startswith(_MARK) or _is_formula(rest)):
        return rest, True
    return text, False


def _is_formula(text: str) -> bool:
    if text.startswith(_BREAKS):
        return True
    # What a spreadsheet may drop or fold before it looks.
    seen = "".join(c for c in text if unicodedata.category(c)[0] not in "CZM")
    return unicodedata.normalize("NFKC", seen).startswith(_FORMULAS)
