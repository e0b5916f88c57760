"""How a history of a wish that says "or refund" is written: a row, as in `histories`.

Besides: `refund: WORD`, a refund of this wish, and `about: WORD`, an inquiry of it; `review about:`
one of the hourly ones; `earlier` and `older` before either: of a wish before this one. What an
inquiry of the payment `lists` stands last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django_alipay_cancel.services.decision import Verdict
from django_alipay_cancel.services.history import (
    AskedBy,
    Call,
    History,
    Listed,
    Policy,
)
from django_alipay_cancel.services.verdict import verdict
from tests.services.histories import POLICY, Row, call_of

REFUND_POLICY = replace(POLICY, refunds=True)
_HEADS = {
    "refund": {"refunds": True},
    "about": {"asks_refund": True},
    "review about": {"asks_refund": True, "by": AskedBy.REVIEW},
    "earlier refund": {"refunds": True, "wish": 0},
    "earlier about": {"asks_refund": True, "wish": 0},
    "older refund": {"refunds": True, "wish": -1},
    "older about": {"asks_refund": True, "wish": -1},
}


@dataclass(frozen=True)
class RefundRow(Row):
    """One history; `turned`: the wish asks for a refund by now."""

    turned: bool = True
    or_refund: bool = True

    def verdict(self, policy: Policy = REFUND_POLICY) -> tuple[Verdict, datetime]:
        history, now = self.history()
        return verdict(history, now, policy), now

    def history(self) -> tuple[History, datetime]:
        history, now = super().history()
        wish = replace(history.wish, or_refund=self.or_refund, refunds=self.turned)
        return replace(history, wish=wish), now

    def call(self, said: str, now: datetime) -> Call:
        said, _, listed = said.partition(" lists ")
        head, _, rest = said.partition(": ")
        if head not in _HEADS:
            return replace(call_of(said, now), listed=Listed(listed) if listed else None)
        answer = rest if rest.startswith("F ") else f"ask: {rest}"
        return replace(call_of(answer, now), cancels=False, **_HEADS[head])


WINDOW = "F CANCEL_WINDOW_EXCEED"
NOTHING = "ask: SHOWS_TAKEN lists NOTHING"
TURN = (WINDOW, NOTHING)
A_DAY = 86_400
A_FORTNIGHT = 14 * A_DAY
