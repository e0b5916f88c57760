"""import_payments: old payments from a file, in batches, through the rules of record_payment."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from django.utils.translation import gettext

from django_alipay_cancel.conf import settings
from django_alipay_cancel.files import headers
from django_alipay_cancel.files.facts import Reader
from django_alipay_cancel.files.plain import plain
from django_alipay_cancel.files.problems import FileProblem
from django_alipay_cancel.files.table import Table, open_table
from django_alipay_cancel.management.import_run import Import
from django_alipay_cancel.management.options import add_reading_options, refuse_unknown_merchant
from django_alipay_cancel.management.progress import progress
from django_alipay_cancel.management.rejects import Rejects
from django_alipay_cancel.management.stopping import stop_signals


class Command(BaseCommand):
    """Record each line; what is recorded already is completed, so that it can be run again."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = gettext(
            "Import payments from a CSV file with a header line. Columns: %(columns)s. "
            "amount_value is in minor units (1250), amount in major ones (12.50), times are ISO "
            "8601. Lines that cannot be right are refused and listed; it can be run again."
        ) % {"columns": ", ".join(headers.NAMES)}
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--dry-run", action="store_true", help=gettext("check every line, keep none")
        )
        parser.add_argument(
            "--correct",
            action="store_true",
            help=gettext(
                "where a line differs from what is recorded, take over the line; only for payments "
                "that were never sent to Alipay"
            ),
        )
        parser.add_argument(
            "--merchant",
            help=gettext("the merchant of lines that name none: a key of MERCHANTS"),
        )
        parser.add_argument(
            "--rejects",
            type=Path,
            metavar="FILE",
            help=gettext("write the refused lines there, with the reasons, to correct them"),
        )
        parser.add_argument(
            "--start-at",
            type=int,
            default=1,
            metavar="LINE",
            help=gettext("leave out the lines before this one"),
        )
        add_reading_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            table = _table(options)
            places = headers.columns_of(table.first.cells, options["columns"])
            merchants = _merchants(options["merchant"])
            reader = Reader(places, _width(table), merchants, options["merchant"] or "default")
            with stop_signals() as stop, Rejects(options["rejects"], table) as rejects:
                run = Import(
                    table,
                    reader,
                    rejects,
                    start_at=options["start_at"],
                    corrects=options["correct"],
                    dry_run=options["dry_run"],
                    complain=lambda text: self.stderr.write(plain(text)),
                    stopping=stop.requested,
                )
                run.look_through()
                with progress(run.total, gettext("importing"), self.stderr) as bar:
                    run.record(bar)
        except (FileProblem, OSError) as error:
            raise CommandError(plain(str(error))) from None
        except DatabaseError as error:
            raise CommandError(plain(f"{error}\n{run.counts()}\n{run.how_to_go_on()}")) from None
        self.stdout.write(plain(run.counts()))
        if problems := run.problems():
            raise CommandError(plain("\n".join(problems)))


def _table(options: dict[str, Any]) -> Table:
    table = open_table(
        options["file"],
        is_known=lambda head: headers.column(head) is not None,
        encoding=options["encoding"],
        delimiter=options["delimiter"],
        must_have_header=True,
    )
    if table is None:
        raise FileProblem(
            gettext("%(path)s is empty: there is no header line. Known columns are %(known)s.")
            % {"path": options["file"], "known": ", ".join(headers.NAMES)}
        )
    return table


def _width(table: Table) -> int:
    """Return how many columns there are; blank heads at the end are none."""
    heads = [n for n, head in enumerate(table.first.cells, start=1) if head.strip()]
    return heads[-1] if heads else 0


def _merchants(named: str | None) -> list[str]:
    merchants = list(settings.MERCHANTS)
    if not merchants:
        raise FileProblem(gettext("ALIPAY_CANCEL['MERCHANTS'] names no merchant."))
    refuse_unknown_merchant(named)
    return merchants
