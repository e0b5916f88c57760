"""Ids on their way through a file: what spreadsheets, databases and programs make of them."""

from __future__ import annotations

import re
import unicodedata

from django.utils.translation import gettext, gettext_lazy

# More digits than a spreadsheet keeps; so many zeros at the end of an id are no chance.
_KEPT_DIGITS, _SURELY = 15, 20
_FULL_WIDTH = range(0xFF01, 0xFF5F)  # of all that ASCII has
_NOTHING = frozenset(
    {
        r"\N",
        "NULL",
        "null",
        "None",
        "NONE",
        "nan",
        "NaN",
        "NAN",
        "NaT",
        "<NA>",
        "(null)",
        "undefined",
    }
)
_CAUSES = (
    (
        r"[+-]?\d+([.,]\d+)?[eE][+-]\d+|\d+[.,]\d+[eE]\d+",
        gettext_lazy("a number in scientific notation, as a spreadsheet writes long ids"),
    ),
    (
        r"\d+\.0+",
        gettext_lazy("a decimal number, as programs write ids that they took for numbers"),
    ),
    (r"=.*", gettext_lazy('a formula such as ="...", and not the id')),
    (r"['‘’].*", gettext_lazy("an apostrophe by which a spreadsheet marks text")),
    (r"`.*", gettext_lazy("a backtick, as banks put it before numbers")),
    (r'".*|.*"', gettext_lazy("a quotation mark that does not belong to the id")),
    (
        r"#(N/A|REF!|NAME\?|VALUE!|NULL!|NUM!|DIV/0!|#+)",
        gettext_lazy("an error of a spreadsheet, and not the id"),
    ),
)


def why_destroyed(text: str) -> str:
    """Return what became of this id; empty when it may be one.

    Only what is surely no id any more is told: a lost id is refused, never repaired.
    """
    if text in _NOTHING:
        return gettext('this is how programs write "nothing"; leave the cell empty')
    for pattern, cause in _CAUSES:
        if re.fullmatch(pattern, text, re.DOTALL):
            return str(cause)
    if not text.isprintable() and any(map(_is_invisible, text)):
        return gettext("an invisible character within the id")
    if not text.isascii() and any(ord(character) in _FULL_WIDTH for character in text):
        return gettext("full-width characters, as a Chinese keyboard types them")
    if len(text) >= _SURELY and text.isdecimal() and not text[_KEPT_DIGITS:].strip("0"):
        return gettext("a spreadsheet keeps 15 digits and has made zeros of the others")
    return ""


def _is_invisible(character: str) -> bool:
    return character != " " and unicodedata.category(character) in ("Cf", "Cc", "Zs", "Zl", "Zp")
