"""The payments that somebody names: on the command line or in a file, one a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext

from django_alipay_cancel.files import headers
from django_alipay_cancel.files.cells import from_spreadsheet
from django_alipay_cancel.files.ids import why_destroyed
from django_alipay_cancel.files.problems import FileProblem
from django_alipay_cancel.files.table import Line, Table, open_table
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services.finding import look_up

Item = TypeVar("Item")

_BATCH = 500
_CALLED = ("payment_request_id", "payment_id", "reference")
# What a line of a table names its payment by: the first that it has.
_NAMES = ("id", *_CALLED)


class Ambiguous(Exception):
    """A name that several payments have: nothing at all is done."""


@dataclass(slots=True)
class Named:
    """One name: its line, what stood there, and the payment it names or why it names none.

    `given` are the cells of a table by column; without a header only `text` is known.
    """

    text: str
    line: int | None = None
    given: dict[str, str] = field(default_factory=dict)
    key: UUID | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """What it is looked up by."""
        return next((self.given[name] for name in _NAMES if name in self.given), self.text)


def in_file(
    path: Path, *, encoding: str | None, delimiter: str | None, columns: Sequence[str]
) -> Iterator[Named]:
    """Yield what the lines of a list or table name. Raises FileProblem, BrokenQuote and OSError."""
    table = open_table(
        path,
        is_known=headers.is_head,
        encoding=encoding,
        delimiter=delimiter,
        must_have_header=bool(columns),
    )
    if table is None:
        raise FileProblem(gettext("%(path)s is empty.") % {"path": path})
    return _in_table(table, columns) if table.has_header else map(_in_list, table.lines())


def _in_list(line: Line) -> Named:
    filled = [cell for cell in line.cells if cell.strip()]
    if len(filled) > 1:
        raise FileProblem(
            gettext(
                "line %(number)d has several cells and the file has no header that is known: "
                "%(known)s. Give one id a line, a header, or --columns."
            )
            % {"number": line.number, "known": ", ".join(_NAMES)}
        )
    text, problem = _id("id", filled[0])
    return Named(text, line.number, problem=problem)


def _in_table(table: Table, columns: Sequence[str]) -> Iterator[Named]:
    places = headers.names_of(table.first.cells, columns)
    if not places.keys() & set(_NAMES):
        raise FileProblem(
            gettext("No column names payments: %(known)s.") % {"known": ", ".join(_NAMES)}
        )
    for line in table.lines():
        named = Named(line.text, line.number)
        for name, place in places.items():
            text, problem = _id(name, line.cells[place] if place < len(line.cells) else "")
            named.problem = named.problem or problem
            if text:
                named.given[name] = text
        if not named.given.keys() & set(_NAMES):
            named.problem = named.problem or gettext("The line has no id.")
        yield named


def _id(name: str, cell: str) -> tuple[str, str]:
    text, is_marked = from_spreadsheet(cell)
    if text and not is_marked and (cause := why_destroyed(text)):
        problem = gettext("%(name)s %(text)r is no id: %(cause)s.")
        return text, problem % {"name": name, "text": text, "cause": cause}
    return text, ""


def find_named(payments: QuerySet[Payment], named: Iterable[Named]) -> list[Named]:
    """Look all of them up; raise Ambiguous when one names several payments."""
    found = []
    for batch in batches(named):
        # The id is ours and no spreadsheet harms it: what is beside it may look like anything.
        _find(payments, [each for each in batch if not each.problem or "id" in each.given])
        found += batch
    return found


def _find(payments: QuerySet[Payment], batch: list[Named]) -> None:
    matches = look_up(payments, {each.name for each in batch})
    keys = {key for named in matches.values() for key in named}
    called: dict[UUID, dict[str, Any]] = {}
    if any(each.given for each in batch):
        rows = payments.filter(pk__in=keys).values("pk", "merchant", *_CALLED)
        called = {row["pk"]: row for row in rows}
    for each in batch:
        candidates = matches[each.name]
        agreeing = [key for key in candidates if _agrees(each, called.get(key, {}))]
        if len(agreeing) > 1:
            raise Ambiguous(
                gettext("%(id)r names %(count)d payments; give their id instead: %(ids)s")
                % {
                    "id": each.name,
                    "count": len(agreeing),
                    "ids": ", ".join(map(str, agreeing)),
                }
            )
        if agreeing:
            each.key, each.problem = agreeing[0], ""
        elif each.problem:
            continue
        elif candidates:
            each.problem = gettext("What the line says of %(id)r belongs to another payment.") % {
                "id": each.name
            }
        else:
            each.problem = gettext("No payment has the id %(id)r.") % {"id": each.name}


def _agrees(named: Named, payment: dict[str, Any]) -> bool:
    """Whether all that a line of a table says is true of the payment."""
    told = {name: text for name, text in named.given.items() if name != "id"}
    return all(payment[name] == text for name, text in told.items()) and (
        "id" not in named.given or str(payment["pk"]) == named.given["id"].lower()
    )


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield the items in lists that one query takes."""
    rest = iter(items)
    while batch := list(islice(rest, _BATCH)):
        yield batch
