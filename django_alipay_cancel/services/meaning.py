"""What each answer means: the two tables of the protocol as two functions, without any I/O.

Sources: the result handling that both cancel pages require (S, F, U, no response), and
inquiryPayment, https://docs.antom.com/ac/ams/paymentri_online.
"""

from __future__ import annotations

from enum import Enum, auto

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.results import (
    CONFIGURATION_CODES,
    DOUBTFUL_CODES,
    ResultStatus,
)


class Meaning(Enum):
    """What a cancel answer asks us to do."""

    SUCCEEDED = auto()
    REJECTED = auto()
    INQUIRE = auto()  # not to be believed, or not enough: ask what became of the payment
    REPEAT = auto()  # unknown: the same parameters at the next delay
    RESEND = auto()  # nothing was sent: again, and no delay is used up
    REVIEW = auto()  # repeating is useless: a person has to look


def of_cancel(answer: Answer, *, doubt: bool, early: bool, unpaid: bool) -> Meaning:
    """Return the meaning of an answer to a cancel.

    `doubt`: another attempt of this payment may have taken effect. `unpaid`: no payment or
    authorization is recorded, so that the cancel may have overtaken the pay. `early`: within the
    first attempts in which ORDER_NOT_EXIST of an unpaid payment is not believed.
    """
    if not answer.sent:
        return Meaning.RESEND
    if answer.error == "id_mismatch" or is_configuration_refusal(answer):
        return Meaning.REVIEW
    if not answer.verified or answer.result_status == ResultStatus.U:
        return Meaning.REPEAT
    if answer.result_status == ResultStatus.S:
        return Meaning.SUCCEEDED if answer.ids_match else Meaning.INQUIRE
    if answer.result_code == "ORDER_NOT_EXIST" and unpaid:
        return Meaning.REPEAT if early else Meaning.INQUIRE
    if doubt or answer.result_code in DOUBTFUL_CODES:
        return Meaning.INQUIRE
    return Meaning.REJECTED


def is_configuration_refusal(answer: Answer) -> bool:
    """Return whether the gateway refused the request itself, unsigned as it does then."""
    return (
        answer.error == "unsigned"
        and answer.result_status == ResultStatus.F
        and answer.result_code in CONFIGURATION_CODES
    )


class Finding(Enum):
    """What an inquiry says of the payment."""

    CANCELLED = auto()
    FAILED = auto()  # no money was taken: there is nothing left to cancel
    PAID = auto()  # not cancelled, or not yet
    UNDECIDED = auto()
    UNKNOWN_PAYMENT = auto()
    NOTHING = auto()  # no answer that can be trusted


_FINDINGS = {
    "CANCELLED": Finding.CANCELLED,
    "FAIL": Finding.FAILED,
    "SUCCESS": Finding.PAID,
    "PROCESSING": Finding.UNDECIDED,
    "PENDING": Finding.UNDECIDED,
}


def of_inquiry(answer: Answer) -> Finding:
    """Return what a signed answer about this very payment says; NOTHING for any other answer."""
    if not answer.verified:
        return Finding.NOTHING
    if answer.result_code == "ORDER_NOT_EXIST" and answer.result_status == ResultStatus.F:
        return Finding.UNKNOWN_PAYMENT
    if answer.result_status != ResultStatus.S or not answer.ids_match:
        return Finding.NOTHING
    if answer.payment_status == "SUCCESS" and answer.cancelled_by_transaction:
        return Finding.CANCELLED
    return _FINDINGS.get(answer.payment_status, Finding.NOTHING)


def speaks_against(finding: Finding, *, refused: bool) -> bool:
    """Return whether the payment is not cancelled; `refused`: a verified F is in hand."""
    if finding in (Finding.UNDECIDED, Finding.UNKNOWN_PAYMENT):
        return refused
    return finding is Finding.PAID
