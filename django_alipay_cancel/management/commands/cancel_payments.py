"""cancel_payments: many payments by id, or those without a result by age."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext

from django_alipay_cancel.conf import settings
from django_alipay_cancel.files.plain import plain
from django_alipay_cancel.files.problems import FileProblem
from django_alipay_cancel.management import by_age, by_id
from django_alipay_cancel.management.acting import user_named
from django_alipay_cancel.management.console import Console, Unfinished
from django_alipay_cancel.management.duration import seconds_of
from django_alipay_cancel.management.naming import Ambiguous
from django_alipay_cancel.management.options import add_reading_options, refuse_unknown_merchant
from django_alipay_cancel.management.report_file import Report
from django_alipay_cancel.models import REASON_LENGTH
from django_alipay_cancel.services.given import validate_text
from django_alipay_cancel.services.threads import refuse_threads_in_schemas
from django_alipay_cancel.services.worker import MAX_WORKERS
from django_alipay_cancel.wording import joined


class Command(BaseCommand):
    """Request the cancellations, carry them out, and print what became of them."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = gettext(
            "Cancel payments. Ids are looked up as id, payment_request_id, payment_id and "
            "reference. With --older-than Alipay is asked about each payment first, and only what "
            "it shows as unpaid is cancelled. Exit status 0 only when every one of them is "
            "finished. Ctrl-C lets the calls in flight finish; safe to start again."
        )
        parser.add_argument("ids", nargs="*", metavar="ID")
        parser.add_argument(
            "--file",
            type=Path,
            help=gettext(
                "a file with one id a line, or a CSV file with a header, such as an export of this "
                "app"
            ),
        )
        parser.add_argument(
            "--report",
            type=Path,
            metavar="FILE",
            help=gettext("write what became of each line there, as CSV"),
        )
        parser.add_argument(
            "--older-than",
            type=seconds_of,
            metavar="AGE",
            help=gettext(
                "instead of ids: ask about payments without a result that are older than this "
                "(30m, 12h, 90s), and cancel what Alipay shows as unpaid"
            ),
        )
        parser.add_argument(
            "--newer-than",
            type=seconds_of,
            metavar="AGE",
            help=gettext("with --older-than: none older than this; CANCEL_UNRESOLVED_WITHIN"),
        )
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help=gettext("with --older-than: do not ask before it begins"),
        )
        parser.add_argument("--merchant", help=gettext("only payments of this merchant"))
        parser.add_argument("--reason", default="")
        parser.add_argument(
            "--user",
            metavar="NAME",
            help=gettext("act for this user: under that name, and only where they may cancel"),
        )
        parser.add_argument(
            "--workers", type=int, default=1, choices=range(1, MAX_WORKERS + 1), metavar="N"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help=gettext("only say what would be done")
        )
        parser.add_argument(
            "--or-refund",
            action="store_true",
            help=gettext(
                "refund in full what can no longer be cancelled; needs REFUNDS in the settings, "
                "and with --user the permission to refund"
            ),
        )
        add_reading_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        named = bool(options["ids"] or options["file"])
        if named == (options["older_than"] is not None):
            raise CommandError(gettext("Give ids, --file or --older-than, and only one of them."))
        if options["or_refund"] and not (named and settings.REFUNDS):
            raise CommandError(
                gettext("--or-refund goes with ids or --file, and needs REFUNDS in the settings.")
            )
        refuse_unknown_merchant(options["merchant"])
        try:
            refuse_threads_in_schemas(options["workers"])
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        person = user_named(options["user"])
        act = by_id.cancel if named else by_age.sweep_payments
        try:
            validate_text("reason", options["reason"], REASON_LENGTH)
            with Report(options["report"], beside=options["file"]) as report:
                act(options, report, Console(self.stdout, self.stderr), person)
        except ValidationError as error:
            raise CommandError(joined(error.messages)) from None
        except (FileProblem, Ambiguous, Unfinished, OSError) as error:
            raise CommandError(plain(str(error))) from None
