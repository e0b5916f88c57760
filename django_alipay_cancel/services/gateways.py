"""The state of each merchant's gateway: put off as a whole when it throttles or gives no answer.

The rows keep their own due times. A row of `Gateway` is written on a change only: a call that is
answered by a gateway that is well costs one UPDATE that hits nothing.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import router
from django.utils import timezone

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.models import Gateway
from django_alipay_cancel.services.words import is_throttled

logger = logging.getLogger(__name__)

# So many calls in a row without any answer put a merchant off.
SILENT_CALLS = 5
# Seconds.
_LONGEST = 60
_NO_ANSWER = ("timeout", "connection_failed", "tls_failed", "connection_lost")


@dataclass(frozen=True)
class PutOff:
    """The merchants that are not called now: `waiting`, or `probing` since the time given."""

    waiting: dict[str, datetime] = field(default_factory=dict)
    probing: dict[str, datetime] = field(default_factory=dict)


def put_off(now: datetime) -> PutOff:
    """Return which merchants are put off; one whose time is over gets one probe at a time."""
    found = PutOff()
    rows = Gateway.objects.using(router.db_for_write(Gateway)).filter(not_before__isnull=False)
    for row in rows:
        assert row.not_before is not None  # by the filter
        kind = found.waiting if row.not_before > now else found.probing
        kind[row.merchant] = row.not_before
    return found


def win_probe(merchant: str, not_before: datetime) -> bool:
    """Return whether the caller may make the one call that finds out how the gateway is.

    Its answer settles it; when its process dies, the next probe follows a minute later.
    """
    rows = Gateway.objects.using(router.db_for_write(Gateway))
    until = timezone.now() + timedelta(seconds=_LONGEST)
    return bool(rows.filter(pk=merchant, not_before=not_before).update(not_before=until))


def heard(merchant: str, answer: Answer) -> None:
    """Take note of what came of a call, outside any transaction; what cannot be noted is logged."""
    try:
        _note(merchant, answer)
    except DatabaseError as error:
        logger.warning("Not noted how the gateway of the merchant %s is: %s", merchant, error)


def _note(merchant: str, answer: Answer) -> None:
    rows = Gateway.objects.using(router.db_for_write(Gateway))
    throttled = is_throttled(answer)
    if not throttled and not _is_silence(answer):
        well = {"failures": 0, "not_before": None, "since": None, "last_error": ""}
        if rows.filter(pk=merchant, failures__gt=0).update(**well):
            logger.info("The gateway of the merchant %s answers again.", merchant)
        return
    now = timezone.now()
    row, _ = rows.get_or_create(pk=merchant, defaults={"since": now})
    row.failures += 1
    row.since = row.since or now
    row.last_error = answer.error or answer.result_code
    beyond = row.failures if throttled else row.failures - SILENT_CALLS + 1
    if beyond > 0:
        seconds = max(min(2.0 ** (min(beyond, 10) - 1), _LONGEST), answer.retry_after or 0)
        # A jitter, and no secret.
        row.not_before = now + timedelta(seconds=seconds * random.uniform(0.75, 1.0))  # nosec B311
        logger.warning(
            "The gateway of the merchant %s is called again in %.0f s: %s, %s in a row.",
            merchant,
            seconds,
            row.last_error,
            row.failures,
        )
    row.save(using=rows.db)


def _is_silence(answer: Answer) -> bool:
    return answer.error in _NO_ANSWER or (
        answer.error == "http_status" and answer.http_status in (429, 503)
    )
