"""What people paste into the search box, and the payments it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from django_alipay_cancel.models import Payment
from django_alipay_cancel.services.finding import look_up

# What people type once: an address of a browser holds no more.
MOST_NAMES = 500
# What one name, a reference of many payments, may bring.
MOST_FOUND = 1000

_BETWEEN_NAMES = re.compile(r"[\r\n\t,;，；、]+")


class Found(NamedTuple):
    """The keys of the payments that were named, and the names that no payment has."""

    keys: set[UUID]
    missing: list[str]
    is_cut: bool


def find(payments: QuerySet[Payment], text: str) -> Found:
    """Return the payments that `text` names: ids or references, exact, one or many.

    Line ends, tabs, commas and semicolons stand between names. A browser makes blanks of the line
    ends that people paste, but an id may hold blanks itself: so a piece with blanks is first looked
    up as it is, and only one that names no payment is taken apart at its blanks.
    """
    names = _distinct(_BETWEEN_NAMES.split(text))
    is_cut = len(names) > MOST_NAMES
    names = names[:MOST_NAMES]
    matches = look_up(payments, names, limit=MOST_FOUND + 1)
    parts = _distinct(
        part for name in names if not matches[name] and " " in _plain(name) for part in name.split()
    )
    is_cut = is_cut or len(parts) > MOST_NAMES
    if parts:
        names = [name for name in names if matches[name] or " " not in _plain(name)]
        found = look_up(payments, parts[:MOST_NAMES], limit=MOST_FOUND + 1)
        matches = {name: matches[name] for name in names} | found
    keys = {key for named in matches.values() for key in named}
    missing = [name for name, named in matches.items() if not named]
    return Found(set(list(keys)[:MOST_FOUND]), missing, is_cut or len(keys) > MOST_FOUND)


def _plain(name: str) -> str:
    return " ".join(name.split())


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for each in names if (name := each.strip())))
