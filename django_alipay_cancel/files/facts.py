"""A line of a file as what `record_payment` takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext

from django_alipay_cancel.files.cells import from_spreadsheet
from django_alipay_cancel.files.ids import why_destroyed
from django_alipay_cancel.files.table import Line
from django_alipay_cancel.money import minor_units

ID_COLUMNS = ("payment_request_id", "payment_id")
_TEXTS = ("merchant", *ID_COLUMNS, "reference", "amount_currency", "customer")
_TIMES = ("authorized_at", "paid_at", "failed_at")
_AMOUNT = re.compile(r"\d{1,19}(\.\d{1,4})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,20}", re.ASCII)


class Reader:
    """Makes facts of the lines of one file.

    `places`: where each column stands, of `width` columns; `merchant`: of lines that name none.
    """

    def __init__(
        self, places: Mapping[str, int], width: int, merchants: Collection[str], merchant: str
    ) -> None:
        self._places, self._width = places, width
        self._merchants, self._merchant = merchants, merchant
        self._texts = [(name, places[name]) for name in _TEXTS if name in places]
        self._times = [(name, places[name]) for name in _TIMES if name in places]

    def facts(self, line: Line) -> dict[str, Any]:
        """Return the facts of the line; `customer` is still a name. Raises ValidationError."""
        self._refuse_other_widths(line)
        facts: dict[str, Any] = {"merchant": self._merchant}
        for name, place in self._texts:
            if text := _text(name, line.cells[place]):
                facts[name] = text
        if facts["merchant"] not in self._merchants:
            raise ValidationError(
                gettext("There is no merchant %(merchant)r; there are %(names)s.")
                % {"merchant": facts["merchant"], "names": ", ".join(self._merchants)}
            )
        for name, place in self._times:
            if text := line.cells[place].strip():
                facts[name] = _time(name, text)
        self._add_amount(line, facts)
        return facts

    def _refuse_other_widths(self, line: Line) -> None:
        fewer = len(line.cells) < self._width
        if fewer or any(cell.strip() for cell in line.cells[self._width :]):
            raise ValidationError(
                gettext("The line has %(cells)d cells, the header has %(heads)d.")
                % {"cells": len(line.cells), "heads": self._width}
            )

    def _add_amount(self, line: Line, facts: dict[str, Any]) -> None:
        currency = facts.get("amount_currency", "")
        given = {}
        if text := self._cell(line, "amount_value"):
            if not _WHOLE.fullmatch(text):
                raise ValidationError(
                    gettext("amount_value %(text)r is no whole number of minor units.")
                    % {"text": text}
                )
            given["amount_value"] = int(text)
        if text := self._cell(line, "amount"):
            if not _AMOUNT.fullmatch(text):
                raise ValidationError(
                    gettext(
                        "amount %(text)r is no amount of money such as 12.50: digits and one point."
                    )
                    % {"text": text}
                )
            given["amount"] = minor_units(Decimal(text), currency)
        if len(set(given.values())) > 1:
            raise ValidationError(gettext("amount and amount_value are not the same amount."))
        if given:
            facts["amount_value"] = given.popitem()[1]

    def _cell(self, line: Line, name: str) -> str:
        place = self._places.get(name)
        return "" if place is None else line.cells[place].strip()


def _text(name: str, cell: str) -> str:
    text, is_marked = from_spreadsheet(cell)
    if text and not is_marked and (cause := why_destroyed(text)):
        raise ValidationError(
            gettext("%(name)s %(text)r is no id: %(cause)s.")
            % {"name": name, "text": text, "cause": cause}
        )
    return text


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
