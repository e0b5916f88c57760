"""What people read: one sentence per result code, error and next step, in their own language."""

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.alipay.results import (
    CONFIGURATION_CODES,
    RESULT_CODES,
    NextStep,
    ResultStatus,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from django_alipay_cancel.models import Cancellation

_CLIENT_ID_REFUSED = _("Alipay does not accept the client ID.")
_SIGNATURE_REFUSED = _(
    "Alipay could not verify our signature. "
    "The private key may not fit the public key uploaded to Alipay."
)

# These say what Alipay answered, not what became of the payment: an F may come unsigned, or after
# an attempt that did take effect, so only cancellation_message says "was not cancelled".
_RESULT_SENTENCES: Final[Mapping[str, "StrPromise"]] = {
    "SUCCESS": _("Alipay cancelled the payment."),
    "CANCEL_WINDOW_EXCEED": _("The time in which this payment could be cancelled is over."),
    "PAYMENT_METHOD_NOT_SUPPORTED": _(
        "With this payment method a successful payment cannot be cancelled. "
        "A refund may be impossible too."
    ),
    "MERCHANT_BALANCE_NOT_ENOUGH": _(
        "The merchant's balance at Alipay is too low to give the money back."
    ),
    "ORDER_NOT_EXIST": _("Alipay does not know this payment."),
    "ORDER_STATUS_INVALID": _("The status of the payment does not allow a cancellation."),
    "CLIENT_INVALID": _CLIENT_ID_REFUSED,
    "INVALID_CLIENT": _CLIENT_ID_REFUSED,
    "INVALID_SIGNATURE": _SIGNATURE_REFUSED,
    "SIGNATURE_INVALID": _SIGNATURE_REFUSED,
    "KEY_NOT_FOUND": _("Alipay's key or the merchant's key is missing and must be uploaded."),
    "PARAM_ILLEGAL": _("Alipay found that something in the request is missing or invalid."),
    "METHOD_NOT_SUPPORTED": _(
        "Alipay does not accept the HTTP method of the request. Check the proxy."
    ),
    "MEDIA_TYPE_NOT_ACCEPTABLE": _(
        "Alipay does not accept the media type of the request. Check the proxy."
    ),
    "INVALID_API": _("Cancelling is not valid or not activated for this merchant at Alipay."),
    "NO_INTERFACE_DEF": _(
        "Alipay does not know the address that was called. "
        "Check GATEWAY_URL and SANDBOX_PATH in the settings."
    ),
    "ACCESS_DENIED": _("Alipay does not give this merchant access."),
    "PROCESS_FAIL": _(
        "Alipay could not carry out the request. "
        "The payment may already have been refunded, in full or in part."
    ),
    "SYSTEM_ERROR": _("Alipay had an error of its own."),
    "USER_NOT_EXIST": _("The wallet does not know the buyer."),
    "USER_STATUS_ABNORMAL": _("Something is wrong with the buyer's account at the wallet."),
    "REQUEST_TRAFFIC_EXCEED_LIMIT": _("Alipay received too many requests and gave no result."),
    "UNKNOWN_EXCEPTION": _("Alipay cannot tell the result yet."),
    "PAYMENT_IN_PROCESS": _("The payment is still being processed."),
}

_ERROR_SENTENCES: Final[Mapping[str, "StrPromise"]] = {
    "connection_failed": _(
        "The gateway could not be reached, so this time nothing was sent. "
        "Check the network, the proxy and GATEWAY_URL in the settings."
    ),
    "tls_failed": _(
        "No secure connection to the gateway could be made, so this time nothing was sent. "
        "Check the gateway's certificate, CA_BUNDLE in the settings and the server's clock."
    ),
    "timeout": _("No answer came in time. If this happens often, check the network."),
    "connection_lost": _(
        "The connection broke before the answer was complete. "
        "If this happens often, check the network and the proxy."
    ),
    "http_status": _(
        "The gateway answered with an HTTP error instead of a result. "
        "Check GATEWAY_URL in the settings and the proxy."
    ),
    "too_large": _(
        "The answer is too large to come from Alipay. "
        "Check GATEWAY_URL in the settings and the proxy."
    ),
    "invalid_body": _(
        "The answer could not be read. Check GATEWAY_URL in the settings and the proxy."
    ),
    "unsigned": _(
        "The answer is not signed and cannot be trusted. "
        "This is usual when Alipay does not accept the client ID or the keys; check them."
    ),
    "bad_signature": _(
        "The answer's signature is wrong, so the answer cannot be trusted. "
        "Check ALIPAY_PUBLIC_KEY in the settings."
    ),
    "wrong_client": _(
        "The answer is meant for another client ID. Check CLIENT_ID in the settings and the proxy."
    ),
    "id_mismatch": _(
        "The answer names another payment. Check the payment ID and the payment request ID."
    ),
    "stale_response": _(
        "The time in the answer is too far from the server's time. Check the server's clock."
    ),
    "configuration": _(
        "The settings of this merchant are missing or wrong, so this time nothing was sent. "
        "Check ALIPAY_CANCEL in the settings."
    ),
    "abandoned": _(
        "A request was interrupted before its answer was stored. Check whether the server stopped."
    ),
}

_NEXT_STEP_SENTENCES: Final[Mapping[str, "StrPromise"]] = {
    NextStep.NONE: _("Nothing needs to be done."),
    NextStep.WAIT: _("Wait: the cancellation is repeated automatically. Do not refund yet."),
    NextStep.REFUND: _("If the buyer is to get the money back, refund the payment."),
    NextStep.TOP_UP_BALANCE: _("Top up the merchant's balance, then cancel the payment again."),
    NextStep.CHECK_PAYMENT_ID: _(
        "Check the payment ID and the payment request ID. If they are right, contact Alipay."
    ),
    NextStep.CHECK_CLIENT_ID: _("Check CLIENT_ID in the settings, then cancel the payment again."),
    NextStep.CHECK_ORDER_STATUS: _(
        "Check the status of the payment. If it should allow a cancellation, contact Alipay."
    ),
    NextStep.FIX_CONFIGURATION: _("Correct the settings, then ask again."),
    NextStep.CONTACT_ALIPAY: _("Contact Alipay with the payment's IDs before you ask again."),
}

_NEXT_STEP_LABELS: Final[Mapping[str, "StrPromise"]] = {
    NextStep.NONE: _("Nothing to do"),
    NextStep.WAIT: _("Wait for the automatic repeat, do not refund"),
    NextStep.REFUND: _("Refund instead"),
    NextStep.TOP_UP_BALANCE: _("Top up the balance"),
    NextStep.CHECK_PAYMENT_ID: _("Check the payment ID"),
    NextStep.CHECK_CLIENT_ID: _("Check the client ID"),
    NextStep.CHECK_ORDER_STATUS: _("Check the payment's status"),
    NextStep.FIX_CONFIGURATION: _("Correct the settings"),
    NextStep.CONTACT_ALIPAY: _("Contact Alipay"),
}

_OUTCOMES: Final[Mapping[str, "StrPromise"]] = {
    "PENDING": _(
        "The result is not known yet. "
        "Do not refund and do not ask the buyer to pay again yet. "
        "The cancellation is repeated automatically."
    ),
    "SUCCEEDED": _("The payment is cancelled. Money already paid goes back to the buyer in full."),
    "REJECTED": _("The payment was not cancelled."),
    "NEEDS_REVIEW": _(
        "The result is not known yet, and a person has to look at it. "
        "Do not refund and do not ask the buyer to pay again yet."
    ),
}
_NOTHING_TO_CANCEL = _("The payment had failed; no money was taken, there is nothing to cancel.")
_UNKNOWN_CODE = _("Alipay answered with a code that is not documented.")
_UNKNOWN_ERROR = _("The answer could not be used.")


def result_sentence(result_code: str) -> str:
    """Return what Alipay says with this result code, known or not, in the active language."""
    return str(_RESULT_SENTENCES.get(result_code, _UNKNOWN_CODE))


def error_sentence(error: str) -> str:
    """Return why there is no trustworthy answer and what to check, in the active language."""
    return str(_ERROR_SENTENCES.get(error, _UNKNOWN_ERROR))


def next_step_sentence(step: str) -> str:
    """Return what the merchant is to do, in the active language; "" when no step is given."""
    return str(_NEXT_STEP_SENTENCES.get(step, ""))


def next_step_label(step: NextStep) -> "StrPromise":
    """Return the few words that stand for the step in lists and filters, lazily translated."""
    return _NEXT_STEP_LABELS[step]


def cancellation_message(cancellation: "Cancellation") -> str:
    """Return what became of the cancellation, why, and what to do, in the active language.

    The sentence to show after a cancellation was asked for, on every page and over REST. While the
    result is not known it says neither "cancelled" nor "not cancelled", whatever the last code was.
    """
    if cancellation.status == "SUCCEEDED":
        failed = cancellation.payment.status == "FAIL"
        return str(_NOTHING_TO_CANCEL if failed else _OUTCOMES["SUCCEEDED"])
    sentences = [str(_OUTCOMES[cancellation.status]), *_reasons(cancellation)]
    if cancellation.next_step not in (NextStep.NONE, NextStep.WAIT):
        sentences.append(next_step_sentence(cancellation.next_step))
    return reduce(_followed_by, sentences)


def _reasons(cancellation: "Cancellation") -> Iterator[str]:
    rejected = cancellation.status == "REJECTED"
    if cancellation.error and not rejected:
        yield error_sentence(cancellation.error)
    if cancellation.result_code and _code_is_a_reason(cancellation, rejected=rejected):
        yield result_sentence(cancellation.result_code)


def _code_is_a_reason(cancellation: "Cancellation", *, rejected: bool) -> bool:
    code = cancellation.result_code
    if cancellation.error and not rejected:
        # Nothing in an answer that is not verified is repeated, but for a hint at the settings.
        return cancellation.error == "unsigned" and code in CONFIGURATION_CODES
    known = RESULT_CODES.get(code)
    if known is None or known.result_status is ResultStatus.F:
        return True
    # An S that decided nothing explains nothing, nor does the U that came before a rejection.
    return known.result_status is ResultStatus.U and not rejected


def _followed_by(sentence: str, next_sentence: str) -> str:
    # Chinese puts no space between sentences, so the joint is translatable too.
    return gettext("%(sentence)s %(next_sentence)s") % {
        "sentence": sentence,
        "next_sentence": next_sentence,
    }
