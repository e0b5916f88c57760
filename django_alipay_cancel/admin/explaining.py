"""The admin's own sentences: what a cancellation would do, why it cannot, what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Min
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import is_configured
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.payments import validate_ids
from django_alipay_cancel.wording import cancellation_message, error_sentence, result_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django_stubs_ext import StrPromise

UNCONFIGURED = _(
    "The settings of this merchant are missing or wrong. Check ALIPAY_CANCEL in the settings."
)
NOT_ALLOWED = _("You do not have permission to cancel this payment.")
UNSENDABLE = _("The recorded IDs of this payment cannot be sent to Alipay. Correct them.")

_WHY_NOT: Mapping[str, StrPromise] = {
    Payment.Status.FAIL: _("The payment failed; there is nothing to cancel."),
    Payment.Status.CANCELLING: _("The payment is already being cancelled."),
    Payment.Status.CANCELLED: _("The payment is already cancelled."),
}
_WHY_NOT_AGAIN: Mapping[str, StrPromise] = {
    Cancellation.Status.PENDING: _(
        "The cancellation is repeated automatically; there is no need to ask again."
    ),
    Cancellation.Status.REJECTED: _(
        "A rejected cancellation is not asked again: cancel the payment anew instead."
    ),
}
# An old advice to refund would be wrong by now.
_OVERTAKEN = _(
    "This cancellation was rejected, but the payment is being cancelled or is cancelled meanwhile: "
    "do not refund it."
)
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
    if payment.status == Payment.Status.CANCELLED and _ended_at(payment) < _second(payment.paid_at):
        return gettext(
            "Warning: this payment was paid after it had been cancelled. It stays cancelled: "
            "Alipay gives the money back by itself. Do not refund, and do not deliver."
        )
    return ""


def _ended_at(payment: Payment) -> datetime:
    """Return when the payment was cancelled, by Alipay's time where that is known."""
    succeeded = payment.cancellations.using(payment.database).filter(
        status=Cancellation.Status.SUCCEEDED
    )
    ended: datetime | None = (
        payment.cancelled_at or succeeded.aggregate(at=Min("finished_at"))["at"]
    )
    return _second(ended or payment.updated_at)


def _second(at: datetime) -> datetime:
    # Alipay's times are whole seconds.
    return at.replace(microsecond=0)


def why_not(payment: Payment, *, permitted: bool) -> str:
    """Return why this payment cannot be cancelled by this person now; "" when it can."""
    by_status = why_not_by_status(payment.status, payment.merchant)
    if by_status or permitted:
        return by_status or unsendable(payment)
    return str(NOT_ALLOWED)


def why_not_check(payment: Payment, *, permitted: bool) -> str:
    """Return why this person cannot ask Alipay about the payment; "" when that works."""
    return unsendable(payment) if permitted else str(NOT_ALLOWED)


def why_not_again(cancellation: Cancellation, *, permitted: bool) -> str:
    """Return why this cancellation cannot be asked again by this person; "" when it can."""
    if cancellation.status == Cancellation.Status.NEEDS_REVIEW:
        return why_not_check(cancellation.payment, permitted=permitted)
    return str(_WHY_NOT_AGAIN.get(cancellation.status, ""))


def why_not_by_status(status: str, merchant: str) -> str:
    """Return why payments with this status and merchant cannot be cancelled; "" when they can."""
    if status in _WHY_NOT:
        return str(_WHY_NOT[status])
    return "" if is_configured(merchant) else str(UNCONFIGURED)


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
    if cancellation.status == Cancellation.Status.REJECTED and _is_overtaken(cancellation.payment):
        return Told(level, str(_OVERTAKEN))
    text = cancellation_message(cancellation)
    if source := _source(cancellation):
        # Chinese puts no space between sentences, so the joint is translatable too.
        joint = gettext("%(sentence)s %(next_sentence)s")
        text = joint % {"sentence": text, "next_sentence": source}
    return Told(level, text)


def _is_overtaken(payment: Payment) -> bool:
    return payment.status in (Payment.Status.CANCELLING, Payment.Status.CANCELLED)


def outcome_with_refund(cancellation: Cancellation, refund: str) -> Told:
    """Return what became of the cancellation, and what there is to say about a refund."""
    told = outcome(cancellation)
    return Told(told.level, format_html("{} {}", told.text, refund)) if refund else told


def outcome_of_many(status: str, step: str) -> Told:
    """Return what holds for all cancellations with this status and next step."""
    alike: Cancellation = Cancellation(status=status, next_step=step, payment=Payment())
    told = outcome(alike)
    if status != Cancellation.Status.REJECTED or step != NextStep.REFUND:
        return told
    look = gettext("The page of each payment says whether Alipay was asked again meanwhile.")
    return outcome_with_refund(alike, look)


def _source(cancellation: Cancellation) -> str:
    code = {"code": cancellation.result_code}
    if cancellation.closed_by_name:
        return gettext("Closed by hand by %(name)s.") % {"name": cancellation.closed_by_name}
    if not cancellation.result_code:
        return ""
    if cancellation.error:
        return gettext("Code in the answer that is not verified: %(code)s.") % code
    return gettext("Alipay's code: %(code)s.") % code


def attempt_sentence(attempt: CancellationAttempt) -> str:
    """Return what one call brought, for people; "" while it is open or when the code says it."""
    if attempt.error:
        return error_sentence(attempt.error)
    if attempt.payment_status:
        return gettext("Alipay says of the payment: %(status)s.") % {
            "status": attempt.payment_status
        }
    # An S that did not count (it names no payment) must not read as "cancelled".
    if attempt.result_status == "S" and attempt.outcome != CancellationAttempt.Outcome.SUCCEEDED:
        return gettext("The answer does not say which payment it is about.")
    return result_sentence(attempt.result_code) if attempt.result_code else ""
