"""Small pieces of the pages: badges, points in time, lists of facts, lines of attempts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Model
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from django_alipay_cancel.admin.explaining import attempt_sentence
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.wording import next_step_label

# What a status means for the eye; the label beside it says the same in words.
_TONES: Mapping[str, str] = {
    Payment.Status.SUCCESS: "good",
    Payment.Status.AUTHORIZED: "good",
    Payment.Status.FAIL: "bad",
    Payment.Status.CANCELLING: "unknown",
    Cancellation.Status.PENDING: "unknown",
    Cancellation.Status.NEEDS_REVIEW: "unknown",
    Cancellation.Status.SUCCEEDED: "good",
    Cancellation.Status.REJECTED: "bad",
    CancellationAttempt.Outcome.UNKNOWN: "unknown",
    CancellationAttempt.Outcome.NOT_SENT: "unknown",
}


class Fact(NamedTuple):
    """One line of a list of facts."""

    label: str
    value: Any


class AttemptLine(NamedTuple):
    """One attempt as the pages show it."""

    attempt: CancellationAttempt
    sent_at: SafeString | str
    duration: str
    outcome: SafeString
    sentence: str


def tone(status: str) -> str:
    """Return which of the style sheet's colours goes with the status."""
    return _TONES.get(status, "plain")


def badge(status: str, label: Any) -> SafeString:
    """Return the status as a coloured label."""
    return format_html('<span class="alipay-badge alipay-{}">{}</span>', tone(status), label)


def payment_badge(payment: Payment) -> SafeString:
    """Return the payment's status as a coloured label."""
    return badge(payment.status, payment.get_status_display())


def cancellation_badge(cancellation: Cancellation) -> SafeString:
    """Return the cancellation's status as a coloured label."""
    return badge(cancellation.status, cancellation.get_status_display())


def step_label(cancellation: Cancellation) -> str:
    """Return the few words for the next step; "" when there is nothing to do."""
    step = NextStep(cancellation.next_step)
    return "" if step is NextStep.NONE else str(next_step_label(step))


def moment(at: datetime | None) -> SafeString | str:
    """Return a point in time to the second, with its zone; "" for none."""
    if at is None:
        return ""
    local = timezone.localtime(at) if timezone.is_aware(at) else timezone.make_aware(at)
    offset = local.isoformat()[-6:]
    zone = "UTC" if offset == "+00:00" else f"UTC{offset}"
    return format_html(
        '<time datetime="{}">{} {}</time>',
        local.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S"),
        zone,
    )


def facts(row: Model, *names: str) -> Iterator[Fact]:
    """Yield the fields of these names with their labels, those that are empty left out."""
    for name in names:
        value = getattr(row, name)
        if value in (None, ""):
            continue
        field = row._meta.get_field(name)
        if isinstance(value, datetime):
            value = moment(value)
        elif getattr(field, "choices", None):
            value = getattr(row, f"get_{name}_display")()
        yield Fact(str(capfirst(getattr(field, "verbose_name", name))), value)


def attempt_line(attempt: CancellationAttempt) -> AttemptLine:
    """Return the attempt as the pages show it."""
    seconds = attempt.seconds
    return AttemptLine(
        attempt=attempt,
        sent_at=moment(attempt.sent_at),
        duration="" if seconds is None else gettext("%(seconds).2f s") % {"seconds": seconds},
        outcome=_outcome_badge(attempt),
        sentence=attempt_sentence(attempt),
    )


def _outcome_badge(attempt: CancellationAttempt) -> SafeString:
    # That an inquiry was answered is no good news yet: what it says stands beside it.
    is_cancel = attempt.kind == CancellationAttempt.Kind.CANCEL
    return badge(attempt.outcome if is_cancel else "", attempt.get_outcome_display())
