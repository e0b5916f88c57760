"""One payment on the page that asks first: what decides whether to cancel it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.admin.sentences import effect
from django_alipay_cancel.admin.showing import moment, payment_badge
from django_alipay_cancel.clock import aware
from django_alipay_cancel.models import Payment

if TYPE_CHECKING:
    from django_alipay_cancel.admin.payment_admin import PaymentAdmin

# Days: most payment methods cancel until the night after the payment; the gateway decides.
_MOST_CANCEL_FOR = 2


@dataclass(frozen=True, kw_only=True)
class QuestionRow:
    """One selected payment; `why_not` is "" when it can be cancelled."""

    payment: Payment
    url: str
    badge: SafeString
    paid_at: SafeString | str
    age: str
    effect: str
    hint: str
    why_not: str


def row_of(model_admin: PaymentAdmin, payment: Payment, why_not: str) -> QuestionRow:
    """Return what the page shows of a payment, and why it is left out."""
    return QuestionRow(
        payment=payment,
        url=model_admin.page_url(payment),
        badge=payment_badge(payment),
        paid_at=moment(payment.paid_at),
        age=_age(payment),
        effect=effect(payment),
        hint=_hint(payment),
        why_not=why_not,
    )


def _age(payment: Payment) -> str:
    if payment.paid_at is None:
        return ""
    return gettext("%(time)s ago") % {"time": timesince(payment.paid_at, depth=1)}


def _hint(payment: Payment) -> str:
    """Return the warning that Alipay will probably refuse; "" for none. Nobody is kept from it."""
    if payment.status != Payment.Status.SUCCESS or payment.paid_at is None:
        return ""
    days = (aware(timezone.now()) - aware(payment.paid_at)).days
    if days < _MOST_CANCEL_FOR:
        return ""
    return ngettext(
        "Paid %(days)d day ago: Alipay will probably refuse.",
        "Paid %(days)d days ago: Alipay will probably refuse.",
        days,
    ) % {"days": days}
