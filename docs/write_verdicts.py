"""Write docs/reference/verdicts.md from the rules and the table that tests them.

With --check nothing is written; the exit status is 1 when the page is out of date.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "verdicts.md"

HEAD = """\
# The verdicts

What the whole history of a payment decides. Made by `python docs/write_verdicts.py` from the rules,
`django_alipay_cancel/services/verdict.py`, and the table that tests them,
`tests/services/histories.py`.

## The rules, first match wins

| Rule | |
|---|---|
"""
TABLE = """
## Histories

Read a history from left to right: a word is the answer to a cancel, `ask:` an inquiry of the
schedule, `review:` one of the hourly inquiries in review, `check:` one of a named person, `sweep:`
one of the search for payments without a result, `earlier` a cancel of an earlier cancellation, a
number that many seconds. `for n`: the answer came n seconds later; `signed at n`: Alipay's own time
of it. `at` is in how many
seconds the act is due, with the delays 2, 5, 15 and 30 seconds and a quiet period of 60.

| History | | Act | Because | Next step | At |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page as it should be."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django_alipay_cancel.services.verdict import RULES
    from tests.services.histories import HISTORIES

    rules = "".join(
        f"| `{rule.__name__}` | {' '.join(inspect.cleandoc(rule.__doc__ or '').split())} |\n"
        for rule in RULES
    )
    rows = "".join(
        f"| {_said(row)} | {row.story} | {row.then[0]} | {row.then[1]} | {row.then[2]} | "
        f"{'' if row.at is None else row.at} |\n"
        for row in HISTORIES
    )
    return HEAD + rules + TABLE + rows


def _said(row: object) -> str:
    said = [f"`{part}`" if isinstance(part, str) else f"+{part}" for part in row.said]  # type: ignore[attr-defined]
    facts = [f"`{fact}`" for fact in row.facts]  # type: ignore[attr-defined]
    return " ".join([*facts, *said])


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
