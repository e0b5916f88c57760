"""Text that people paste: taken apart into names, and each name as it may have been meant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from django_alipay_cancel.models import REFERENCE_LENGTH

_BETWEEN = re.compile(r"[\r\n\t,;，；、]+")
# An id may hold these itself, so that a piece is taken apart at them only when nothing is called
# like the whole of it.
_PERHAPS_BETWEEN = re.compile(r"[\s/|／｜]+")
# What surrounds a number in a table, a chat or a sentence.
_AROUND = " \"'`´#.:·()[]{}<>“”„‘’«»「」『』【】《》〈〉〔〕。"


def pieces(text: str) -> list[str]:
    """Return what stands between line ends, tabs, commas and semicolons, each once."""
    return _distinct(_BETWEEN.split(text))


def parts(piece: str) -> list[str]:
    """Return what stands in a piece between blanks, slashes and bars."""
    return _distinct(_PERHAPS_BETWEEN.split(piece))


def forms(name: str) -> list[str]:
    """Return what the name may mean, as it is typed first, then without what came along.

    Without characters that nobody sees, full-width ones as usual ones, nothing around it. What no
    id or reference can be is left out.
    """
    seen = "".join(c for c in name if unicodedata.category(c) != "Cf")
    bare = unicodedata.normalize("NFKC", seen).strip(_AROUND)
    return [form for form in _distinct([name, bare]) if not _is_impossible(form)]


def is_too_long(name: str) -> bool:
    """Whether the name is longer than any reference."""
    return len(name) > REFERENCE_LENGTH


def _is_impossible(form: str) -> bool:
    # PostgreSQL even refuses to look for a NUL.
    return any(unicodedata.category(c) in ("Cc", "Cs") for c in form)


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for each in names if (name := each.strip())))
