"""What a verdict says: what to do, by which rule, from when on, and what to tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.services.history import Call


class Act(StrEnum):
    """What is to be done now, or from `Verdict.at` on."""

    CANCELLED = "cancelled"
    UNPAID = "unpaid"
    REJECT = "reject"
    REVIEW = "review"
    ASK = "ask"
    CANCEL = "cancel"
    REFUND = "refund"  # of a wish that cancels until now: it turns, and never back
    ASK_REFUND = "ask_refund"
    REFUNDED = "refunded"
    WAIT = "wait"


class Because(StrEnum):
    """The rule that decided."""

    CANCELLED = "cancelled"
    UNPAID = "unpaid"
    FAILED_AFTER_PAID = "failed_after_paid"
    CALLING = "calling"
    PAID_MEANWHILE = "paid_meanwhile"
    TROUBLE = "trouble"
    REFUSED = "refused"
    ASK_ABOUT_ANSWER = "ask_about_answer"
    REFUSAL_UNDECIDED = "refusal_undecided"
    INQUIRY_MISCONFIGURED = "inquiry_misconfigured"
    UNKNOWN_PAYMENT = "unknown_payment"
    UNDER_WAY = "under_way"
    NOTHING_SENT = "nothing_sent"
    REPEAT = "repeat"
    DELAYS_USED_UP = "delays_used_up"
    IN_REVIEW = "in_review"
    CHECKED_BY_PERSON = "checked_by_person"
    NO_WISH = "no_wish"
    NOT_STORED = "not_stored"
    REFUNDED = "refunded"
    EARLIER_REFUND = "earlier_refund"
    TURNS_TO_REFUND = "turns_to_refund"
    REFUNDS_LISTED = "refunds_listed"
    AMOUNT_CONTRADICTED = "amount_contradicted"
    REFUND_CALLING = "refund_calling"
    REFUND_FAILED = "refund_failed"
    REFUND_REFUSED = "refund_refused"
    REFUND_UNDER_WAY = "refund_under_way"
    REFUND_UNKNOWN = "refund_unknown"
    # What an explanation says besides, of a payment or a wish that is at rest.
    CLOSED_BY_HAND = "closed_by_hand"
    UNKNOWN_PAYMENT_BELIEVED = "unknown_payment_believed"
    NEVER_REACHED = "never_reached"
    NOTHING_TO_DO = "nothing_to_do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do, why, from when on (None: now; for WAIT: nothing is awaited), and what to tell.

    `told` is the call whose code and error stand behind a refusal or a review; `about` the wish
    whose refund is asked about when that is an earlier one.
    """

    act: Act
    because: Because
    at: datetime | None = None
    told: Call | None = None
    next_step: NextStep = NextStep.WAIT
    about: Any = None  # as in `Call.wish`
