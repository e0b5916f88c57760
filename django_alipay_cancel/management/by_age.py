"""cancel_payments --older-than: the sweep on a chosen set, which asks before it cancels any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.conf import settings
from django_alipay_cancel.management.acting import refused_to
from django_alipay_cancel.management.by_id import REFUSED, latest
from django_alipay_cancel.management.console import Console, Unfinished
from django_alipay_cancel.management.naming import batches
from django_alipay_cancel.management.progress import progress
from django_alipay_cancel.management.report_file import Report
from django_alipay_cancel.management.stopping import stop_signals
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.money import format_amount
from django_alipay_cancel.services.sweeping import payments_aged
from django_alipay_cancel.services.worker import resolve_these

KEPT, NOT_ASKED = "KEPT", "NOT_ASKED"


@dataclass
class Chosen:
    """The payments that were chosen, the oldest first, and how much money they are about."""

    keys: list[UUID] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter)
    refused: dict[UUID, str] = field(default_factory=dict)
    began_at: datetime = field(default_factory=timezone.now)

    def leave_out_for(self, person: Any) -> Iterator[str]:
        """Leave out what is refused to this person; yield the sentence for each."""
        if person is None:
            return
        for batch in batches(self.keys):
            for payment in Payment.objects.filter(pk__in=batch):
                why = refused_to(person, [payment])
                if why and payment.amount_value is not None:
                    self.sums[payment.amount_currency] -= payment.amount_value
                self.refused |= why
                yield from why.values()
        self.keys = [key for key in self.keys if key not in self.refused]

    def amounts(self) -> str:
        """Return the sum of each currency, e.g. "1,234.50 USD, 900 JPY"."""
        sums = (format_amount(value, name) for name, value in sorted((+self.sums).items()))
        return ", ".join(sums) or gettext("no amount is recorded")

    def payments(self) -> Iterator[tuple[Payment, dict[str, str]]]:
        """Yield each payment with what became of it, as cells of a report.

        The cancellation that was begun; KEPT when Alipay did not show it as unpaid; NOT_ASKED when
        there is no answer that may be believed, or it was stopped before.
        """
        for batch in batches(self.keys):
            begun = latest(batch, created_at__gte=self.began_at)
            rows = Payment.objects.in_bulk(batch)
            for key in batch:
                yield rows[key], begun.get(key) or self._without_cancellation(rows[key])

    def _without_cancellation(self, payment: Payment) -> dict[str, str]:
        was_asked = payment.checked_at is not None and payment.checked_at >= self.began_at
        if not was_asked and payment.status == Payment.Status.PROCESSING:
            return {"outcome": NOT_ASKED}
        return {"outcome": KEPT, "told": f"{payment.status}, {payment.checked_status}"}


def sweep_payments(options: dict[str, Any], report: Report, console: Console, person: Any) -> None:
    """Ask about the payments of this age and cancel what is unpaid; Unfinished: not all is done."""
    chosen = _choose(options)
    for sentence in chosen.leave_out_for(person):
        console.complain(sentence)
    told = ngettext(
        "%(count)d payment without a result is that old: %(sums)s.",
        "%(count)d payments without a result are that old: %(sums)s.",
        len(chosen.keys),
    )
    console.say(told % {"count": len(chosen.keys), "sums": chosen.amounts()})
    if options["dry_run"]:
        for payment, _ in chosen.payments():
            console.say(f"{payment}  {payment.amount}  {payment.status}")
            report.add(found=payment.pk)
        console.say(gettext("Nothing was sent."))
        return
    if not chosen.keys:
        _end(0, len(chosen.refused))
        return
    if options["interactive"]:
        _ask()
    with (
        stop_signals() as stop,
        progress(len(chosen.keys), gettext("asking"), console.err) as bar,
    ):
        resolve_these(
            chosen.keys,
            reason=options["reason"],
            requested_by=person,
            workers=options["workers"],
            tell=bar.update,
            stopping=stop.requested,
        )
    _tell(chosen, report, console)


def _choose(options: dict[str, Any]) -> Chosen:
    older_than, newer_than = options["older_than"], options["newer_than"]
    if newer_than is None:
        newer_than = settings.CANCEL_UNRESOLVED_WITHIN
    if older_than >= newer_than:
        raise Unfinished(
            gettext(
                "No payment is older than %(older)d s and newer than %(newer)d s. Give a longer "
                "--newer-than; without it CANCEL_UNRESOLVED_WITHIN counts."
            )
            % {"older": older_than, "newer": newer_than}
        )
    payments = payments_aged(older_than, newer_than)
    if options["merchant"]:
        payments = payments.filter(merchant=options["merchant"])
    chosen = Chosen()
    columns = ("pk", "amount_value", "amount_currency")
    for key, value, currency in payments.order_by("created_at").values_list(*columns):
        chosen.keys.append(key)
        if value is not None:
            chosen.sums[currency] += value
    return chosen


def _ask() -> None:
    question = gettext(
        "Ask Alipay about each of them, and cancel what it shows as unpaid? Type 'yes': "
    )
    try:
        answer = input(question)
    except (EOFError, OSError):
        raise Unfinished(
            gettext("Nobody answered, nothing was sent. A script gives --no-input.")
        ) from None
    if answer.strip().lower() != "yes":
        raise Unfinished(gettext("Nothing was sent."))


def _tell(chosen: Chosen, report: Report, console: Console) -> None:
    counts = dict.fromkeys((*Cancellation.Status.values, KEPT, NOT_ASKED), 0)
    for payment, cells in chosen.payments():
        counts[cells["outcome"]] += 1
        report.add(found=payment.pk, **cells)
        if cells["outcome"] == KEPT:
            console.say_of(str(payment), cells["told"])
    console.table(counts)
    for key, sentence in chosen.refused.items():
        report.add(found=key, outcome=REFUSED, told=sentence)
    _end(counts["PENDING"] + counts["NEEDS_REVIEW"] + counts[NOT_ASKED], len(chosen.refused))


def _end(unfinished: int, refused: int) -> None:
    if unfinished or refused:
        raise Unfinished(
            gettext(
                "%(unfinished)d are not finished and %(refused)d were refused; the worker "
                "(process_cancellations) repeats what is PENDING, and what was not asked can be "
                "asked again."
            )
            % {"unfinished": unfinished, "refused": refused}
        )
