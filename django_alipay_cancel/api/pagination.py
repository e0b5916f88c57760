"""Cursor pages: newest first, and stable while new rows come in."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

_INVALID_CURSOR = _("This cursor is not valid. Use the addresses in next and previous.")


class Pages(CursorPagination):
    """Pages of `page_size` rows, with the addresses of the next and the previous page."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-created_at", "-id")

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Read the cursor; the position in it goes to the database and may be anybody's text."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound:
            raise ValidationError({"cursor": [_INVALID_CURSOR]}) from None
        if (
            cursor is not None
            and cursor.position is not None
            and not _is_time(str(cursor.position))
        ):
            raise ValidationError({"cursor": [_INVALID_CURSOR]})
        return cursor


def _is_time(position: str) -> bool:
    try:
        time: datetime | None = parse_datetime(position)
    except ValueError:
        return False
    # Not at the ends of the calendar, where a change of time zone overflows.
    return time is not None and is_aware(time) == settings.USE_TZ and 1970 <= time.year < 9999
