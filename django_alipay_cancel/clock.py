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


def local(at: datetime) -> datetime:
    """Return a time of a row as the active time zone's clock shows it."""
    return timezone.localtime(at) if timezone.is_aware(at) else at


def for_people(at: datetime) -> str:
    """Return a time of a row for people: to the second, with its zone, in whatever language."""
    here = aware(local(at))
    offset = here.isoformat()[-6:]
    zone = "UTC" if offset == "+00:00" else f"UTC{offset}"
    return f"{here:%Y-%m-%d %H:%M:%S} {zone}"


def aware(at: datetime) -> datetime:
    """Return a time of a row with its zone, whatever USE_TZ is."""
    return at if timezone.is_aware(at) else timezone.make_aware(at)
