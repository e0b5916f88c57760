"""One line of the table: what was measured, against what, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One comparison; `limit` None: told, not judged. `bars` are drawn, under the title `drawn`."""

    what: str
    measured: str
    against: str = ""
    ratio: float | None = None
    limit: float | None = None
    drawn: str = ""
    bars: dict[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        return self.limit is not None and (self.ratio is None or self.ratio > self.limit)

    @property
    def cells(self) -> tuple[str, ...]:
        judged = "" if self.limit is None else ("MISSED" if self.missed else "met")
        return (
            self.what,
            self.measured,
            self.against,
            "" if self.ratio is None else f"{self.ratio:.3f}",
            "" if self.limit is None else f"{self.limit:.3f}",
            judged,
        )


HEADINGS = ("What", "Measured", "Against", "Ratio", "At most", "")


def as_text(figures: Iterable[Figure]) -> str:
    """Return the table for a terminal."""
    rows = [HEADINGS, *(figure.cells for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def as_markdown(figures: Iterable[Figure]) -> str:
    """Return the table for the documentation."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(figure.cells for figure in figures)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def judge(figures: Iterable[Figure]) -> bool:
    """Tell which ratios were missed, and return whether one was."""
    missed = [figure.what for figure in figures if figure.missed]
    print(f"Missed: {'; '.join(missed) or 'none'}.")
    return bool(missed)


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"
