"""The payments a fake gateway keeps, and Alipay's rules on which of them can be cancelled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from django_alipay_cancel.testing.clock import ALIPAY_TIME


class Status(StrEnum):
    """The state of a payment at the gateway; an inquiry tells fewer states apart."""

    PROCESSING = "PROCESSING"
    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    FAIL = "FAIL"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


UNPAID = (Status.PROCESSING, Status.PENDING)

# What is documented: PROCESS_FAIL after a refund. The code for the other two is our guess.
_REFUSALS = {
    Status.REFUNDED: "PROCESS_FAIL",
    Status.CAPTURED: "ORDER_STATUS_INVALID",
    Status.FAIL: "ORDER_STATUS_INVALID",
}


def _next_day(paid_at: datetime) -> datetime:
    """Return 00:15 UTC+8 of the day after the day of payment."""
    next_day = paid_at.astimezone(ALIPAY_TIME).date() + timedelta(days=1)
    return datetime.combine(next_day, time(0, 15), ALIPAY_TIME)


def _seven_days(paid_at: datetime) -> datetime:
    return paid_at + timedelta(days=7)


@dataclass(frozen=True)
class Method:
    """Until when a paid payment of one method can be cancelled, and whether an unpaid one can."""

    window_ends: Callable[[datetime], datetime] | None
    unpaid_can_be_cancelled: bool = True


# The defaults of Alipay's product guides; a contract may say otherwise.
METHODS: Mapping[str, Method] = {
    "default": Method(_next_day),
    "card": Method(_seven_days),  # and only before the capture, hence Status.CAPTURED
    "mercado_pago": Method(_seven_days),
    "bank_transfer": Method(None),
    "jkopay": Method(None, unpaid_can_be_cancelled=False),
}


@dataclass(kw_only=True)
class FakePayment:
    """One payment at the gateway; tests may change it at will.

    ``amount_value`` is in minor currency units, times are aware. ``cancel_effects`` counts how
    often a cancel took effect: 0 or 1, however often it was asked for.
    """

    payment_request_id: str
    payment_id: str
    status: str
    method: str
    amount_value: int
    amount_currency: str
    created_at: datetime
    paid_at: datetime | None = None
    cancel_time: datetime | None = None
    cancel_effects: int = 0
    status_before_cancel: str = ""

    @property
    def ids(self) -> frozenset[str]:
        return frozenset((self.payment_id, self.payment_request_id))

    def cancel(self, now: datetime, *, balance_is_enough: bool) -> str:
        """Cancel the payment if Alipay would, and return the result code.

        Cancelling again returns SUCCESS and changes nothing, not even ``cancel_time``.
        """
        if self.status == Status.CANCELLED:
            # Without a time when the payment was added as cancelled.
            self.cancel_time = self.cancel_time or now.replace(microsecond=0)
            return "SUCCESS"
        refusal = self._refusal(now, balance_is_enough)
        if refusal:
            return refusal
        self.status_before_cancel = self.status
        self.status = Status.CANCELLED
        self.cancel_time = now.replace(microsecond=0)
        self.cancel_effects += 1
        return "SUCCESS"

    def _refusal(self, now: datetime, balance_is_enough: bool) -> str:
        if self.status in _REFUSALS:
            return _REFUSALS[Status(self.status)]
        method = METHODS[self.method]
        if self.status in UNPAID:
            return "" if method.unpaid_can_be_cancelled else "PAYMENT_METHOD_NOT_SUPPORTED"
        if method.window_ends is None:
            return "PAYMENT_METHOD_NOT_SUPPORTED"
        if now >= method.window_ends(self.paid_at or self.created_at):
            return "CANCEL_WINDOW_EXCEED"
        if self.status == Status.SUCCESS and not balance_is_enough:
            return "MERCHANT_BALANCE_NOT_ENOUGH"
        return ""
