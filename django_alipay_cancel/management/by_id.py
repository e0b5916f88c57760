"""cancel_payments by name: all are looked up before the first is written down."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import UUID, uuid4

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext

from django_alipay_cancel import services
from django_alipay_cancel.conf import settings
from django_alipay_cancel.management.acting import refused_to
from django_alipay_cancel.management.console import Console, Unfinished
from django_alipay_cancel.management.naming import Named, batches, find_named, in_file
from django_alipay_cancel.management.progress import progress
from django_alipay_cancel.management.report_file import Report
from django_alipay_cancel.management.stopping import stop_signals
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import cancellation_message
from django_alipay_cancel.services.batches import NOT_FOUND, GivenLine, record_batch
from django_alipay_cancel.services.worker import process_these
from django_alipay_cancel.wording import joined

REFUSED = "REFUSED"
_MET = (Cancellation.Status.SUCCEEDED, Cancellation.Status.REFUNDED)
_COUNTED = (*Cancellation.Status.values, REFUSED)


@dataclass
class _Outcomes:
    """What became of each payment: cells of the report by key."""

    by_key: dict[UUID, dict[str, str]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        found = [cells["outcome"] for cells in self.by_key.values()]
        counts = {outcome: found.count(outcome) for outcome in _COUNTED}
        if not settings.REFUNDS and not counts[Cancellation.Status.REFUNDED]:
            del counts[Cancellation.Status.REFUNDED]
        return counts


def cancel(options: dict[str, Any], report: Report, console: Console, person: Any) -> None:
    """Cancel what is named for `person`; Unfinished: not all of it is finished or known."""
    named = find_named(_payments(options["merchant"]), _named(options))
    if not named:
        raise Unfinished(gettext("There is no line with an id."))
    unknown = [each for each in named if each.key is None]
    for each in unknown:
        console.complain(_at_line(each))
    keys = list(dict.fromkeys(each.key for each in named if each.key is not None))
    outcomes = _Outcomes()
    if options["dry_run"]:
        _tell_plan(keys, console)
    elif keys:
        outcomes = _cancel(keys, named, options, console, person)
    _write(report, named, outcomes)
    sentences = []
    if (unfinished := _unfinished(outcomes)) is not None:
        sentences.append(unfinished)
    if unknown:
        sentences.append(gettext("%(count)d ids are unknown.") % {"count": len(unknown)})
    if sentences:
        raise Unfinished(joined(sentences))


def _payments(merchant: str | None) -> Any:
    payments = Payment.objects.all()
    return payments.filter(merchant=merchant) if merchant else payments


def _named(options: dict[str, Any]) -> chain[Named]:
    typed = map(Named, options["ids"])
    if options["file"] is None:
        return chain(typed)
    listed = in_file(
        options["file"],
        encoding=options["encoding"],
        delimiter=options["delimiter"],
        columns=options["columns"],
    )
    return chain(typed, listed)


def _at_line(named: Named) -> str:
    if named.line is None:
        return named.problem
    return gettext("line %(number)d: %(sentence)s") % {
        "number": named.line,
        "sentence": named.problem,
    }


def _tell_plan(keys: Sequence[UUID], console: Console) -> None:
    for batch in batches(keys):
        for payment in Payment.objects.filter(pk__in=batch):
            console.say(f"{payment}  {payment.amount}  {payment.status}")
    told = gettext("%(count)d payments would be cancelled. Nothing was sent.")
    console.say(told % {"count": len(keys)})


def _cancel(
    keys: Sequence[UUID],
    named: Sequence[Named],
    options: dict[str, Any],
    console: Console,
    person: Any,
) -> _Outcomes:
    outcomes = _Outcomes()
    batch_id, reason = uuid4(), options["reason"]
    lines = (GivenLine(each.name, each.key, "" if each.key else NOT_FOUND) for each in named)
    record_batch(batch_id, lines, requested_by=person, reason=reason)
    for batch in batches(keys):
        payments = Payment.objects.filter(pk__in=batch)
        refused = refused_to(person, payments, or_refund=options["or_refund"])
        requested = services.request_cancellations(
            payments.exclude(pk__in=refused),
            requested_by=person,
            reason=reason,
            batch=batch_id,
            or_refund=options["or_refund"],
        )
        for key, sentence in {**refused, **requested.refused}.items():
            console.complain(sentence)
            outcomes.by_key[key] = {"outcome": REFUSED, "told": sentence}
    wanted = [key for key in keys if key not in outcomes.by_key]
    with (
        stop_signals() as stop,
        progress(len(wanted), gettext("cancelling"), console.err) as bar,
    ):
        process_these(wanted, workers=options["workers"], tell=bar.update, stopping=stop.requested)
    with suppress(NoReverseMatch):  # a project without the admin
        url = reverse("admin:django_alipay_cancel_batch", args=[batch_id])
        console.say(gettext("Result sheet in the admin: %(url)s") % {"url": url})
    for batch in batches(wanted):
        for key, cells in latest(batch).items():
            outcomes.by_key[key] = cells
            if cells["outcome"] not in _MET:
                console.say_of(cells["payment"], cells["outcome"], cells["told"])
    counts = outcomes.counts()
    counts[gettext("refused")] = counts.pop(REFUSED)
    console.table(counts)
    return outcomes


def latest(payments: Sequence[UUID], **conditions: Any) -> dict[UUID, dict[str, str]]:
    """Return, for each of these payments, how its latest cancellation stands: cells of a report."""
    rows = Cancellation.objects.filter(payment__in=payments, **conditions).order_by("created_at")
    return {
        row.payment_id: {
            "payment": str(row.payment),
            "outcome": row.status,
            "code": row.result_code or row.error,
            "next_step": row.next_step,
            "told": str(cancellation_message(row)),
        }
        for row in rows.select_related("payment")
    }


def _unfinished(outcomes: _Outcomes) -> str | None:
    counts = outcomes.counts()
    unfinished = counts["PENDING"] + counts["NEEDS_REVIEW"]
    if not unfinished and not counts[REFUSED]:
        return None
    return gettext(
        "%(unfinished)d are not finished and %(refused)d were refused; the worker "
        "(process_cancellations) repeats what is PENDING."
    ) % {"unfinished": unfinished, "refused": counts[REFUSED]}


def _write(report: Report, named: Sequence[Named], outcomes: _Outcomes) -> None:
    for each in named:
        if each.key is None:
            cells: dict[str, Any] = {"outcome": "UNKNOWN", "told": each.problem}
        else:
            cells = {"found": each.key, **outcomes.by_key.get(each.key, {})}
        report.add(line=each.line, input=each.text, **cells)
