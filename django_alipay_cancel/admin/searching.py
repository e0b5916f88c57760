"""The payments that a search names, whatever came along when people pasted it."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext

from django_alipay_cancel.admin.pasting import forms, is_too_long, parts, pieces
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services.finding import look_up

# What people type once: an address of a browser holds no more.
MOST_NAMES = 500
# What one name, a reference of many payments, may bring.
MOST_FOUND = 1000


@dataclass
class Found:
    """The payments of each name, in the order in which the names were given, as they were typed.

    `too_many` is the number of names where it was refused, 0 otherwise.
    """

    names: dict[str, list[UUID]] = field(default_factory=dict)
    too_many: int = 0

    @property
    def keys(self) -> list[UUID]:
        """All payments that were named, in that order, as many as are shown."""
        return self._all[:MOST_FOUND]

    @property
    def is_cut(self) -> bool:
        """Whether the names have more payments than are shown."""
        return len(self._all) > MOST_FOUND

    @property
    def missing(self) -> list[str]:
        """The names that no payment has."""
        return [name for name, keys in self.names.items() if not keys]

    @property
    def _all(self) -> list[UUID]:
        return list(dict.fromkeys(key for keys in self.names.values() for key in keys))


def find_payments(payments: QuerySet[Payment], text: str) -> Found:
    """Return the payments that `text` names: ids or references, one or many.

    A browser makes blanks of the line ends that people paste, but an id may hold blanks itself: so
    a piece is first looked up whole, and only one that names no payment is taken apart.
    """
    names = pieces(text)
    if len(names) > MOST_NAMES:
        return Found(too_many=len(names))
    whole = _look_up(payments, names)
    taken_apart = {name: parts(name) for name in names if not whole[name] and len(parts(name)) > 1}
    count = sum(len(taken_apart.get(name, [name])) for name in names)
    if count > MOST_NAMES:
        return Found(too_many=count)
    of_parts = _look_up(payments, [part for some in taken_apart.values() for part in some])
    found = Found()
    for name in names:
        for part in taken_apart.get(name, [name]):
            found.names[part] = whole.get(part) or of_parts.get(part, [])
    return found


def what_is_wrong(name: str) -> str:
    """Return why a name has no payment, in the active language."""
    if is_too_long(name):
        return gettext("too long to be a reference or an ID")
    if not forms(name):
        return gettext("contains control characters")
    return gettext("no payment has this reference or ID")


def _look_up(payments: QuerySet[Payment], names: list[str]) -> dict[str, list[UUID]]:
    """Return the payments of each name: of what was typed, else of what was meant."""
    meant = {name: forms(name) for name in names}
    texts = [form for some in meant.values() for form in some]
    matches = look_up(payments, texts, limit=MOST_FOUND + 1) if texts else {}
    return {
        name: next((matches[form] for form in some if matches[form]), [])
        for name, some in meant.items()
    }
