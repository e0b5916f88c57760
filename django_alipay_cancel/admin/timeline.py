"""Everything that happened to a payment, in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_alipay_cancel.admin.blocks import CancellationBlock
from django_alipay_cancel.admin.sentences import attempt_sentence
from django_alipay_cancel.admin.showing import attempt_line, cancellation_badge, moment
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment, PaymentEvent
from django_alipay_cancel.outcomes import own_message

# A program may ask ten thousand times; people read the latest.
_MOST_ACTS = 50


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One event; `details` are sentences and facts, `code` is Alipay's, `url` leads to more."""

    at: datetime
    title: str
    badge: SafeString | str = ""
    details: tuple[Any, ...] = ()
    code: str = ""
    accepted: bool = True
    url: str = ""

    @property
    def when(self) -> SafeString | str:
        """The time with its zone."""
        return moment(self.at)


def timeline(
    payment: Payment,
    cancellations: Iterable[CancellationBlock],
    attempts: Iterable[CancellationAttempt],
) -> list[Entry]:
    """Return what is recorded of the payment, of its cancellations and of these attempts.

    What is to come, the next repeat, stands last.
    """
    entries = [*_facts(payment), *_acts(payment), *map(_call, attempts)]
    for block in cancellations:
        cancellation = block.cancellation
        entries += _wish(block)
        entries += _end(cancellation)
    return sorted(entries, key=_latest)


def _latest(entry: Entry) -> datetime:
    # A time in whole seconds is Alipay's: it happened after what is recorded here in that second.
    return entry.at if entry.at.microsecond else entry.at.replace(microsecond=999_999)


def _facts(payment: Payment) -> Iterator[Entry]:
    failed = gettext("Payment failed: no money was taken")
    if payment.paid_at:
        failed = gettext("Payment failed")
    facts = (
        (payment.created_at, gettext("Payment recorded here")),
        (payment.authorized_at, gettext("Payment authorized: the buyer's money is held")),
        (payment.paid_at, gettext("Paid by the buyer")),
        (payment.failed_at, failed),
        (payment.cancelled_at, gettext("Cancelled at Alipay, by its own clock")),
        (payment.refunded_at, gettext("Refunded at Alipay, in full")),
    )
    for at, title in facts:
        if at is not None:
            yield Entry(at=at, title=title)


def _acts(payment: Payment) -> Iterator[Entry]:
    """What people did and what was told besides; names stay when accounts are gone."""
    by_name: dict[str, str] = {
        PaymentEvent.Kind.ASKED_AGAIN: gettext("Asked again by %(name)s"),
        PaymentEvent.Kind.CHECKED: gettext("Checked now by %(name)s"),
    }
    nameless: dict[str, str] = {
        PaymentEvent.Kind.ASKED_AGAIN: gettext("Asked again"),
        PaymentEvent.Kind.CHECKED: gettext("Checked now"),
        PaymentEvent.Kind.CAPTURED: gettext("Captured: the money that was held is taken"),
        PaymentEvent.Kind.FORGOTTEN: gettext("Personal data removed"),
        PaymentEvent.Kind.AMOUNT_CHANGED: gettext("Alipay changed the amount"),
        PaymentEvent.Kind.CONTRADICTED: gettext("Alipay told another amount than the one recorded"),
        PaymentEvent.Kind.RECORDED: gettext("Told by Alipay without an amount that can be used"),
    }
    events = PaymentEvent.objects.using(payment.database).filter(payment=payment)
    # What the shop recorded stands among the facts.
    events = events.exclude(kind=PaymentEvent.Kind.RECORDED, source=PaymentEvent.Source.SHOP)
    for event in events.filter(kind__in=nameless).order_by("-pk")[:_MOST_ACTS]:
        title = by_name.get(event.kind) if event.person_name else None
        yield Entry(
            at=event.at,
            title=(title or nameless[event.kind]) % {"name": event.person_name},
            details=(event.text,) if event.text else (),
        )


def _wish(block: CancellationBlock) -> Iterator[Entry]:
    cancellation = block.cancellation
    asked = {
        "name": cancellation.requested_by_name,
        "source": cancellation.get_source_display(),
    }
    if cancellation.requested_by_name:
        title = gettext("Cancellation asked for by %(name)s (%(source)s)") % asked
    else:
        title = gettext("Cancellation asked for (%(source)s)") % asked
    yield Entry(
        at=cancellation.created_at,
        title=title,
        details=tuple(_details(block)),
        url=block.page_url,
    )


def _details(block: CancellationBlock) -> Iterator[Any]:
    if block.cancellation.reason:
        yield gettext("Reason: %(reason)s") % {"reason": block.cancellation.reason}
    if block.sheet_url:
        yield format_html('<a href="{}">{}</a>', block.sheet_url, gettext("Result sheet"))


def _call(attempt: CancellationAttempt) -> Entry:
    line = attempt_line(attempt)
    took = gettext("Took %(duration)s") % {"duration": line.duration} if line.duration else ""
    http = f"HTTP {attempt.http_status}" if attempt.http_status else ""
    return Entry(
        at=attempt.sent_at,
        title=line.title,
        badge=line.outcome,
        code=attempt.result_code,
        accepted=not attempt.error,
        details=tuple(filter(None, (attempt_sentence(attempt), took, http))),
    )


def _end(cancellation: Cancellation) -> Iterator[Entry]:
    badge = cancellation_badge(cancellation)
    if cancellation.finished_at is not None:
        yield Entry(
            at=cancellation.finished_at,
            title=gettext("Cancellation finished"),
            badge=badge,
            details=tuple(filter(None, _ending(cancellation))),
        )
    elif cancellation.next_attempt_at is not None:
        in_review = cancellation.status == Cancellation.Status.NEEDS_REVIEW
        title = gettext("Next inquiry") if in_review else gettext("Next repeat")
        yield Entry(at=cancellation.next_attempt_at, title=title, badge=badge)


def _ending(cancellation: Cancellation) -> Iterator[str]:
    yield own_message(cancellation)
    if cancellation.closed_by_name:
        by = {"name": cancellation.closed_by_name}
        yield gettext("Closed by hand by %(name)s.") % by
        yield cancellation.note
