"""The gateway's clock, and how it writes times."""

from datetime import UTC, datetime, timedelta, timezone

ALIPAY_TIME = timezone(timedelta(hours=8))  # the zone of Alipay's business day


class Clock:
    """Goes with the real time until it is set; then it stands still until it is moved on."""

    def __init__(self) -> None:
        self._stands_at: datetime | None = None
        self._ahead = timedelta()

    @property
    def now(self) -> datetime:
        """The gateway's time, aware, in UTC+8."""
        return ((self._stands_at or datetime.now(UTC)) + self._ahead).astimezone(ALIPAY_TIME)

    def set(self, at: datetime | None) -> None:
        """Stand still at ``at``; None lets the clock go with the real time again."""
        if at is not None:
            require_aware(at)
        self._stands_at, self._ahead = at, timedelta()

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


def require_aware(at: datetime) -> None:
    """Raise ValueError for a time without an offset."""
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no UTC offset.")


def wire_time(at: datetime) -> str:
    """Return ``at`` as Alipay writes times: ISO 8601 with offset, whole seconds."""
    return at.astimezone(ALIPAY_TIME).isoformat(timespec="seconds")
