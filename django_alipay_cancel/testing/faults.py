"""Everything a fake gateway can be told to do wrong, and what it was told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any


class Fault(StrEnum):
    """What can go wrong between a merchant and Alipay; the options' defaults are in `OPTIONS`.

    The option ``applied`` says whether the cancel (pay, capture, refund) takes effect all the same.
    Where it is False and the answer still says S, the answer is forged, or lies.
    """

    # No answer.
    ANSWER_LOST_AFTER = auto()  # the cancel takes effect, then the connection closes
    ANSWER_LOST_BEFORE = auto()  # the connection closes, and nothing took effect
    EFFECT_LATER = auto()  # the connection closes; it takes effect ``seconds`` later (no capture)
    SILENT_AFTER = auto()  # the cancel takes effect, then not a byte until the client gives up
    SILENT_BEFORE = auto()  # not a byte, and nothing took effect
    RESET = auto()  # a TCP reset after the request was read

    # A slow, large or strangely packed answer.
    SLOW_HEADERS = auto()  # one byte of the headers every ``seconds``
    SLOW_BODY = auto()  # headers at once, one byte of the body every ``seconds``
    LARGE_BODY = auto()  # a signed answer of ``size`` bytes
    GZIP = auto()  # compressed though nobody asked for it; the signature is over the plain body

    # An answer with another result.
    RESULT = auto()  # ``result_code``, status and message as given, ``signed`` or not, no ids
    UNKNOWN_RESULT = auto()  # a signed U; with calls=n it is U n times, then S
    CANCELLED_TOLD_AS_F = auto()  # to a cancel of what is cancelled: F and ``result_code``
    THROTTLED = auto()  # a signed U, REQUEST_TRAFFIC_EXCEED_LIMIT, before anything took effect

    # An answer that must not be believed.
    HTTP_STATUS = auto()  # ``status`` with ``body``; None keeps the signed answer as the body
    NOT_JSON = auto()  # 200 and ``body``, unsigned, as some proxies answer
    TAMPERED_BODY = auto()  # S is turned into F, or F and U into S, after signing
    WRONG_KEY = auto()  # signed with another key (the merchant's own)
    MISSING_SIGNATURE = auto()  # a response-time, but no signature
    MISSING_RESPONSE_TIME = auto()  # a signature, but no response-time
    UNSIGNED = auto()  # neither of them
    WRONG_CLIENT = auto()  # a genuine answer, but to another merchant
    REPLAY = auto()  # the newest genuine ``status`` of the same path, or of the payment ``of``
    OTHER_IDS = auto()  # signed, with the ids of another payment
    NO_IDS = auto()  # signed, without any id

    # An answer that is genuine, but unusual.
    OTHER_KEY_VERSION = auto()  # genuine, but its keyVersion names another key than it used
    RAW_BASE64 = auto()  # the signature is not URL-encoded
    INQUIRY_LAGS = auto()  # an inquiry tells the status from before the cancel
    NULL_TRANSACTIONS = (
        auto()
    )  # an inquiry tells transactions as null, as a sample of Alipay's does
    CANCEL_AS_TRANSACTION = auto()  # an inquiry tells SUCCESS with a ``kind`` among transactions
    CANCEL_UNDER_WAY = auto()  # an inquiry lists a ``kind`` that is neither done nor failed
    REFUNDS_LAG = auto()  # an inquiry lists no refund yet
    REFUND_AS_NULLS = auto()  # an inquiry of a refund says S and nothing of it


OPTIONS: Mapping[Fault, Mapping[str, Any]] = {
    Fault.RESET: {"applied": True},
    Fault.SLOW_HEADERS: {"seconds": 0.1},
    Fault.SLOW_BODY: {"seconds": 0.1},
    Fault.LARGE_BODY: {"size": 1_000_000},
    Fault.RESULT: {
        "result_code": "PROCESS_FAIL",
        "result_status": None,  # the documented one of the code
        "result_message": None,  # the code in words
        "signed": True,
        "applied": False,
    },
    Fault.UNKNOWN_RESULT: {"applied": False},
    Fault.CANCELLED_TOLD_AS_F: {"result_code": "ORDER_IS_CANCELED"},
    Fault.CANCEL_AS_TRANSACTION: {"kind": "CANCEL"},
    Fault.CANCEL_UNDER_WAY: {"kind": "CANCEL"},
    Fault.HTTP_STATUS: {"status": 503, "body": "", "retry_after": None, "applied": False},
    Fault.NOT_JSON: {"body": "<html>Please log in</html>", "applied": False},
    Fault.TAMPERED_BODY: {"applied": True},
    Fault.WRONG_KEY: {"applied": True},
    Fault.MISSING_SIGNATURE: {"applied": True},
    Fault.MISSING_RESPONSE_TIME: {"applied": True},
    Fault.UNSIGNED: {"applied": True},
    Fault.WRONG_CLIENT: {"applied": True},
    Fault.REPLAY: {"of": None, "status": "S", "applied": False},
    Fault.EFFECT_LATER: {"seconds": 30.0, "applied": False},
    Fault.OTHER_KEY_VERSION: {"applied": True},
    Fault.OTHER_IDS: {"applied": False},
    Fault.NO_IDS: {"applied": True},
}

INQUIRY_FAULTS = (
    Fault.INQUIRY_LAGS,
    Fault.NULL_TRANSACTIONS,
    Fault.CANCEL_AS_TRANSACTION,
    Fault.CANCEL_UNDER_WAY,
    Fault.REFUNDS_LAG,
)
_NOT_APPLIED = (Fault.ANSWER_LOST_BEFORE, Fault.SILENT_BEFORE, Fault.THROTTLED)


@dataclass(kw_only=True)
class Misbehaviour:
    """One order to misbehave: on which calls, how often (None: always), and how.

    Raises TypeError for an option the fault does not have.
    """

    fault: Fault
    payment: str | None
    api: str | None
    calls: int | None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        defaults = OPTIONS.get(self.fault, {})
        unknown = sorted(self.options.keys() - defaults.keys())
        if unknown:
            raise TypeError(f"Fault.{self.fault.name} has no option {', '.join(unknown)}.")
        self.options = {**defaults, **self.options}

    @property
    def applied(self) -> bool:
        """Whether the call takes effect in spite of the fault."""
        return self.fault not in _NOT_APPLIED and bool(self.options.get("applied", True))

    def concerns(self, api: str, ids: frozenset[str]) -> bool:
        return self.api in (None, api) and (self.payment is None or self.payment in ids)


class Misbehaviours:
    """The orders not yet used up; of several that fit a call, the oldest is taken."""

    def __init__(self) -> None:
        self._orders: list[Misbehaviour] = []

    def add(self, order: Misbehaviour) -> None:
        self._orders.append(order)

    def clear(self) -> None:
        self._orders.clear()

    def take(self, api: str, ids: frozenset[str]) -> Misbehaviour | None:
        """Return the order for this call, one call of it used up."""
        for order in self._orders:
            if order.concerns(api, ids):
                break
        else:
            return None
        if order.calls is not None:
            order.calls -= 1
            if order.calls == 0:
                self._orders.remove(order)
        return order
