"""Everything that happened to a payment, in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_alipay_cancel.admin.explaining import attempt_sentence
from django_alipay_cancel.admin.showing import attempt_line, cancellation_badge, moment
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.wording import next_step_sentence, result_sentence


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event; `details` are sentences and facts, `code` is Alipay's, `url` leads to more."""

    at: datetime
    title: str
    badge: SafeString | str = ""
    details: tuple[Any, ...] = ()
    code: str = ""
    verified: bool = True
    url: str = ""

    @property
    def when(self) -> SafeString | str:
        """The time with its zone."""
        return moment(self.at)


def timeline(payment: Payment, cancellations: Iterable[tuple[Cancellation, str]]) -> list[Entry]:
    """Return what is recorded of the payment and of its cancellations, each with its page's url.

    What is to come, the next repeat, stands last.
    """
    entries = [*_facts(payment)]
    for cancellation, url in cancellations:
        entries += _wish(cancellation, url)
        entries += map(_call, cancellation.attempts.all())
        entries += _end(cancellation)
    return sorted(entries, key=_latest)


def _latest(entry: Entry) -> datetime:
    # A time in whole seconds is Alipay's: it happened after what is recorded here in that second.
    return entry.at if entry.at.microsecond else entry.at.replace(microsecond=999_999)


def _facts(payment: Payment) -> Iterator[Entry]:
    facts = (
        (payment.created_at, gettext("Payment recorded here")),
        (payment.authorized_at, gettext("Payment authorized: the buyer's money is held")),
        (payment.paid_at, gettext("Paid by the buyer")),
        (payment.failed_at, gettext("Payment failed: no money was taken")),
        (payment.cancelled_at, gettext("Cancelled at Alipay, by its own clock")),
    )
    for at, title in facts:
        if at is not None:
            yield Entry(at=at, title=title)


def _wish(cancellation: Cancellation, url: str) -> Iterator[Entry]:
    asked = {
        "name": cancellation.requested_by_name,
        "source": cancellation.get_source_display(),
    }
    if cancellation.requested_by_name:
        title = gettext("Cancellation asked for by %(name)s (%(source)s)") % asked
    else:
        title = gettext("Cancellation asked for (%(source)s)") % asked
    reason = gettext("Reason: %(reason)s") % {"reason": cancellation.reason}
    yield Entry(
        at=cancellation.created_at,
        title=title,
        details=(reason,) if cancellation.reason else (),
        url=url,
    )
    if cancellation.asked_by_name:
        again = gettext("Asked again by %(name)s") % {"name": cancellation.asked_by_name}
        yield Entry(at=cancellation.asked_at, title=again)


def _call(attempt: CancellationAttempt) -> Entry:
    line = attempt_line(attempt)
    numbered = {"number": attempt.number, "kind": attempt.get_kind_display()}
    took = gettext("Took %(duration)s") % {"duration": line.duration} if line.duration else ""
    http = f"HTTP {attempt.http_status}" if attempt.http_status else ""
    return Entry(
        at=attempt.sent_at,
        title=gettext("Attempt %(number)d: %(kind)s") % numbered,
        badge=line.outcome,
        code=attempt.result_code,
        verified=not attempt.error,
        details=tuple(filter(None, (attempt_sentence(attempt), took, http))),
    )


def _end(cancellation: Cancellation) -> Iterator[Entry]:
    badge = cancellation_badge(cancellation)
    if cancellation.finished_at is not None:
        yield Entry(
            at=cancellation.finished_at,
            title=gettext("Cancellation finished"),
            badge=badge,
            code="" if cancellation.closed_by_name else cancellation.result_code,
            details=tuple(filter(None, _ending(cancellation))),
        )
    elif cancellation.next_attempt_at is not None:
        in_review = cancellation.status == Cancellation.Status.NEEDS_REVIEW
        title = gettext("Next inquiry") if in_review else gettext("Next repeat")
        yield Entry(at=cancellation.next_attempt_at, title=title, badge=badge)


def _ending(cancellation: Cancellation) -> Iterator[str]:
    if cancellation.closed_by_name:
        by = {"name": cancellation.closed_by_name}
        yield gettext("Closed by hand by %(name)s.") % by
        yield cancellation.note
        return
    if cancellation.result_code:
        yield result_sentence(cancellation.result_code)
    yield next_step_sentence(cancellation.next_step)
