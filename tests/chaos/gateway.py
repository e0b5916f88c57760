"""A gateway that is watched: when each call came, and until when it was in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django_alipay_cancel.testing import FakeAlipay


@dataclass
class Flight:
    """One call: the seconds (Unix time) between which it was in flight."""

    payment: str
    api: str
    began: float
    ended: float = float("inf")


class WatchedGateway(FakeAlipay):
    """FakeAlipay that holds each answer back for `hold` seconds, or until it is let go.

    A client waits `patience` seconds at most; a call is in flight no longer than that.
    """

    def __init__(self, *, hold: float, patience: float) -> None:
        super().__init__()
        self.hold = hold
        self.flights: list[Flight] = []
        self._patience = patience
        self._watching = threading.Lock()
        self._kept_back = threading.Event()
        self._kept_back.set()
        self.before_answer = self._watch

    def add(self, prefix: str, number: int) -> list[str]:
        """Let the gateway know so many payments; return their payment_request_ids."""
        ids = [f"{prefix}-{n}" for n in range(number)]
        for id in ids:
            self.add_payment(payment_request_id=id)
        return ids

    def keep_back(self) -> None:
        """Answer nothing until `let_go`; what is asked takes effect all the same."""
        self._kept_back.clear()

    def let_go(self) -> None:
        self._kept_back.set()

    @property
    def in_flight(self) -> int:
        return sum(flight.ended == float("inf") for flight in list(self.flights))

    def doubles(self) -> int:
        """Return how many cancels were sent while one of the same payment was in flight."""
        last: dict[str, float] = {}
        doubles = 0
        for flight in sorted(self.flights, key=lambda each: each.began):
            if flight.api != "cancel":
                continue
            doubles += flight.began < last.get(flight.payment, 0)
            last[flight.payment] = max(flight.ended, last.get(flight.payment, 0))
        return doubles

    def waits(self, wished_at: dict[str, float]) -> list[float]:
        """Return, the shortest first, the seconds from each wish to its first call."""
        first: dict[str, float] = {}
        for flight in self.flights:
            first.setdefault(flight.payment, flight.began)
        return sorted(first[id] - at for id, at in wished_at.items() if id in first)

    def _watch(self, call: Any) -> None:
        (asked,) = (id for id in call.ids if not id.isdecimal()) if call.ids else ("",)
        flight = Flight(asked, call.api, time.time())
        with self._watching:
            self.flights.append(flight)
        time.sleep(self.hold)
        self._kept_back.wait()
        flight.ended = min(time.time(), flight.began + self._patience)


def wait_until(is_true: Callable[[], object], seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < give_up, "It did not happen in time."
        time.sleep(0.05)
