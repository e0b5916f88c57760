"""The table and the plot in the documentation."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import django
import psycopg

from benchmarks.database import SERVER
from benchmarks.figures import Figure, as_markdown
from tests.peer.environment import VERSION

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "benchmarks.md"
PLOT = DOCS / "images" / "benchmarks.svg"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_COLOURS = {"this": "#1677ff", "official": "#d46b08", "bare": "#8c8c8c", "among": "#1677ff"}


def write(figures: Sequence[Figure], samples: Counter[str]) -> None:
    """Put the figures between the marks of the page, and draw them."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    parts = [machine(), as_markdown(figures), shares(samples)]
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")
    _draw([figure for figure in figures if figure.bars])


def machine() -> str:
    """Return what it was measured on."""
    with psycopg.connect(SERVER) as server:
        version = server.info.server_version // 10000
    return (
        f"Measured on {date.today():%-d %B %Y}: {os.cpu_count()} cores shared by client, gateway "
        f"and database; Python {platform.python_version()}, Django {django.__version__}, "
        f"PostgreSQL {version} with fsync on, official SDK {VERSION}."
    )


def shares(samples: Counter[str]) -> str:
    """Return where the client's processor time of one cancellation goes."""
    total = sum(samples.values())
    lines = ["| Client CPU of one cancellation | Share |", "| --- | --- |"]
    lines += [f"| {part} | {number / total:.0%} |" for part, number in samples.most_common()]
    return "\n".join(lines)


def _draw(figures: Sequence[Figure]) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    pyplot.rcParams |= {"svg.hashsalt": "benchmarks", "font.size": 9}
    heights = [len(figure.bars) for figure in figures]
    drawing, axes = pyplot.subplots(
        len(figures), figsize=(8, 0.42 * sum(heights) + 0.7 * len(figures)), height_ratios=heights
    )
    for panel, figure in zip(axes, figures, strict=True):
        names = list(figure.bars)
        colours = [_COLOURS[name.split()[0]] for name in names]
        bars = panel.barh(names, list(figure.bars.values()), color=colours)
        panel.bar_label(bars, fmt="{:.3g}", padding=4)
        panel.invert_yaxis()
        panel.margins(x=0.12)
        panel.set_title(figure.drawn, loc="left", fontsize=10)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
        panel.set_xticks([])
    drawing.tight_layout()
    PLOT.parent.mkdir(exist_ok=True)
    drawing.savefig(PLOT, metadata={"Date": None})
