"""What an inquiry lists beside the payment's status: cancels, captures and refunds.

``transactions[]`` of inquiryPayment; may be absent or null, and is none of the documented answer's
core, so that whatever cannot be read is passed over, except a refund: one that is listed counts,
and a list that may hide one is no proof that there is none.
"""

from dataclasses import dataclass
from typing import Any

# As many as anybody could make of one payment; what comes after them is passed over.
_MOST = 1000
_DONE = frozenset({"SUCCESS", "S"})
_UNDER_WAY = frozenset({"PROCESSING", "PENDING", "U"})
_FAILED = frozenset({"FAIL", "F", "CANCELLED"})


@dataclass(frozen=True, kw_only=True)
class Transactions:
    """What the list says. ``refunded_value`` is in minor units, None for an unreadable amount.

    ``refunds_unclear``: there may be a refund, but not when, how much or in what currency.
    """

    cancelled: bool = False
    cancelling: bool = False
    captured: bool = False
    refund_listed: bool = False
    refunded_value: int | None = None
    refunded_currency: str = ""
    refund_under_way: bool = False
    refunds_unclear: bool = False


def read_transactions(value: object) -> Transactions:
    """Return what ``transactions`` of an answer says; nothing for what is no list."""
    entries = value[:_MOST] if isinstance(value, list) else []
    listed = [_Entry.read(entry) for entry in entries if isinstance(entry, dict)]
    cancels = [entry for entry in listed if entry.kind in ("CANCEL", "VOID")]
    refunds = [entry for entry in listed if entry.kind == "REFUND" and not entry.failed]
    values = [entry.value for entry in refunds]
    currencies = {entry.currency for entry in refunds}
    return Transactions(
        cancelled=any(entry.done for entry in cancels),
        cancelling=any(not entry.done and not entry.failed for entry in cancels),
        captured=any(entry.done for entry in listed if entry.kind == "CAPTURE"),
        refund_listed=bool(refunds),
        refunded_value=None if None in values or not values else sum(filter(None, values)),
        refunded_currency=currencies.pop() if len(currencies) == 1 else "",
        refund_under_way=any(entry.under_way for entry in refunds),
        refunds_unclear=_hides(value, listed)
        or any(entry.is_unclear for entry in refunds)
        or len({entry.currency for entry in refunds}) > 1,
    )


def _hides(value: object, read: list["_Entry"]) -> bool:
    """Whether something of the list, or the list itself, could not be read."""
    if not isinstance(value, list):
        return value is not None
    return len(value) > len(read) or any(not entry.kind for entry in read)


@dataclass(frozen=True)
class _Entry:
    kind: str
    said: frozenset[str]
    value: int | None
    currency: str = ""

    @classmethod
    def read(cls, entry: dict[str, Any]) -> "_Entry":
        result, amount = entry.get("transactionResult"), entry.get("transactionAmount")
        said = {
            _word(entry.get("transactionStatus")),
            _word(result.get("resultStatus")) if isinstance(result, dict) else "",
        }
        amount = amount if isinstance(amount, dict) else {}
        return cls(
            _word(entry.get("transactionType")),
            frozenset(said - {""}),
            read_minor_units(amount.get("value")),
            currency_code(amount.get("currency")),
        )

    @property
    def done(self) -> bool:
        return bool(self.said) and self.said <= _DONE

    @property
    def failed(self) -> bool:
        return bool(self.said) and self.said <= _FAILED

    @property
    def under_way(self) -> bool:
        return not self.is_unclear and not self.done

    @property
    def is_unclear(self) -> bool:
        readable = bool(self.said) and self.said <= _DONE | _UNDER_WAY
        return not readable or not self.value or not self.currency


def read_minor_units(value: object) -> int | None:
    """Return an amount's ``value``, a text of digits, in minor units; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 18:
        return int(value)
    return None


def currency_code(value: object) -> str:
    """Return a currency as it stands, three capital letters; "" for anything else."""
    known = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isupper()
    return str(value) if known else ""


def _word(value: object) -> str:
    return value.strip()[:64].upper()[:64] if isinstance(value, str) else ""
