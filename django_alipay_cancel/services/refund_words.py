"""What answers say of a refund, in the words of the verdict: refund, inquiryRefund, inquiryPayment.

https://docs.antom.com/ac/ams/refund_online and https://docs.antom.com/ac/ams/ir_online
"""

from __future__ import annotations

from dataclasses import dataclass

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.refunds import REFUND_UNKNOWN_CODES
from django_alipay_cancel.alipay.results import ResultStatus
from django_alipay_cancel.services.history import Listed, Word
from django_alipay_cancel.services.words import is_refused_request, of_delivery

_STATUSES = {
    "SUCCESS": Word.REFUND_DONE,
    "PROCESSING": Word.REFUND_OPEN,
    "FAIL": Word.REFUND_FAILED,
}


@dataclass(frozen=True)
class Amount:
    """An amount in minor units; `value` None and `currency` "" when it is not known."""

    value: int | None
    currency: str

    @property
    def is_known(self) -> bool:
        return (self.value or 0) > 0 and bool(self.currency)

    def contradicts(self, other: Amount) -> bool:
        """Whether both are known and differ."""
        return self.is_known and other.is_known and self != other


def of_refund(answer: Answer, asked: Amount) -> Word:
    """Return what an answer to a refund over `asked` says."""
    if (word := of_delivery(answer)) is not None:
        return word
    if not _decides(answer):
        return Word.NO_WORD
    if answer.result_status == ResultStatus.F:
        return Word.REFUSED
    if _told(answer).contradicts(asked):
        return Word.MIXED
    return Word.ACCEPTED if answer.ids_match else Word.S_UNBOUND


def of_refund_inquiry(answer: Answer, asked: Amount) -> Word:
    """Return what became of the refund over `asked`.

    An unknown one is F, or S without a word of it: which of them is documented in two ways, and
    asking for the same refund again does no harm after either.
    """
    if not answer.sent:
        return Word.NOTHING_SENT
    if answer.error == "id_mismatch":
        return Word.MIXED
    if answer.error in ("", "unsigned") and is_refused_request(answer):
        return Word.MISCONFIGURED
    if not _decides(answer) or answer.refund is None:
        return Word.NO_WORD
    if answer.result_status == ResultStatus.F:
        return Word.UNKNOWN_REFUND
    if not answer.ids_match:
        says_nothing = not (answer.refund.status or answer.refund.refund_id)
        return Word.UNKNOWN_REFUND if says_nothing else Word.NO_WORD
    if _told(answer).contradicts(asked):
        return Word.MIXED
    return _STATUSES.get(answer.refund.status.upper(), Word.NO_WORD)


def listed(answer: Answer, recorded: Amount, payment_id: str | None) -> Listed:
    """Return what an inquiry, bound by ids, lets us say of refunds of this payment by anybody."""
    shown = _told(answer)
    if answer.refunds_unclear:
        return Listed.UNCLEAR
    if not shown.is_known or shown.contradicts(recorded) or not (answer.payment_id or payment_id):
        return Listed.CONTRADICTED
    if not answer.refund_listed:
        return Listed.NOTHING
    refunded = Amount(answer.refunded_value, answer.refunded_currency)
    if refunded == shown:
        return Listed.UNDER_WAY if answer.refund_under_way else Listed.ALL
    part = refunded.currency == shown.currency and (refunded.value or 0) < (shown.value or 0)
    return Listed.PART if part else Listed.UNCLEAR


def _decides(answer: Answer) -> bool:
    # A code that means "unknown" is not made a no by the F beside it.
    return (
        answer.verified
        and answer.result_status != ResultStatus.U
        and answer.result_code not in REFUND_UNKNOWN_CODES
    )


def _told(answer: Answer) -> Amount:
    told = answer.refund
    return Amount(told.amount_value, told.amount_currency) if told else Amount(None, "")
