"""What can become of a cancellation: one order for each answer Alipay can give, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from stage import UNREACHABLE, WRONG_KEY

from django_alipay_cancel.testing import Fault

# Seconds. The real delays reach over hours; with these every repeat happens while one looks on.
RETRY_DELAYS = (0.1, 0.2, 0.3, 0.4, 0.5)
# A minute in earnest: so long a cancel without an answer may still take effect.
QUIET_PERIOD = 0.3
PATIENCE = 20


class Ends(NamedTuple):
    """How a scenario ends: what is stored of the payment and of its last cancellation."""

    payment: str
    cancellation: str
    code: str
    next_step: str


class Trouble(NamedTuple):
    """What Alipay does wrong with the next `calls` calls, None for all of them."""

    fault: Fault
    calls: int | None = 1
    options: dict[str, Any] = {}
    api: str = "cancel"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """One order, what Alipay does with its payment, and how its cancellation ends."""

    reference: str
    story: str
    ends: Ends
    known_as: str = "paid"  # to the shop; "authorized", or "" while it has no result
    status: str = "SUCCESS"  # at Alipay; "" for a payment that Alipay does not have
    method: str = "default"
    paid_at: datetime | None = None  # None: now
    recorded_at: datetime | None = None  # by the shop; None: now
    merchant: str = "default"
    trouble: tuple[Trouble, ...] = ()
    answered_late: bool = False


def answers(code: str, calls: int | None = 1) -> Trouble:
    """Return the trouble of a signed answer with this result code, without any effect."""
    return Trouble(Fault.RESULT, calls, {"result_code": code})


CANCELLED = Ends("CANCELLED", "SUCCEEDED", "SUCCESS", "NONE")
LONG_AGO = datetime.now(UTC) - timedelta(days=3)

# Played by the demo, and before the site is served.
PLAYED = (
    Scenario(reference="T-01", story="cancels a paid payment", ends=CANCELLED),
    Scenario(
        reference="T-02",
        story="releases an authorized one",
        known_as="authorized",
        status="AUTHORIZED",
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-03",
        story="closes one without a result",
        known_as="",
        status="PROCESSING",
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-04",
        story="says S without ids; the inquiry tells",
        trouble=(Trouble(Fault.NO_IDS),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-05",
        story="says S with another payment's ids",
        trouble=(Trouble(Fault.OTHER_IDS),),
        ends=Ends("CANCELLING", "NEEDS_REVIEW", "SUCCESS (id_mismatch)", "CONTACT_ALIPAY"),
    ),
    Scenario(
        reference="T-06",
        story="says F: paid three days ago",
        paid_at=LONG_AGO,
        ends=Ends("SUCCESS", "REJECTED", "CANCEL_WINDOW_EXCEED", "REFUND"),
    ),
    Scenario(
        reference="T-07",
        story="says F: the merchant's balance is empty",
        trouble=(answers("MERCHANT_BALANCE_NOT_ENOUGH"),),
        ends=Ends("SUCCESS", "REJECTED", "MERCHANT_BALANCE_NOT_ENOUGH", "TOP_UP_BALANCE"),
    ),
    Scenario(
        reference="T-08",
        story="says F: a bank transfer that is paid",
        method="bank_transfer",
        ends=Ends("SUCCESS", "REJECTED", "PAYMENT_METHOD_NOT_SUPPORTED", "REFUND"),
    ),
    Scenario(
        reference="T-09",
        story="says F twice: the cancel overtook the pay",
        known_as="",
        status="PROCESSING",
        trouble=(answers("ORDER_NOT_EXIST", calls=2),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-10",
        story="says F: never heard of this payment",
        known_as="",
        status="",
        ends=Ends("PROCESSING", "REJECTED", "ORDER_NOT_EXIST", "CHECK_PAYMENT_ID"),
    ),
    Scenario(
        reference="T-11",
        story="says F with doubt; the inquiry says paid",
        status="REFUNDED",
        ends=Ends("SUCCESS", "REJECTED", "PROCESS_FAIL", "CONTACT_ALIPAY"),
    ),
    Scenario(
        reference="T-12",
        story="says F with doubt; the inquiry says failed",
        known_as="",
        status="FAIL",
        ends=Ends("FAIL", "SUCCEEDED", "SUCCESS", "NONE"),
    ),
    Scenario(
        reference="T-13",
        story="says U twice, then S",
        trouble=(Trouble(Fault.UNKNOWN_RESULT, 2),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-14",
        story="cancels, but the answer is lost",
        trouble=(Trouble(Fault.ANSWER_LOST_AFTER),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-15",
        story="seems to say S, but the signature is wrong",
        trouble=(Trouble(Fault.WRONG_KEY, 1, {"applied": False}),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-16",
        story="says unsigned that it cannot verify us",
        merchant=WRONG_KEY,
        ends=Ends(
            "CANCELLING", "NEEDS_REVIEW", "INVALID_SIGNATURE (unsigned)", "FIX_CONFIGURATION"
        ),
    ),
    Scenario(
        reference="T-17",
        story="cannot be reached: nothing is sent",
        merchant=UNREACHABLE,
        ends=Ends("CANCELLING", "PENDING", "(connection_failed)", "WAIT"),
    ),
    Scenario(
        reference="T-18",
        story="says U each time, until the delays are used up",
        trouble=(Trouble(Fault.UNKNOWN_RESULT, None),),
        ends=Ends("CANCELLING", "NEEDS_REVIEW", "UNKNOWN_EXCEPTION", "CONTACT_ALIPAY"),
    ),
    Scenario(
        reference="T-19",
        story="is asked too often, then says S",
        trouble=(Trouble(Fault.THROTTLED),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-20",
        story="answers after we had given up and asked again",
        answered_late=True,
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-28",
        story="has the pay only after three cancels",
        known_as="",
        trouble=(answers("ORDER_NOT_EXIST", calls=3),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-29",
        story="cancels, and says F: it is cancelled",
        trouble=(Trouble(Fault.RESULT, 1, {"result_code": "ORDER_IS_CANCELED", "applied": True}),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-30",
        story="says F while a cancel is under way",
        trouble=(
            Trouble(Fault.RESULT, 1, {"result_code": "ORDER_STATUS_INVALID", "applied": True}),
            Trouble(Fault.CANCEL_UNDER_WAY, 2, api="inquiryPayment"),
        ),
        ends=CANCELLED,
    ),
)

# Left to whoever opens the site: how each ends once its payment is cancelled there.
LEFT = (
    Scenario(reference="T-21", story="cancels a paid payment", ends=CANCELLED),
    Scenario(
        reference="T-22",
        story="releases an authorized one",
        known_as="authorized",
        status="AUTHORIZED",
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-23",
        story="closes one without a result",
        known_as="",
        status="PROCESSING",
        recorded_at=LONG_AGO,  # or the worker would not leave it to anybody
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-24",
        story="says U twice, then S",
        trouble=(Trouble(Fault.UNKNOWN_RESULT, 2),),
        ends=CANCELLED,
    ),
    Scenario(
        reference="T-25",
        story="says U each time",
        trouble=(Trouble(Fault.UNKNOWN_RESULT, None),),
        ends=Ends("CANCELLING", "NEEDS_REVIEW", "UNKNOWN_EXCEPTION", "CONTACT_ALIPAY"),
    ),
    Scenario(
        reference="T-26",
        story="says F: paid three days ago",
        paid_at=LONG_AGO,
        ends=Ends("SUCCESS", "REJECTED", "CANCEL_WINDOW_EXCEED", "REFUND"),
    ),
    Scenario(
        reference="T-27",
        story="gives no answer",
        trouble=(Trouble(Fault.ANSWER_LOST_BEFORE, None),),
        ends=Ends("CANCELLING", "NEEDS_REVIEW", "(connection_lost)", "CONTACT_ALIPAY"),
    ),
)
