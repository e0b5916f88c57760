"""Points in time as this project's database takes them."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import timezone


def storable(at: datetime | None) -> datetime | None:
    """Return `at` aware under USE_TZ and naive local time without; None when that cannot be."""
    if at is None or timezone.is_aware(at) == settings.USE_TZ:
        return at
    try:
        return timezone.make_aware(at) if settings.USE_TZ else timezone.make_naive(at)
    except (OverflowError, ValueError):  # the first or last day a calendar has
        return None
