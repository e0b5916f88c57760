"""All that a fake gateway knows: payments, calls, and what it was told to do wrong."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django_alipay_cancel.testing.documents import Document
from django_alipay_cancel.testing.fake_payment import FakePayment
from django_alipay_cancel.testing.faults import Misbehaviours
from django_alipay_cancel.testing.misbehaving import GenuineAnswer


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """One call as it arrived; ``answered`` is the result code, or the name of the fault.

    ``ids`` are those of the request and of the payment it found; ``api`` is "" for a wrong path.
    """

    api: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes
    ids: frozenset[str]
    answered: str
    at: datetime


@dataclass
class Books:
    """To be used under ``lock``.

    ``payments`` are by either id, ``refunds`` the refund requests that were answered: what was
    asked and the answer. ``on_the_way`` are payments whose pay was lost and takes effect later,
    ``listened`` those with a notify URL;
    ``cancelled_early`` are ids whose cancel came before any pay.
    """

    payments: dict[str, FakePayment] = field(default_factory=dict)
    on_the_way: list[tuple[datetime, FakePayment]] = field(default_factory=list)
    listened: list[FakePayment] = field(default_factory=list)
    cancelled_early: set[str] = field(default_factory=set)
    refunds: dict[str, tuple[object, Document]] = field(default_factory=dict)
    balance_is_enough: bool = True
    orders: Misbehaviours = field(default_factory=Misbehaviours)
    calls: list[RecordedCall] = field(default_factory=list)
    genuine: list[GenuineAnswer] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def enter(self, payment: FakePayment) -> None:
        """Keep a payment; ValueError when one of its ids is taken."""
        with self.lock:
            taken = sorted(payment.ids & self.payments.keys())
            if taken:
                raise ValueError(f"There is already a payment {', '.join(taken)}.")
            self.payments.update(dict.fromkeys(payment.ids, payment))
            if payment.notify_url:
                self.listen(payment)

    def listen(self, payment: FakePayment) -> None:
        """Look at a payment whose news somebody waits for."""
        if not any(each is payment for each in self.listened):
            self.listened.append(payment)

    def forget(self, payment: FakePayment) -> None:
        """Keep a payment no longer."""
        with self.lock:
            for id in payment.ids:
                del self.payments[id]
            self.listened = [each for each in self.listened if each is not payment]

    def catch_up(self, now: datetime) -> None:
        """Let every payment arrive that was under way until ``now``."""
        with self.lock:
            arrived = [entry for entry in self.on_the_way if entry[0] <= now]
            for entry in arrived:
                self.on_the_way.remove(entry)
                at, payment = entry
                if not payment.ids & self.payments.keys():
                    self.enter(payment)
                    buyer_is_asked(payment, at)

    def all_payments(self) -> tuple[FakePayment, ...]:
        """Return all of them, the oldest first."""
        with self.lock:
            return tuple({id(each): each for each in self.payments.values()}.values())


def buyer_is_asked(payment: FakePayment, at: datetime) -> None:
    """Who showed the code has agreed to pay; everybody else has to do something first."""
    if payment.form == "PaymentCode":
        payment.pay(at)
