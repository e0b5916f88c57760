"""The payments a fake gateway keeps, and Alipay's rules on which of them can be cancelled."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

from django_alipay_cancel.testing.gateway_clock import ALIPAY_TIME


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
REFUNDABLE = (Status.SUCCESS, Status.CAPTURED, Status.REFUNDED)
UNPAID_LASTS = timedelta(minutes=14)
AUTHORIZATION_LASTS = timedelta(days=7)
# What became of a payment that ended by itself.
CLOSED, AUTHORIZATION_ENDED = "ORDER_IS_CLOSED", "AUTH_EXPIRED"

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


@dataclass(frozen=True, kw_only=True)
class Movement:
    """A part of a payment's money that was captured or refunded; ``value`` in minor units.

    ``status`` is SUCCESS, or of an asynchronous refund PROCESSING and later SUCCESS or FAIL.
    ``notify_url`` is told how such a one ends.
    """

    request_id: str
    id: str
    value: int
    at: datetime
    status: str = "SUCCESS"
    notify_url: str = ""


@dataclass(frozen=True, kw_only=True)
class News:
    """What is to be told at the payment's notify URL: a notifyType and S, F or U.

    Of a ``refund`` it is told at the refund's.
    """

    notify_type: str = "PAYMENT_RESULT"
    result: str = "S"
    refund: Movement | None = None


@dataclass(kw_only=True)
class FakePayment:
    """One payment at the gateway; tests may change it at will.

    ``amount_value`` is in minor currency units, times are aware. ``cancel_effects`` counts how
    often a cancel took effect: 0 or 1, however often it was asked for. ``paid_at`` of an
    authorization is when it was given; unpaid, a payment ends at ``expires_at`` (None: never).
    ``form`` is the way it was paid: PaymentCode, OrderCode, EntryCode, Cashier. ``news`` has yet to
    be sent to ``notify_url``. ``refunds_take_time``: a refund is PROCESSING until it is settled.
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
    cancel_arrives_at: datetime | None = None
    expires_at: datetime | None = None
    failure: str = "RISK_REJECT"
    is_authorization: bool = False
    form: str = ""
    notify_url: str = ""
    captures: list[Movement] = field(default_factory=list)
    refunds: list[Movement] = field(default_factory=list)
    refunds_take_time: bool = False
    status_before_refund: str = ""
    refunds_on_the_way: list[tuple[datetime, Movement]] = field(default_factory=list)
    news: list[News] = field(default_factory=list)

    @property
    def auth_expires_at(self) -> datetime | None:
        """When the authorization ends; None for a payment that is none, or is captured."""
        if self.status != Status.AUTHORIZED or self.paid_at is None:
            return None
        return self.paid_at + AUTHORIZATION_LASTS

    @property
    def taken(self) -> int:
        """How much of the money was taken, in minor units."""
        return sum(each.value for each in self.captures) or self.amount_value

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

    def pay(self, now: datetime) -> None:
        """The buyer pays, or authorizes. Money for a cancelled payment is told, and given back.

        Raises ValueError when there is nothing to pay any more.
        """
        if self.status not in (*UNPAID, Status.CANCELLED) or self.paid_at is not None:
            raise ValueError(f"The payment is {self.status}: nothing can be paid.")
        self.paid_at = now
        if self.status in UNPAID:
            self.status = Status.AUTHORIZED if self.is_authorization else Status.SUCCESS
        self.tell(News())

    def wait(self) -> None:
        """The buyer is done and the result is to come; ValueError when it is known."""
        if self.status not in UNPAID:
            raise ValueError(f"The payment is {self.status}: nothing is to come.")
        self.status = Status.PENDING
        self.tell(News(notify_type="PAYMENT_PENDING", result="U"))

    def fail(self, code: str) -> None:
        """The payment fails, for good; ValueError when it is not unpaid."""
        if self.status not in UNPAID:
            raise ValueError(f"The payment is {self.status}: it cannot fail.")
        self.status, self.failure = Status.FAIL, code
        self.tell(News(result="F"))

    def refund(self, done: Movement) -> None:
        """Money goes back, or is on its way."""
        self.refunds.append(done)
        if done.status != "FAIL" and self.status != Status.REFUNDED:
            self.status_before_refund, self.status = self.status, Status.REFUNDED

    def settle_refund(self, request_id: str, status: str) -> Movement:
        """End the refund that is PROCESSING: SUCCESS or FAIL; ValueError when there is none."""
        for place, each in enumerate(self.refunds):
            if (each.request_id, each.status) == (request_id, "PROCESSING"):
                settled = replace(each, status=status)
                self.refunds[place] = settled
                if self.refunded_value == 0 and self.status == Status.REFUNDED:
                    self.status = self.status_before_refund
                return settled
        raise ValueError(f"No refund {request_id} of this payment is under way.")

    @property
    def refunded_value(self) -> int:
        """What went back or is on its way, in minor units."""
        return sum(each.value for each in self.refunds if each.status != "FAIL")

    def tell(self, news: News) -> None:
        if self.notify_url:
            self.news.append(news)

    def catch_up(self, now: datetime) -> None:
        """Let take effect what was under way until ``now``, the earliest first."""
        arrives, ends = self.cancel_arrives_at, self.expires_at
        if ends is not None and ends <= min(now, arrives or now) and self.status in UNPAID:
            self.fail(CLOSED)
        if arrives is not None and arrives <= now:
            self.cancel(arrives, balance_is_enough=True)
            self.cancel_arrives_at = None
        for entry in [entry for entry in self.refunds_on_the_way if entry[0] <= now]:
            self.refunds_on_the_way.remove(entry)
            if self.status in REFUNDABLE and self.refunded_value + entry[1].value <= self.taken:
                self.refund(entry[1])
        ends = self.auth_expires_at
        if ends is not None and ends < now:
            self.status, self.failure = Status.FAIL, AUTHORIZATION_ENDED

    def _refusal(self, now: datetime, balance_is_enough: bool) -> str:
        if (self.status, self.failure) == (Status.FAIL, AUTHORIZATION_ENDED):
            return "CANCEL_WINDOW_EXCEED"
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
