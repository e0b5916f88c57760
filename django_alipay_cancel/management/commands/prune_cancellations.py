"""prune_cancellations: what is finished and older than the shop keeps its records goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.files.plain import plain
from django_alipay_cancel.management.console import Console
from django_alipay_cancel.management.duration import seconds_of
from django_alipay_cancel.management.progress import progress
from django_alipay_cancel.management.stopping import stop_signals
from django_alipay_cancel.services import pruning

# Seconds. Late answers, repeats and hourly inquiries are over by then, and 400h is no slip of 400d.
_SHORTEST = 30 * 86400


class Command(BaseCommand):
    """Delete finished payments with their whole history, or blank the bodies of old calls."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.description = gettext(
            "Deletes payments that are finished, and to which nothing has happened for so long, "
            "with their cancellations, calls and events. What is open is never touched, and what "
            "rows of yours protect is kept. It can be stopped and run again."
        )
        parser.add_argument(
            "--older-than",
            type=seconds_of,
            required=True,
            metavar="AGE",
            help=gettext("nothing has happened for so long, e.g. 400d; at least 30d"),
        )
        parser.add_argument(
            "--bodies-only",
            action="store_true",
            help=gettext("delete nothing: blank what old calls have sent and received"),
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=gettext("only say what would be done")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        before = _before(options["older_than"])
        work = self._blank if options["bodies_only"] else self._delete
        try:
            work(before, Console(self.stdout, self.stderr), dry_run=options["dry_run"])
        except DatabaseError as error:
            told = gettext("%(error)s. What was done is done; run it again for the rest.")
            raise CommandError(plain(told % {"error": error})) from None

    def _delete(self, before: Any, console: Console, *, dry_run: bool) -> None:
        payments = pruning.finished_payments(before)
        total = payments.count()
        told = ngettext(
            "%(count)d payment is finished and that old.",
            "%(count)d payments are finished and that old.",
            total,
        )
        console.say(told % {"count": total})
        if dry_run:
            console.say(gettext("Nothing was deleted."))
            return
        with (
            stop_signals() as stop,
            progress(total, gettext("deleting"), console.err) as bar,
        ):
            report = pruning.delete_payments(payments, tell=bar.update, stopping=stop.requested)
            if not stop.requested():
                pruning.delete_batches(before)
        console.say(
            gettext("%(done)d deleted; %(kept)d kept, since rows of yours protect them.")
            % {"done": report.done, "kept": report.kept}
        )
        _say_if_stopped(stopped=stop.requested())

    def _blank(self, before: Any, console: Console, *, dry_run: bool) -> None:
        calls = pruning.calls_with_bodies(before)
        total = calls.count()
        told = ngettext(
            "%(count)d call is that old and has its bodies.",
            "%(count)d calls are that old and have their bodies.",
            total,
        )
        console.say(told % {"count": total})
        if dry_run:
            console.say(gettext("Nothing was blanked."))
            return
        with (
            stop_signals() as stop,
            progress(total, gettext("blanking"), console.err) as bar,
        ):
            report = pruning.blank_bodies(calls, tell=bar.update, stopping=stop.requested)
        console.say(gettext("%(done)d blanked.") % {"done": report.done})
        _say_if_stopped(stopped=stop.requested())


def _before(seconds: int) -> Any:
    if seconds < _SHORTEST:
        raise CommandError(
            gettext("--older-than is at least 30d: late answers and disputes need what is younger.")
        )
    try:
        return timezone.now() - timedelta(seconds=seconds)
    except OverflowError:
        raise CommandError(gettext("--older-than is longer than there are dates.")) from None


def _say_if_stopped(*, stopped: bool) -> None:
    if stopped:
        raise CommandError(gettext("It was stopped; run it again for the rest."))
