"""Which rows were chosen: kept in an address, or in one field of a form where they are too many."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext

# An address survives an expired sign-in; servers take some 4,000 characters of it.
IN_ADDRESS = 100
# What one request can write down in a few seconds.
MOST = 10_000


def keys_of(rows: QuerySet[Any]) -> list[UUID]:
    """Return the keys of the chosen rows, one more than allowed at most: never a whole table."""
    return list(rows.order_by("-created_at", "-pk").values_list("pk", flat=True)[: MOST + 1])


def written(keys: Iterable[UUID]) -> str:
    """Return the keys as one text for an address or a field."""
    return ".".join(key.hex for key in keys)


def read(text: str) -> list[UUID]:
    """Return the keys in such a text, each once; what is none selects nothing."""
    keys: dict[UUID, None] = {}
    for part in text.split("."):
        with suppress(ValueError):
            keys[UUID(part)] = None
    return list(keys)


def too_many(most: int | None = None) -> str:
    """Return the sentence for a selection that is refused."""
    return gettext(
        "At most %(most)d can be selected at once here. Select fewer, "
        "or use the command cancel_payments."
    ) % {"most": most or MOST}
