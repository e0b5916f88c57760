"""Which rows were chosen: kept in an address, or in one field of a form where they are too many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext

# An address survives an expired sign-in; servers take some 4,000 characters of it.
IN_ADDRESS = 100
# What one request can write down in a few seconds.
MOST_SELECTED = 10_000
_READ_AT_ONCE = 500


def keys_of(rows: QuerySet[Any]) -> list[UUID]:
    """Return the keys of the chosen rows, one more than allowed at most: never a whole table."""
    return list(
        rows.order_by("-created_at", "-pk").values_list("pk", flat=True)[: MOST_SELECTED + 1]
    )


def slices(rows: QuerySet[Any], keys: list[UUID]) -> Iterator[QuerySet[Any]]:
    """Yield the rows with these keys in parts, in each of them the newest first."""
    # Asked for ten thousand keys at once, PostgreSQL reads the whole table instead of the index.
    for start in range(0, len(keys), _READ_AT_ONCE):
        some = rows.filter(pk__in=keys[start : start + _READ_AT_ONCE])
        yield some.order_by("-created_at", "-pk")


def write_keys(keys: Iterable[UUID]) -> str:
    """Return the keys as one text for an address or a field."""
    return ".".join(key.hex for key in keys)


def read_keys(text: str) -> list[UUID]:
    """Return the keys in such a text, each once; what is none selects nothing."""
    keys: dict[UUID, None] = {}
    for part in text.split("."):
        with suppress(ValueError):
            keys[UUID(part)] = None
    return list(keys)


def too_many() -> str:
    """Return the sentence for a selection that is refused."""
    return gettext(
        "At most %(most)d can be selected at once here. Select fewer, "
        "or use the command cancel_payments."
    ) % {"most": MOST_SELECTED}
