"""The admin's own sentences: what a cancellation would do, why it cannot, what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin.paid_later import paid_later
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import is_configured
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.outcomes import (
    Money,
    cancellation_message,
    is_overtaken,
    money_of,
)
from django_alipay_cancel.refund_wording import refund_result_sentence
from django_alipay_cancel.services.evidence import was_paid_after_cancellation
from django_alipay_cancel.services.given import validate_ids
from django_alipay_cancel.services.permitting import NOT_ALLOWED
from django_alipay_cancel.wording import cause_sentence, error_sentence, joined, result_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrPromise

UNCONFIGURED = _(
    "The settings of this merchant are missing or wrong. Check ALIPAY_CANCEL in the settings."
)
UNSENDABLE = _("The recorded IDs of this payment cannot be sent to Alipay. Correct them.")

_WHY_NOT: Mapping[str, StrPromise] = {
    Payment.Status.FAIL: _("The payment failed; there is nothing to cancel."),
    Payment.Status.CANCELLING: _("The payment is already being cancelled."),
    Payment.Status.CANCELLED: _("The payment is already cancelled."),
    Payment.Status.REFUNDING: _("The payment is already being refunded."),
    Payment.Status.REFUNDED: _("The payment is already refunded."),
}
_FINISHED = _("This cancellation has its final result and is not repeated.")
_CANCEL_AGAIN = _(
    "This cancellation has its final result and is not repeated. "
    "If the payment is still to be cancelled, cancel it again."
)
_INSTEAD_OF_CANCELLING = (NextStep.REFUND, NextStep.CHECK_REFUNDS, NextStep.RELEASE_OR_CAPTURE)
_EFFECTS: Mapping[str, StrPromise] = {
    Payment.Status.PROCESSING: _(
        "The payment is closed and can no longer be paid. "
        "If the buyer has paid meanwhile, all the money goes back."
    ),
    Payment.Status.AUTHORIZED: _("The authorization is released."),
    Payment.Status.SUCCESS: _("All the money goes back to the buyer."),
}
_LEVELS: Mapping[str, int] = {
    Cancellation.Status.SUCCEEDED: messages.SUCCESS,
    Cancellation.Status.REJECTED: messages.ERROR,
    Cancellation.Status.REFUNDED: messages.SUCCESS,
}


class Told(NamedTuple):
    """What to tell the person, and how loud: a level of django.contrib.messages."""

    level: int
    text: str


def effect(payment: Payment) -> str:
    """Return what cancelling the payment would do; "" where there is nothing to cancel."""
    return str(_EFFECTS.get(payment.status, ""))


def late_payment(payment: Payment) -> str:
    """Return the warning for a payment that was paid although its status is final; "" for none."""
    if not payment.paid_at:
        return ""
    if payment.status == Payment.Status.FAIL:
        return gettext(
            "Warning: this payment failed, but Alipay then reported it as paid. "
            "Check it at Alipay before you do anything else."
        )
    if payment.status == Payment.Status.REFUNDED and payment.cancelled_at:
        return gettext(
            "Warning: this payment is refunded, and Alipay also says that it is cancelled. "
            "Check at Alipay whether the buyer has the money twice."
        )
    if payment.status == Payment.Status.CANCELLED and was_paid_after_cancellation(payment):
        return gettext(
            "Warning: this payment was paid after it had been cancelled. It stays cancelled: "
            "Alipay gives the money back by itself. Do not refund, and do not deliver."
        )
    rejected = Cancellation.objects.using(payment.database).filter(payment=payment)
    if payment.status == Payment.Status.SUCCESS and paid_later(rejected).exists():
        return gettext(
            "Warning: Alipay did not know this payment when it was to be cancelled, and the buyer "
            "has paid since. Serve the order, or cancel the payment again."
        )
    return ""


def why_not(payment: Payment, *, refused: str) -> str:
    """Return why this payment cannot be cancelled by this person now; "" when it can.

    `refused` is why the person may not, "" when they may.
    """
    return str(_WHY_NOT.get(payment.status, "")) or refused or unsendable(payment)


def why_not_check(payment: Payment, *, permitted: bool) -> str:
    """Return why this person cannot ask Alipay about the payment; "" when that works."""
    return unsendable(payment) if permitted else str(NOT_ALLOWED)


def why_not_again(cancellation: Cancellation, *, refused: str) -> str:
    """Return why this cancellation cannot be asked again by this person; "" when it can."""
    if cancellation.is_open:
        return refused or unsendable(cancellation.payment)
    met = (Cancellation.Status.SUCCEEDED, Cancellation.Status.REFUNDED)
    if cancellation.status in met or is_overtaken(cancellation):
        return ""
    instead = cancellation.next_step in _INSTEAD_OF_CANCELLING
    return str(_FINISHED if instead else _CANCEL_AGAIN)


def until_quiet(cancellation: Cancellation) -> str:
    """Return until when an open one waits for a cancel that may still take effect; "" for none."""
    return services.explain(cancellation.payment).quiet_sentence if cancellation.is_open else ""


def unsendable(payment: Payment) -> str:
    """Return why Alipay cannot be asked about this payment at all; "" when it can."""
    if not is_configured(payment.merchant):
        return str(UNCONFIGURED)
    try:
        validate_ids(payment)
    except ValidationError:
        return str(UNSENDABLE)
    return ""


def outcome(cancellation: Cancellation) -> Told:
    """Return what became of the cancellation, and on whose word; unknown is a warning."""
    level = _LEVELS.get(cancellation.status, messages.WARNING)
    source = "" if is_overtaken(cancellation) else _source(cancellation)
    return Told(level, joined([cancellation_message(cancellation), source]))


def outcome_with_refund(cancellation: Cancellation, refund: str) -> Told:
    """Return what became of the cancellation, and what there is to say about a refund."""
    told = outcome(cancellation)
    if not refund:
        return told
    # A blank, where the language has one between sentences.
    between = gettext("%(sentence)s %(next_sentence)s") % {"sentence": "", "next_sentence": ""}
    return Told(told.level, format_html("{}{}{}", told.text, between, refund))


def _source(cancellation: Cancellation) -> str:
    code = {"code": cancellation.result_code}
    if cancellation.closed_by_name:
        return gettext("Closed by hand by %(name)s.") % {"name": cancellation.closed_by_name}
    if not cancellation.result_code or _is_of_an_inquiry(cancellation):
        return ""
    if cancellation.error:
        return gettext("The answer was not accepted; the code in it is %(code)s.") % code
    return gettext("Alipay's code: %(code)s.") % code


def _is_of_an_inquiry(cancellation: Cancellation) -> bool:
    # A payment that had failed was not cancelled by the S beside it, and a refund that had failed
    # was not made by it.
    if cancellation.status == Cancellation.Status.REJECTED:
        return bool(cancellation.result_code == "SUCCESS")
    succeeded = cancellation.status == Cancellation.Status.SUCCEEDED
    return succeeded and money_of(cancellation.payment) in (Money.FAILED, Money.CONTRADICTED)


def attempt_sentence(attempt: CancellationAttempt) -> str:
    """Return what one call brought, for people; "" while it is open or when the code says it."""
    if attempt.error:
        why = cause_sentence(attempt.cause, attempt.detail)
        return joined([error_sentence(attempt.error), why])
    if attempt.kind == CancellationAttempt.Kind.REFUND_INQUIRY and attempt.refund_status:
        return gettext("Alipay says of the refund: %(status)s.") % {"status": attempt.refund_status}
    if attempt.payment_status:
        return gettext("Alipay says of the payment: %(status)s.") % {
            "status": attempt.payment_status
        }
    # An S that did not count (it names no payment) must not read as "cancelled".
    if attempt.result_status == "S" and attempt.outcome != CancellationAttempt.Outcome.SUCCEEDED:
        return gettext("The answer does not say which payment it is about.")
    if attempt.kind == CancellationAttempt.Kind.INQUIRY and attempt.result_code == "SUCCESS":
        return gettext("Alipay answered the inquiry.")
    refund = attempt.kind == CancellationAttempt.Kind.REFUND
    sentence = refund_result_sentence if refund else result_sentence
    return sentence(attempt.result_code) if attempt.result_code else ""
