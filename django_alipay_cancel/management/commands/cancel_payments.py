"""cancel_payments: many payments, by id or by age, with the worker's own code."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel import services
from django_alipay_cancel.management.duration import seconds_of
from django_alipay_cancel.management.progress import progress
from django_alipay_cancel.management.stopping import stop_signals
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.finding import look_up
from django_alipay_cancel.services.worker import MAX_WORKERS, process_these

_BATCH = 500


class Command(BaseCommand):
    """Request the cancellations, carry them out, and print what became of them."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = gettext(
            "Cancel payments. Ids are looked up as id, payment_request_id, payment_id and "
            "reference. Exit status 0 only when every one of them is finished. Ctrl-C lets the "
            "calls in flight finish; safe to start again."
        )
        parser.add_argument("ids", nargs="*", metavar="ID")
        parser.add_argument("--file", type=Path, help=gettext("a file with one id per line"))
        parser.add_argument(
            "--older-than",
            type=seconds_of,
            metavar="AGE",
            help=gettext("payments without a result, older than this (30m, 12h, 90s)"),
        )
        parser.add_argument("--merchant", help=gettext("only payments of this merchant"))
        parser.add_argument("--reason", default="")
        parser.add_argument(
            "--workers", type=int, default=1, choices=range(1, MAX_WORKERS + 1), metavar="N"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=gettext("only say what would be done")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        keys, unknown = self._find(options)
        for text in unknown:
            self.stderr.write(gettext("No payment has the id %(id)r.") % {"id": text})
        if options["dry_run"]:
            self._tell_plan(keys)
        else:
            self._cancel(keys, options)
        if unknown:
            raise CommandError(gettext("%(count)d ids are unknown.") % {"count": len(unknown)})

    def _find(self, options: dict[str, Any]) -> tuple[list[UUID], list[str]]:
        if not options["ids"] and not options["file"] and options["older_than"] is None:
            raise CommandError(gettext("Give ids, --file or --older-than."))
        payments = Payment.objects.all()
        if options["merchant"]:
            payments = payments.filter(merchant=options["merchant"])
        found: dict[UUID, None] = {}
        unknown: list[str] = []
        for batch in _batches(_ids(options["ids"], options["file"])):
            for text, matches in look_up(payments, batch).items():
                if len(matches) > 1:
                    raise CommandError(
                        gettext("%(id)r names %(count)d payments; give their id instead: %(ids)s")
                        % {"id": text, "count": len(matches), "ids": ", ".join(map(str, matches))}
                    )
                found.update(dict.fromkeys(matches))
                if not matches:
                    unknown.append(text)
        if options["older_than"] is not None:
            before = timezone.now() - timedelta(seconds=options["older_than"])
            old = payments.filter(status=Payment.Status.PROCESSING, created_at__lt=before)
            found.update(dict.fromkeys(old.order_by("created_at").values_list("pk", flat=True)))
        return list(found), unknown

    def _tell_plan(self, keys: list[UUID]) -> None:
        for batch in _batches(keys):
            for payment in Payment.objects.filter(pk__in=batch):
                self.stdout.write(f"{payment}  {payment.amount}  {payment.status}")
        told = gettext("%(count)d payments would be cancelled. Nothing was sent.")
        self.stdout.write(told % {"count": len(keys)})

    def _cancel(self, keys: list[UUID], options: dict[str, Any]) -> None:
        refused: dict[UUID, str] = {}
        for batch in _batches(keys):
            try:
                report = services.request_cancellations(
                    Payment.objects.filter(pk__in=batch), reason=options["reason"]
                )
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            refused |= report.refused
        for sentence in refused.values():
            self.stderr.write(sentence)
        wanted = [key for key in keys if key not in refused]
        with (
            stop_signals() as stop,
            progress(len(wanted), gettext("cancelling"), self.stderr) as bar,
        ):
            process_these(
                wanted, workers=options["workers"], tell=bar.update, stopping=stop.requested
            )
        self._tell_outcome(wanted, len(refused))

    def _tell_outcome(self, keys: list[UUID], refused: int) -> None:
        counts = dict.fromkeys(Cancellation.Status.values, 0)
        for batch in _batches(keys):
            for status in _latest_statuses(batch):
                counts[status] += 1
        for status, count in counts.items():
            self.stdout.write(f"{status:<14}{count:>8}")
        label = gettext("refused")
        self.stdout.write(f"{label:<14}{refused:>8}")
        unfinished = counts["PENDING"] + counts["NEEDS_REVIEW"]
        if unfinished or refused:
            raise CommandError(
                gettext(
                    "%(unfinished)d are not finished and %(refused)d were refused; the worker "
                    "(process_cancellations) repeats what is PENDING."
                )
                % {"unfinished": unfinished, "refused": refused}
            )


def _ids(given: list[str], file: Path | None) -> Iterator[str]:
    yield from given
    if file is None:
        return
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            gettext("%(path)s cannot be read: %(error)s") % {"path": file, "error": error}
        ) from None
    yield from (line.strip() for line in lines if line.strip())


def _batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _latest_statuses(payments: list[UUID]) -> Iterable[str]:
    rows = Cancellation.objects.filter(payment__in=payments).order_by("created_at")
    return dict(rows.values_list("payment_id", "status")).values()
