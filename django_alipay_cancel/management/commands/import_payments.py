"""import_payments: old payments from a CSV file, through record_payment."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext

from django_alipay_cancel import services
from django_alipay_cancel.management.progress import progress

_TEXTS = ("merchant", "payment_request_id", "payment_id", "amount_currency", "reference")
_TIMES = ("authorized_at", "paid_at", "failed_at")
_COLUMNS = (*_TEXTS, "amount_value", *_TIMES)


class Command(BaseCommand):
    """Record each line; what is recorded already is completed, so that it can be run again."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.description = gettext(
            "Import payments from a CSV file with a header line. Columns: %(columns)s. Amounts are "
            "in minor units, times in ISO 8601. Bad lines are listed and left out."
        ) % {"columns": ", ".join(_COLUMNS)}
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--dry-run", action="store_true", help=gettext("check every line, keep none")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                total = max(sum(1 for _ in file) - 1, 0)
                file.seek(0)
                good, bad = self._import(file, total, dry_run=options["dry_run"])
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(
                gettext("%(path)s cannot be read: %(error)s") % {"path": path, "error": error}
            ) from None
        told = (
            gettext("%(good)d payments would be recorded, %(bad)d bad lines.")
            if options["dry_run"]
            else gettext("%(good)d payments recorded, %(bad)d bad lines.")
        )
        self.stdout.write(told % {"good": good, "bad": bad})
        if bad:
            raise CommandError(
                gettext("%(bad)d lines were left out; correct them and run it again.")
                % {"bad": bad}
            )

    def _import(self, file: TextIO, total: int, *, dry_run: bool) -> tuple[int, int]:
        rows = csv.DictReader(file, strict=True)
        unknown = set(rows.fieldnames or ()) - set(_COLUMNS)
        if not rows.fieldnames:
            raise CommandError(
                gettext("There is no header line. Known columns are %(known)s.")
                % {"known": ", ".join(_COLUMNS)}
            )
        if unknown:
            raise CommandError(
                gettext("Unknown columns: %(unknown)s. Known are %(known)s.")
                % {"unknown": ", ".join(sorted(unknown)), "known": ", ".join(_COLUMNS)}
            )
        good = bad = 0
        with progress(total, gettext("importing"), self.stderr) as bar:
            while True:
                try:
                    row = next(rows, None)
                    if row is None:
                        return good, bad
                    _record(row, dry_run=dry_run)
                    good += 1
                except (ValidationError, csv.Error) as error:
                    bad += 1
                    sentence = " ".join(getattr(error, "messages", [str(error)]))
                    self.stderr.write(
                        gettext("line %(number)d: %(sentence)s")
                        % {"number": rows.line_num, "sentence": sentence}
                    )
                bar.update(1)


def _record(row: dict[Any, Any], *, dry_run: bool) -> None:
    if None in row or None in row.values():
        raise ValidationError(gettext("The line has not as many cells as the header."))
    given = {name: value.strip() for name, value in row.items() if value.strip()}
    facts: dict[str, Any] = {name: given[name] for name in _TEXTS if name in given}
    facts |= {name: _time(name, given[name]) for name in _TIMES if name in given}
    if "amount_value" in given:
        facts["amount_value"] = _whole_number(given["amount_value"])
    with transaction.atomic():
        services.record_payment(**facts)
        transaction.set_rollback(dry_run)


def _time(name: str, text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise ValidationError(
            gettext("%(name)s %(text)r is no ISO 8601 time.") % {"name": name, "text": text}
        )
    return make_aware(at) if is_naive(at) else at


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValidationError(
            gettext("amount_value %(text)r is no whole number of minor units.") % {"text": text}
        )
    return int(text[:20])
