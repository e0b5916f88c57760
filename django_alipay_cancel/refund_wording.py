"""What people read of refunds: a sentence per code, and how a refund stands or ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.wording import result_sentence

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_SENTENCES: Final[Mapping[str, StrPromise]] = {
    "SUCCESS": _("Alipay accepted the refund."),
    "REFUND_IN_PROCESS": _("Alipay is carrying out the refund."),
    "REFUND_AMOUNT_EXCEED": _(
        "Alipay finds that more would be refunded than was paid: some of it may be refunded "
        "already."
    ),
    "MULTIPLE_REFUNDS_NOT_SUPPORTED": _(
        "The payment method does not take another refund of the payment."
    ),
    "PARTIAL_REFUND_NOT_SUPPORTED": _("The payment method does not take a refund of a part."),
    "ORDER_IS_CANCELED": _("Alipay finds the payment cancelled, so that nothing is refunded."),
    "ORDER_IS_CLOSED": _("Alipay finds the payment closed, so that nothing is refunded."),
    "ORDER_STATUS_INVALID": _("The status of the payment does not allow a refund."),
    "REFUND_WINDOW_EXCEED": _("The time in which this payment could be refunded is over."),
    "REFUND_NOT_SUPPORTED": _("Alipay does not refund this payment."),
    "PAYMENT_METHOD_NOT_SUPPORTED": _("This payment method does not support the refund."),
    "INVALID_MERCHANT_STATUS": _("The merchant's contract with Alipay does not allow the refund."),
    "CURRENCY_NOT_SUPPORT": _("Alipay does not refund in this currency."),
    "REPEAT_REQ_INCONSISTENT": _("Alipay knows this refund with another amount or payment."),
    "PROCESS_FAIL": _("Alipay could not carry out the refund."),
}
FOR_STAFF: Final[Mapping[str, StrPromise]] = {
    "PENDING": _(
        "The payment can no longer be cancelled, and all of it is being refunded. "
        "The result is not known yet: do not refund it yourself, "
        "and do not ask the buyer to pay again yet."
    ),
    "REJECTED": _("The payment was neither cancelled nor refunded in full."),
    "NEEDS_REVIEW": _(
        "The payment was to be refunded. The result is not known yet, and a person has to look at "
        "it: do not refund it yourself, and do not ask the buyer to pay again yet."
    ),
    "REFUNDED": _("The payment was not cancelled: all of it was refunded."),
}
FOR_BUYERS: Final[Mapping[str, StrPromise]] = {
    "PENDING": _(
        "Your payment is being refunded; the result is not known yet. Please do not pay again. "
        "You do not have to do anything."
    ),
    "REJECTED": _("Your payment could not be refunded. Please contact the shop."),
    "NEEDS_REVIEW": _(
        "The result of the refund is not known yet. Please do not pay again. "
        "The shop clears this up with Alipay; you do not have to do anything."
    ),
    "REFUNDED": _("All of your payment was refunded. The money goes back the way it came."),
}
FEE = _("Fee and exchange rate follow your contract: a refund may cost more than was received.")
"""What staff is told before a refund is asked for."""


def refund_result_sentence(result_code: str) -> str:
    """Return what Alipay says with this code as the answer to a refund, in the active language."""
    known = _SENTENCES.get(result_code)
    return result_sentence(result_code) if known is None else str(known)
