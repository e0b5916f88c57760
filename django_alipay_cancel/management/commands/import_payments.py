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

from django_alipay_cancel import services
from django_alipay_cancel.management.progress import progress

_TEXTS = ("merchant", "payment_request_id", "payment_id", "amount_currency", "reference")
_TIMES = ("authorized_at", "paid_at", "failed_at")
_COLUMNS = (*_TEXTS, "amount_value", *_TIMES)


class Command(BaseCommand):
    """Record each line; what is recorded already is completed, so that it can be run again."""

    help = (
        "Import payments from a CSV file with a header line. Columns: "
        + ", ".join(_COLUMNS)
        + ". Amounts are in minor units, times in ISO 8601. Bad lines are listed and left out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="check every line, keep none")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                total = max(sum(1 for _ in file) - 1, 0)
                file.seek(0)
                good, bad = self._import(file, total, dry_run=options["dry_run"])
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from None
        verb = "would be recorded" if options["dry_run"] else "recorded"
        self.stdout.write(f"{good} payments {verb}, {bad} bad lines.")
        if bad:
            raise CommandError(f"{bad} lines were left out; correct them and run it again.")

    def _import(self, file: TextIO, total: int, *, dry_run: bool) -> tuple[int, int]:
        rows = csv.DictReader(file, strict=True)
        unknown = set(rows.fieldnames or ()) - set(_COLUMNS)
        if unknown or not rows.fieldnames:
            raise CommandError(
                f"Unknown columns: {', '.join(sorted(unknown)) or 'there is no header line'}. "
                f"Known are {', '.join(_COLUMNS)}."
            )
        good = bad = 0
        with progress(total, "importing", self.stderr) as bar:
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
                    self.stderr.write(f"line {rows.line_num}: {sentence}")
                bar.update(1)


def _record(row: dict[Any, Any], *, dry_run: bool) -> None:
    if None in row or None in row.values():
        raise ValidationError("The line has not as many cells as the header.")
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
        raise ValidationError({name: f"{name} {text!r} is no ISO 8601 time."})
    return make_aware(at) if is_naive(at) else at


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValidationError(
            {"amount_value": f"amount_value {text!r} is no whole number of minor units."}
        )
    return int(text[:20])
