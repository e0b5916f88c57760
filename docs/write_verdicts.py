"""Write docs/reference/verdicts.md from the rules and the table that tests them.

With --check nothing is written; the exit status is 1 when the page is out of date.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "verdicts.md"

HEAD = """\
# The verdicts

What the whole history of a payment decides. Made by `python docs/write_verdicts.py` from the rules,
`verdict.py` and `refund_rules.py` of `django_alipay_cancel/services/`, and the tables that test
them, `histories.py`, `turn_histories.py` and `refund_histories.py` of `tests/services/`.

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
"""
COLUMNS = """
| History | | Act | Because | Next step | At |
|---|---|---|---|---|---|
"""
REFUNDS = """
## Refunds

What the rules `with_refund` and `turn_to_refund` decide of a wish that says "or refund".

| Rule | |
|---|---|
"""
TURNS = """
Until it turns. `lists`: what an inquiry of the payment says of refunds by anybody; `earlier refund`
and `older refund`: of two earlier wishes, with `about`: an inquiry of that refund.
"""
TURNED = """
From then on. `refund`: the answer to the refund of this wish; `about`: an inquiry of it.
"""


def page() -> str:
    """Return the page as it should be."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django_alipay_cancel.services.refund_rules import BEFORE_THE_TURN, REFUND_RULES
    from django_alipay_cancel.services.verdict import RULES
    from tests.services.histories import HISTORIES
    from tests.services.refund_histories import AFTER
    from tests.services.turn_histories import BEFORE

    of_refunds = dict.fromkeys((*BEFORE_THE_TURN, *REFUND_RULES))
    cancels = HEAD + _rules(RULES) + TABLE + _rows(HISTORIES)
    return cancels + REFUNDS + _rules(of_refunds) + TURNS + _rows(BEFORE) + TURNED + _rows(AFTER)


def _rules(rules: Iterable[Callable[..., object]]) -> str:
    return "".join(
        f"| `{rule.__name__}` | {' '.join(inspect.cleandoc(rule.__doc__ or '').split())} |\n"
        for rule in rules
    )


def _rows(rows: Iterable[Any]) -> str:
    return COLUMNS + "".join(
        f"| {_said(row)} | {row.story} | {row.then[0]} | {row.then[1]} | {row.then[2]} | "
        f"{'' if row.at is None else row.at} |\n"
        for row in rows
    )


def _said(row: Any) -> str:
    said = [f"`{part}`" if isinstance(part, str) else f"{part:+}" for part in row.said]
    facts = [f"`{fact}`" for fact in row.facts]
    return " ".join([*facts, *said])


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != text)
    PAGE.write_text(text, encoding="utf-8")
