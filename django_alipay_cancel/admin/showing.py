"""Small pieces of the pages: badges, points in time, lists of facts, lines of attempts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext, pgettext_lazy

from django_alipay_cancel.admin.sentences import attempt_sentence
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.clock import aware, for_people, local
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.outcomes import advice
from django_alipay_cancel.wording import next_step_label, next_step_sentence

# What a status means for the eye; the label beside it says the same in words.
_TONES: Mapping[str, str] = {
    Payment.Status.SUCCESS: "good",
    Payment.Status.AUTHORIZED: "good",
    Payment.Status.FAIL: "bad",
    Payment.Status.CANCELLING: "unknown",
    Payment.Status.REFUNDING: "unknown",
    Payment.Status.REFUNDED: "good",
    Cancellation.Status.PENDING: "unknown",
    Cancellation.Status.NEEDS_REVIEW: "unknown",
    Cancellation.Status.SUCCEEDED: "good",
    Cancellation.Status.REJECTED: "bad",
    CancellationAttempt.Outcome.UNKNOWN: "unknown",
    CancellationAttempt.Outcome.NOT_SENT: "unknown",
}


_SHORT = {
    Cancellation.Status.PENDING: pgettext_lazy("short cancellation status", "waiting"),
}


class LabelledValue(NamedTuple):
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

    @property
    def title(self) -> str:
        """Its number and what it was."""
        numbered = {"number": self.attempt.number, "kind": self.attempt.get_kind_display()}
        return gettext("Attempt %(number)d: %(kind)s") % numbered


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


def short_badge(cancellation: Cancellation) -> SafeString:
    """Return the same for a narrow column."""
    label = _SHORT.get(cancellation.status, cancellation.get_status_display())
    return badge(cancellation.status, label)


def step_label(cancellation: Cancellation) -> SafeString | str:
    """Return the few words for the next step, the sentence on them; "" for nothing to do."""
    step = advice(cancellation)
    if step is NextStep.NONE:
        return ""
    return format_html(
        '<span title="{}">{}</span>', next_step_sentence(step), next_step_label(step)
    )


def moment(at: datetime | None) -> SafeString | str:
    """Return a point in time to the second, with its zone; "" for none."""
    if at is None:
        return ""
    return format_html(
        '<time datetime="{}">{}</time>', aware(local(at)).isoformat(), for_people(at)
    )


def short_moment(at: datetime | None) -> SafeString | str:
    """Return the same for a narrow column, the zone on it."""
    if at is None:
        return ""
    here = aware(local(at))
    return format_html(
        '<time datetime="{}" title="{}">{}<br>{}</time>',
        here.isoformat(),
        here.tzname(),
        f"{here:%Y-%m-%d}",
        f"{here:%H:%M:%S}",
    )


def facts(row: Model, *names: str) -> Iterator[LabelledValue]:
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
        yield LabelledValue(str(capfirst(getattr(field, "verbose_name", name))), value)


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
    acts = attempt.kind in (CancellationAttempt.Kind.CANCEL, CancellationAttempt.Kind.REFUND)
    return badge(attempt.outcome if acts else "", attempt.get_outcome_display())
