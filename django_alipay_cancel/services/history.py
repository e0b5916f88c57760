"""What is known of one payment: its calls and what each has said, facts, and the wish to cancel it.

Pure values, without models, clock or settings: what `verdict` judges. A word is stored with its
attempt, since whether an answer may be believed cannot be told from the row later.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Word(StrEnum):
    """What a call has said, stored with it: whether it may be believed cannot be told later."""

    NOTHING_SENT = "NOTHING_SENT"
    # A cancel: S with our ids, S without ids, other ids, a believable F, and what decides nothing.
    YES = "YES"
    S_UNBOUND = "S_UNBOUND"
    MIXED = "MIXED"
    REFUSED = "REFUSED"
    THROTTLED = "THROTTLED"
    # Either: ORDER_NOT_EXIST, a refusal of the request itself, and what is no word at all.
    UNKNOWN_PAYMENT = "UNKNOWN_PAYMENT"
    MISCONFIGURED = "MISCONFIGURED"
    NO_WORD = "NO_WORD"
    # An inquiry, bound by ids.
    SHOWS_CANCELLED = "SHOWS_CANCELLED"
    SHOWS_CANCELLING = "SHOWS_CANCELLING"
    SHOWS_FAILED = "SHOWS_FAILED"
    SHOWS_TAKEN = "SHOWS_TAKEN"
    SHOWS_UNPAID = "SHOWS_UNPAID"
    # A refund, S with our ids; and an inquiry of it, bound by its id.
    ACCEPTED = "ACCEPTED"
    REFUND_DONE = "REFUND_DONE"
    REFUND_OPEN = "REFUND_OPEN"
    REFUND_FAILED = "REFUND_FAILED"
    UNKNOWN_REFUND = "UNKNOWN_REFUND"


class Listed(StrEnum):
    """What an inquiry lets us say of refunds of this payment, by anybody; stored with it."""

    NOTHING = "NOTHING"  # nothing is refunded, and amount and id are known and ours
    ALL = "ALL"
    PART = "PART"
    UNDER_WAY = "UNDER_WAY"  # all of it
    UNCLEAR = "UNCLEAR"  # there may be a refund; a person has to look
    CONTRADICTED = "CONTRADICTED"  # another amount than ours, or none, or no id


class AskedBy(StrEnum):
    """Who made a call: the schedule, the hourly look in review, the sweep, or a person."""

    SCHEDULE = "schedule"
    REVIEW = "review"
    SWEEP = "sweep"
    PERSON = "person"
    UNNAMED = "unnamed"  # a check now without a person's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt of the payment: `said` is None while it is open, or was abandoned.

    `cancels` and `refunds` name what acts, `asks_refund` an inquiry of a refund; none of them: of
    the payment, with what it `listed`.
    """

    cancels: bool
    refunds: bool = False
    asks_refund: bool = False
    listed: Listed | None = None
    wish: Hashable = None
    opened_at: datetime
    claim_until: datetime
    answered_at: datetime | None = None
    said: Word | None = None
    code: str = ""
    message: str = ""
    error: str = ""
    by: AskedBy = AskedBy.SCHEDULE
    response_time: datetime | None = None

    @property
    def word(self) -> Word:
        """What it said; an abandoned call said nothing."""
        return self.said or Word.NO_WORD

    @property
    def ended_at(self) -> datetime:
        """When its answer came; an abandoned call could be written until its claim ended."""
        if self.said is None or self.answered_at is None:
            return self.claim_until
        return self.answered_at

    @property
    def of_refund(self) -> bool:
        """Whether it asks for a refund, or after one."""
        return self.refunds or self.asks_refund

    @property
    def was_sent(self) -> bool:
        """Whether Alipay may have seen it."""
        return self.said is not Word.NOTHING_SENT

    def is_to_be_abandoned(self, now: datetime) -> bool:
        """Whether its claim ended without an answer, and nobody has written that down yet."""
        return self.said is None and not self.error and self.claim_until <= now


class FactKind(StrEnum):
    """What can be told of a payment outside its attempts, as far as rules need it."""

    AUTHORIZED = "authorized"
    PAID = "paid"
    CAPTURED = "captured"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was told: `signed` by Alipay, or only said by the shop."""

    kind: FactKind
    learned_at: datetime
    signed: bool


class WishState(StrEnum):
    """How far a wish has come; NONE: a payment says CANCELLING and has no open cancellation."""

    PENDING = "pending"
    IN_REVIEW = "in_review"
    OVER = "over"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The cancellation that is judged. `due` is what its claim found, of `seen` calls then."""

    key: Hashable
    state: WishState = WishState.PENDING
    no_result: bool = False
    or_refund: bool = False
    refunds: bool = False  # it has turned to a refund
    asked_at: datetime
    due: datetime | None = None
    seen: int = 0

    @property
    def is_pending(self) -> bool:
        """Whether the schedule repeats it."""
        return self.state is WishState.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything known: the payment's calls in the order in which they were opened, and facts."""

    wish: Wish
    calls: Sequence[Call] = ()
    facts: Sequence[Fact] = ()
    refund_listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings that rules need; `delays` are jittered already."""

    delays: Sequence[timedelta]
    quiet: timedelta
    fresh: timedelta  # how long an inquiry that showed "unpaid" lets the app cancel by itself
    early: int = 4
    longest_resend_delay: timedelta = timedelta(seconds=600)
    not_sent_for: timedelta = timedelta(hours=24)
    review_every: timedelta = timedelta(hours=1)
    review_inquiries: int = 72
    refunds: bool = False  # may a wish turn to a refund
    refund_lasts: timedelta = timedelta(days=14)  # how long one is waited for
