"""What became of a cancellation and of the money: for the shop's staff, and for the buyer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_alipay_cancel import refund_wording
from django_alipay_cancel.alipay.refunds import REFUND_UNKNOWN_CODES
from django_alipay_cancel.alipay.results import (
    CONFIGURATION_CODES,
    RESULT_CODES,
    NextStep,
    ResultStatus,
)
from django_alipay_cancel.wording import (
    error_sentence,
    joined,
    next_step_sentence,
    result_sentence,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from django_alipay_cancel.models import Cancellation, Payment


class Money(StrEnum):
    """What a succeeded cancellation means for the buyer's money, by what is known of the payment.

    FAILED: it had failed before. CONTRADICTED: it had failed, and was then reported as paid.
    """

    RETURNED = "returned"
    RELEASED = "released"
    CLOSED = "closed"
    FAILED = "failed"
    CONTRADICTED = "contradicted"


class Refund(StrEnum):
    """Whether the shop is to refund a payment: NOT_YET while that is not known, or not the way."""

    YES = "yes"
    NO = "no"
    NOT_YET = "not_yet"


_REFUNDS: Final[Mapping[Refund, StrPromise]] = {
    Refund.YES: pgettext_lazy("refund", "yes"),
    Refund.NO: pgettext_lazy("refund", "no"),
    Refund.NOT_YET: pgettext_lazy("refund", "not yet"),
}
_OUTCOMES: Final[Mapping[str, StrPromise]] = {
    "PENDING": _(
        "The result is not known yet. "
        "Do not refund and do not ask the buyer to pay again yet. "
        "The cancellation is repeated automatically."
    ),
    "REJECTED": _("The payment was not cancelled."),
    "NEEDS_REVIEW": _(
        "The result is not known yet, and a person has to look at it. "
        "Do not refund and do not ask the buyer to pay again yet."
    ),
}
_SUCCEEDED: Final[Mapping[Money, StrPromise]] = {
    Money.RETURNED: _("The payment is cancelled. All the money goes back to the buyer."),
    Money.RELEASED: _("The payment is cancelled. The hold on the buyer's money is released."),
    Money.CLOSED: _("The payment is cancelled. It is closed, and the buyer can no longer pay."),
    Money.FAILED: _("The payment had failed; no money was taken, there is nothing to cancel."),
    Money.CONTRADICTED: _(
        "The payment had failed, so that there was nothing to cancel; but then it was reported as "
        "paid. Check it at Alipay before you do anything else."
    ),
}
_FOR_BUYERS: Final[Mapping[str, StrPromise]] = {
    "PENDING": _(
        "Your payment is being cancelled; the result is not known yet. Please do not pay again. "
        "You do not have to do anything."
    ),
    "REJECTED": _("Your payment could not be cancelled. Please contact the shop."),
    "NEEDS_REVIEW": _(
        "The result of the cancellation is not known yet. Please do not pay again. "
        "The shop clears this up with Alipay; you do not have to do anything."
    ),
}
_SUCCEEDED_FOR_BUYERS: Final[Mapping[Money, StrPromise]] = {
    Money.RETURNED: _("Your payment is cancelled. All the money goes back the way it came."),
    Money.RELEASED: _("Your payment is cancelled. The money that was held is released."),
    Money.CLOSED: _("Your payment is cancelled. It can no longer be paid."),
    Money.FAILED: _("Your payment had failed. No money was taken."),
    Money.CONTRADICTED: _(
        "Whether you have paid is not known for certain. Please do not pay again, and contact the "
        "shop."
    ),
}
_REFUND_FOR_BUYERS = _(
    "Your payment can no longer be cancelled. Please contact the shop if you want a refund."
)
# An old rejection says nothing of what became of the payment since.
_OVERTAKEN: Final[Mapping[str, StrPromise]] = {
    "CANCELLING": _(
        "This cancellation was rejected, but the payment is being cancelled anew: do not refund it."
    ),
    "CANCELLED": _(
        "This cancellation was rejected, but the payment is cancelled meanwhile: do not refund it."
    ),
    "REFUNDING": _(
        "This cancellation was rejected, but the payment is being refunded: do not refund it again."
    ),
    "REFUNDED": _(
        "This cancellation was rejected, but the payment is refunded meanwhile: do not refund it "
        "again."
    ),
}


def money_of(payment: Payment) -> Money:
    """Return what a cancellation that has succeeded means for the money of this payment."""
    if payment.status == "CANCELLED":
        if payment.paid_at:
            return Money.RETURNED
        return Money.RELEASED if payment.authorized_at else Money.CLOSED
    # Only an inquiry that showed FAIL ends a cancellation well without cancelling the payment.
    unpaid = payment.status == "FAIL" and not payment.paid_at
    return Money.FAILED if unpaid else Money.CONTRADICTED


def is_overtaken(cancellation: Cancellation) -> bool:
    """Whether the payment is being cancelled, or is cancelled, since this one was rejected."""
    return cancellation.status == "REJECTED" and cancellation.payment.status in _OVERTAKEN


def cancellation_message(cancellation: Cancellation) -> str:
    """Return what became of the cancellation, why, and what to do, in the active language.

    The sentence for the shop's staff, on every page and over REST. While the result is not known it
    says neither "cancelled" nor "not cancelled", whatever the last code was.
    """
    if is_overtaken(cancellation):
        return str(_OVERTAKEN[cancellation.payment.status])
    return own_message(cancellation)


def own_message(cancellation: Cancellation) -> str:
    """Return how the cancellation stands or ended, whatever became of the payment since."""
    if cancellation.status == "SUCCEEDED":
        return str(_SUCCEEDED[money_of(cancellation.payment)])
    if cancellation.status == "REFUNDED":
        return str(refund_wording.FOR_STAFF["REFUNDED"])
    outcomes = refund_wording.FOR_STAFF if cancellation.refunds else _OUTCOMES
    sentences = [str(outcomes[cancellation.status]), *_reasons(cancellation)]
    step = advice(cancellation)
    if step not in (NextStep.NONE, NextStep.WAIT):
        sentences.append(next_step_sentence(step))
    return joined(sentences)


def advice(cancellation: Cancellation) -> NextStep:
    """Return what is to be done now: the step that the answer asked for, by what is known since.

    No refund while the result is not known, nor of what nobody has paid or Alipay has given back.
    """
    step, payment = NextStep(cancellation.next_step), cancellation.payment
    if cancellation.status == "SUCCEEDED" or is_overtaken(cancellation):
        return NextStep.NONE
    if step not in (NextStep.REFUND, NextStep.RELEASE_OR_CAPTURE):
        return step
    if cancellation.status != "REJECTED":
        return NextStep.CHECK_ORDER_STATUS
    if payment.refunded_value is not None:
        return NextStep.CHECK_REFUNDS
    fits = {NextStep.REFUND: "SUCCESS", NextStep.RELEASE_OR_CAPTURE: "AUTHORIZED"}
    return step if payment.status == fits[step] else NextStep.CHECK_ORDER_STATUS


def buyer_message(cancellation: Cancellation) -> str:
    """Return what became of the cancellation for the buyer, in the active language.

    Without codes, errors, attempts, keys, and whatever else is the shop's own affair.
    """
    if cancellation.status == "SUCCEEDED":
        return str(_SUCCEEDED_FOR_BUYERS[money_of(cancellation.payment)])
    if is_overtaken(cancellation):
        return _overtaken_for_buyers(cancellation.payment)
    if cancellation.refunds or cancellation.status == "REFUNDED":
        return str(refund_wording.FOR_BUYERS[cancellation.status])
    if advice(cancellation) is NextStep.REFUND:
        return str(_REFUND_FOR_BUYERS)
    return str(_FOR_BUYERS[cancellation.status])


def _overtaken_for_buyers(payment: Payment) -> str:
    if payment.status == "CANCELLED":
        return str(_SUCCEEDED_FOR_BUYERS[money_of(payment)])
    if payment.status == "CANCELLING":
        return str(_FOR_BUYERS["PENDING"])
    refunded = payment.status == "REFUNDED"
    return str(refund_wording.FOR_BUYERS["REFUNDED" if refunded else "PENDING"])


def refund_of(cancellation: Cancellation) -> Refund:
    """Return whether a refund is the way now, by what is known of the payment."""
    payment = cancellation.payment
    if cancellation.status == "SUCCEEDED":
        settled = money_of(payment) is not Money.CONTRADICTED
        return Refund.NO if settled else Refund.NOT_YET
    if payment.status == "REFUNDED":
        return Refund.NO
    if cancellation.status != "REJECTED" or payment.status in payment.IN_CHANGE:
        return Refund.NOT_YET
    if payment.status != "SUCCESS":
        return Refund.NO  # nothing was taken, or it goes back by itself
    return Refund.YES if advice(cancellation) is NextStep.REFUND else Refund.NOT_YET


def refund_label(refund: Refund) -> str:
    """Return the answer in the active language."""
    return str(_REFUNDS[refund])


def _reasons(cancellation: Cancellation) -> Iterator[str]:
    rejected = cancellation.status == "REJECTED"
    code = cancellation.result_code
    if code and not _code_is_a_reason(cancellation, rejected=rejected):
        code = ""
    if cancellation.error and not rejected:
        yield error_sentence(cancellation.error, code)
    elif code:
        refunds = cancellation.refunds
        yield (refund_wording.refund_result_sentence if refunds else result_sentence)(code)


def _code_is_a_reason(cancellation: Cancellation, *, rejected: bool) -> bool:
    code = cancellation.result_code
    if cancellation.error and not rejected:
        # Nothing in an answer that is not believed is repeated, but for a hint at the settings.
        return cancellation.error == "unsigned" and code in CONFIGURATION_CODES
    if cancellation.refunds and code in REFUND_UNKNOWN_CODES:
        return not rejected
    known = RESULT_CODES.get(code)
    if known is None or known.result_status is ResultStatus.F:
        return True
    # An S that decided nothing explains nothing, nor does the U that came before a rejection.
    return known.result_status is ResultStatus.U and not rejected
