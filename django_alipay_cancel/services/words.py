"""What an answer says, in the words of the verdict: the tables of the protocol, without any I/O.

Sources: the result handling that both cancel pages require (S, F, U, no response), and
inquiryPayment, https://docs.antom.com/ac/ams/paymentri_online.
"""

from __future__ import annotations

from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.results import CONFIGURATION_CODES, RESULT_CODES, ResultStatus
from django_alipay_cancel.services.history import Word

_SHOWN = {
    "CANCELLED": Word.SHOWS_CANCELLED,
    "FAIL": Word.SHOWS_FAILED,
    "SUCCESS": Word.SHOWS_TAKEN,
    "PROCESSING": Word.SHOWS_UNPAID,
    "PENDING": Word.SHOWS_UNPAID,
}


def of_cancel(answer: Answer) -> Word:
    """Return what an answer to a cancel says of the payment it was sent for."""
    if (word := of_delivery(answer)) is not None:
        return word
    if not answer.verified or answer.result_status == ResultStatus.U:
        return Word.NO_WORD
    if answer.result_status == ResultStatus.S:
        return Word.YES if answer.ids_match else Word.S_UNBOUND
    return _of_refusal(answer.result_code)


def _of_refusal(code: str) -> Word:
    if code == "ORDER_NOT_EXIST":
        return Word.UNKNOWN_PAYMENT
    documented = RESULT_CODES.get(code)
    # A code that means "unknown" is not made a no by the F beside it.
    if documented is not None and documented.result_status is not ResultStatus.F:
        return Word.NO_WORD
    return Word.REFUSED


def of_delivery(answer: Answer) -> Word | None:
    """Return what became of a cancel or refund that Alipay did not look into; None: it did."""
    if not answer.sent:
        return Word.NOTHING_SENT
    if answer.error == "id_mismatch":
        return Word.MIXED
    if is_throttled(answer):
        return Word.THROTTLED
    if answer.error == "unsigned" and is_refused_request(answer):
        return Word.MISCONFIGURED
    return None


def of_inquiry(answer: Answer) -> Word:
    """Return what a signed answer about this very payment shows; NO_WORD for any other answer."""
    if not answer.sent:
        return Word.NOTHING_SENT
    if answer.error in ("", "unsigned") and is_refused_request(answer):
        return Word.MISCONFIGURED
    if not answer.verified:
        return Word.NO_WORD
    if answer.result_code == "ORDER_NOT_EXIST" and answer.result_status == ResultStatus.F:
        return Word.UNKNOWN_PAYMENT
    if answer.result_status != ResultStatus.S or not answer.ids_match:
        return Word.NO_WORD
    shown = _SHOWN.get(answer.payment_status, Word.NO_WORD)
    if shown is Word.SHOWS_TAKEN and answer.cancelled_by_transaction:
        return Word.SHOWS_CANCELLED
    if shown is not Word.SHOWS_CANCELLED and answer.cancelling_by_transaction:
        return Word.SHOWS_CANCELLING
    return shown


def is_throttled(answer: Answer) -> bool:
    """Return whether Alipay, or what stands before it, asks for fewer requests."""
    if answer.error == "http_status":
        return answer.http_status == 429 or (
            answer.http_status == 503 and answer.retry_after is not None
        )
    return answer.verified and answer.result_code == "REQUEST_TRAFFIC_EXCEED_LIMIT"


def is_refused_request(answer: Answer) -> bool:
    """Whether the gateway refused the request itself; it may be unsigned then."""
    return answer.result_status == ResultStatus.F and answer.result_code in CONFIGURATION_CODES
