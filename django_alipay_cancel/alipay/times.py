"""Times as Alipay writes them."""

from datetime import UTC, datetime


def parse_time(value: object) -> datetime | None:
    """Return an ISO 8601 time in UTC; None without an offset, or outside 2000 to 2099."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    # The years also keep the conversion, and every database, from overflowing.
    if time.tzinfo is None or not 2000 <= time.year <= 2099:
        return None
    return time.astimezone(UTC)
