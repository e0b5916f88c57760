"""One run of import_payments: a look through the whole file, then batch after batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.files.facts import ID_COLUMNS, Reader
from django_alipay_cancel.files.index import Index
from django_alipay_cancel.files.problems import BrokenQuote
from django_alipay_cancel.files.table import Line, Table
from django_alipay_cancel.management.progress import Progress
from django_alipay_cancel.management.rejects import Rejects
from django_alipay_cancel.services.importing import Imported, ImportOutcome, import_payments
from django_alipay_cancel.wording import joined

# Lines that are one transaction: an interrupt waits for it, and repeats it when it is thrown out.
_BATCH = 500

_Facts = list[tuple[Line, dict[str, Any]]]


class Import:
    """What is read, what has become of it so far, and where to go on."""

    def __init__(
        self,
        table: Table,
        reader: Reader,
        rejects: Rejects,
        *,
        start_at: int,
        corrects: bool,
        dry_run: bool,
        complain: Callable[[str], object],
        stopping: Callable[[], bool],
    ) -> None:
        self._table, self._reader, self._rejects = table, reader, rejects
        self._start_at, self._corrects, self._dry_run = start_at, corrects, dry_run
        self._complain, self._stopping = complain, stopping
        self._index = Index()
        self._counts = dict.fromkeys(ImportOutcome, 0)
        self._lines = Counter[str]()
        self._next = start_at
        self._broken: BrokenQuote | None = None
        self._stopped = False
        self.total = 0

    def look_through(self) -> None:
        """Read the whole file: how many lines it has, and which of them contradict each other."""
        for line in self._lines_to_read(from_line=1):
            if self._stopping():
                return
            self.total += line.number >= self._start_at
            try:
                self._index.add(line.number, self._reader.facts(line))
            except ValidationError:
                continue  # told when it is its turn
        self._index.close()

    def record(self, bar: Progress) -> None:
        """Record the lines, batch after batch, until they end, cannot be read or it is stopped."""
        if self._stopping():
            self._stopped = True
            return
        batch: _Facts = []
        keys: set[tuple[str, ...]] = set()
        for line in self._lines_to_read(from_line=self._start_at):
            bar.update(1)
            try:
                facts = self._facts(line)
            except ValidationError as error:
                self._count(line, Imported(ImportOutcome.REFUSED, joined(error.messages)))
                continue
            named = {(facts["merchant"], name, facts[name]) for name in ID_COLUMNS if name in facts}
            if len(batch) >= _BATCH or named & keys:
                self._import(batch, before=line.number)
                batch, keys = [], set()
                if self._stopping():
                    self._stopped = True
                    return
            batch.append((line, facts))
            keys |= named
        self._import(batch, before=None)

    def counts(self) -> str:
        """Return what became of the payments: of each once, however many lines name it."""
        told = gettext(
            "%(recorded)d payments recorded: %(new)d new, %(completed)d completed, "
            "%(unchanged)d unchanged; %(refused)d refused."
        )
        if self._dry_run:
            told = gettext(
                "%(recorded)d payments would be recorded: %(new)d new, %(completed)d completed, "
                "%(unchanged)d unchanged; %(refused)d refused. Nothing is kept."
            )
        counts = {outcome.value: count for outcome, count in self._counts.items()}
        recorded = sum(counts.values()) - counts[ImportOutcome.REFUSED]
        return told % {"recorded": recorded, **counts}

    def problems(self) -> list[str]:
        """Return why not all that the file says stands in the database now; empty: it does."""
        found = []
        if refused := self._lines["refused"]:
            told = ngettext(
                "%(count)d line was left out; correct it and run it again.",
                "%(count)d lines were left out; correct them and run it again.",
                refused,
            )
            found.append(told % {"count": refused})
        if different := self._lines["different"]:
            told = ngettext(
                "%(count)d line differs from what is recorded; --correct takes it over.",
                "%(count)d lines differ from what is recorded; --correct takes them over.",
                different,
            )
            found.append(told % {"count": different})
        if self._broken:
            found.append(str(self._broken))
        if self._stopped:
            found.append(self.how_to_go_on())
        if not found and not self.total:
            found.append(gettext("There is no line with a payment."))
        return found

    def how_to_go_on(self) -> str:
        """Return how to go on where it ended."""
        return gettext("It was stopped. Go on with --start-at %(line)d.") % {"line": self._next}

    def _lines_to_read(self, *, from_line: int) -> Iterator[Line]:
        try:
            for line in self._table.lines():
                if line.number >= from_line:
                    yield line
        except BrokenQuote as error:
            self._broken = error

    def _facts(self, line: Line) -> dict[str, Any]:
        facts = self._reader.facts(line)
        if line.number in self._index.contradictory:
            raise ValidationError(
                gettext("Another line of this file names the same payment and another reference.")
            )
        return facts

    def _import(self, batch: _Facts, *, before: int | None) -> None:
        """Record a batch; `before` is the line that comes after it."""
        results = import_payments(
            [facts for _, facts in batch], corrects=self._corrects, dry_run=self._dry_run
        )
        for (line, _), imported in zip(batch, results, strict=True):
            self._count(line, imported)
        if before is not None:
            self._next = before

    def _count(self, line: Line, imported: Imported) -> None:
        is_refused = imported.outcome is ImportOutcome.REFUSED
        # Of a payment that comes again only what was refused before can still be new; in a dry run
        # nothing stays, so that all of its lines say so.
        is_new = imported.outcome is ImportOutcome.NEW and not self._dry_run
        if line.number not in self._index.repeated or is_new:
            self._counts[imported.outcome] += 1
        self._lines["refused"] += is_refused
        self._lines["different"] += imported.is_kept_difference
        if imported.told:
            self._complain(
                gettext("line %(number)d: %(sentence)s")
                % {"number": line.number, "sentence": imported.told}
            )
        if is_refused:
            self._rejects.add(line, imported.told)
