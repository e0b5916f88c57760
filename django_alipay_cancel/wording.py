"""What people read: one sentence per result code, error and next step, in their own language."""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.alipay.causes import CAUSES
from django_alipay_cancel.alipay.results import KEY_CODES, NextStep

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_CLIENT_ID_REFUSED = _("Alipay does not accept the client ID.")
_SIGNATURE_REFUSED = _(
    "Alipay could not verify our signature. "
    "The private key may not fit the public key uploaded to Alipay."
)

# These say what Alipay answered, not what became of the payment: an F may come unsigned, or after
# an attempt that did take effect, so only `outcomes` says "was not cancelled".
_RESULT_SENTENCES: Final[Mapping[str, "StrPromise"]] = {
    "SUCCESS": _("Alipay cancelled the payment."),
    "CANCEL_WINDOW_EXCEED": _("The time in which this payment could be cancelled is over."),
    "PAYMENT_METHOD_NOT_SUPPORTED": _(
        "This payment method does not support cancelling the payment. "
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
    "ILLEGAL_CLIENT_IP": _("Alipay does not accept requests from this server's IP address."),
    "OAUTH_FAIL": _("Alipay expects an API key from this merchant instead of a signature."),
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
        "The answer's signature does not verify, so the answer cannot be trusted. "
        "The attempt says why."
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
    "not_stored": _(
        "Alipay's answer could not be stored, several times. "
        "What the database said is in the log; the answer is in the log too."
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
    NextStep.CHECK_REFUNDS: _(
        "Alipay lists a refund of this payment. Check what was refunded before anything else."
    ),
    NextStep.RELEASE_OR_CAPTURE: _(
        "Nothing was captured, so there is nothing to refund. Alipay releases the money when the "
        "authorization ends; or capture the payment and refund it."
    ),
    NextStep.FIX_CONFIGURATION: _("Correct the settings, then ask again."),
    NextStep.CONTACT_ALIPAY: _("Contact Alipay with the payment's IDs before you ask again."),
}

_NEXT_STEP_LABELS: Final[Mapping[str, "StrPromise"]] = {
    NextStep.NONE: _("Nothing to do"),
    NextStep.WAIT: _("Wait"),
    NextStep.REFUND: _("Refund"),
    NextStep.TOP_UP_BALANCE: _("Top up the balance"),
    NextStep.CHECK_PAYMENT_ID: _("Check the IDs"),
    NextStep.CHECK_CLIENT_ID: _("Check the client ID"),
    NextStep.CHECK_ORDER_STATUS: _("Check the status"),
    NextStep.CHECK_REFUNDS: _("Check the refunds"),
    NextStep.RELEASE_OR_CAPTURE: _("Release or capture"),
    NextStep.FIX_CONFIGURATION: _("Correct the settings"),
    NextStep.CONTACT_ALIPAY: _("Contact Alipay"),
}

# Why a payment stands where it does: by the rule of the verdict. No more than every row behind it
# says.
_BECAUSE: Final[Mapping[str, "StrPromise"]] = {
    "cancelled": _("The payment is cancelled."),
    "unpaid": _("The payment had failed; no money was taken."),
    "failed_after_paid": _(
        "The payment was told to be paid, and was told to have failed. Only a person can find out "
        "which of them is right."
    ),
    "calling": _("A cancel is being sent at this moment, or its process stopped while it was."),
    "paid_meanwhile": _(
        "The app cancels no payment without a result by itself once somebody has said that it is "
        "paid."
    ),
    "trouble": _(
        "The answer to the last cancel named another payment, or refused our request itself: "
        "repeating it is useless."
    ),
    "refused": _("Alipay refused the cancel, and an inquiry after that showed no cancellation."),
    "ask_about_answer": _(
        "The last answer does not name its payment. Whether it is about this one is asked."
    ),
    "refusal_undecided": _(
        "Alipay refused the cancel. That is not believed before an inquiry agrees, made when no "
        "cancel can still take effect."
    ),
    "inquiry_misconfigured": _(
        "Alipay refused the cancel, and the inquiry about it was refused because of our settings. "
        "Correct the settings, then ask again."
    ),
    "unknown_payment": _(
        "Alipay does not know this payment yet. A cancel may overtake the payment it is for, so "
        "that this is not believed before it is asked again."
    ),
    "unknown_payment_believed": _(
        "Alipay did not know this payment, neither the cancels nor the inquiry after them."
    ),
    "under_way": _("Alipay shows a cancellation that is under way."),
    "nothing_sent": _("For a day nothing could be sent to Alipay."),
    "repeat": _("The result of the cancel is not known, neither yes nor no."),
    "delays_used_up": _("The cancel was repeated as often as planned, without a result."),
    "in_review": _("The result is not known. Alipay is asked every hour for three days."),
    "checked_by_person": _("A person had Alipay asked, and the payment was not cancelled."),
    "no_wish": _(
        "The payment says that it is being cancelled, but no cancellation of it is open: rows were "
        "restored apart. Alipay is asked what became of it."
    ),
    "not_stored": _("Alipay's answer could not be stored."),
    "closed_by_hand": _("A person closed the cancellation by hand."),
    "never_reached": _("The payment has never reached Alipay."),
    "nothing_to_do": _("Nothing is under way."),
    "refunded": _("Alipay says that all the money was refunded."),
    "earlier_refund": _(
        "What became of an earlier refund of this payment is not known. It is asked before "
        "anything else."
    ),
    "turns_to_refund": _(
        "The payment can no longer be cancelled, and it is to be refunded then. It is refunded "
        "once an inquiry has just shown it as paid, not cancelled and not refunded."
    ),
    "refunds_listed": _("Alipay lists a refund of this payment that is not ours."),
    "amount_contradicted": _(
        "Alipay names another amount than ours, or none, so that nothing is refunded."
    ),
    "refund_calling": _(
        "A cancel or a refund is being sent at this moment, or its process stopped while it was."
    ),
    "refund_failed": _("Alipay says that the refund failed."),
    "refund_refused": _(
        "Alipay refused the refund. That is believed once inquiries of the refund and of the "
        "payment agree."
    ),
    "refund_under_way": _("Alipay says that the refund is under way."),
    "refund_unknown": _("The result of the refund is not known, neither yes nor no."),
}

# A path in the documentation, not an address: who reads it has the version that is installed.
_SIGNATURE_PAGE = _("See docs/how-to/signatures.md.")
_SIGNATURE_ERRORS = frozenset({"unsigned", "bad_signature", "wrong_client"})
_UNKNOWN_CODE = _("Alipay answered with a code that is not documented.")
_UNKNOWN_ERROR = _("The answer could not be used.")


def result_sentence(result_code: str) -> str:
    """Return what Alipay says with this result code, known or not, in the active language."""
    sentence = str(_RESULT_SENTENCES.get(result_code, _UNKNOWN_CODE))
    return joined([sentence, signature_page() if result_code in KEY_CODES else ""])


def error_sentence(error: str, result_code: str = "") -> str:
    """Return why there is no trustworthy answer and what to check, in the active language.

    A result code in it that is worth telling is told too.
    """
    sentences = [str(_ERROR_SENTENCES.get(error, _UNKNOWN_ERROR))]
    if result_code:
        sentences.append(str(_RESULT_SENTENCES.get(result_code, _UNKNOWN_CODE)))
    leads_on = error in _SIGNATURE_ERRORS or result_code in KEY_CODES
    return joined([*sentences, signature_page() if leads_on else ""])


def signature_page() -> str:
    """Return where the steps to the cause of a wrong signature are, in the active language."""
    return str(_SIGNATURE_PAGE)


def cause_sentence(cause: str, detail: str) -> str:
    """Return why a signature does not verify, in the active language; "" without a cause."""
    return gettext(CAUSES[cause]) % {"detail": detail} if cause in CAUSES else ""


def because_sentence(because: str) -> str:
    """Return why a payment stands where it does, by the rule that decided."""
    return str(_BECAUSE[because])


def next_step_sentence(step: str) -> str:
    """Return what the merchant is to do, in the active language; "" when no step is given."""
    return str(_NEXT_STEP_SENTENCES.get(step, ""))


def next_step_label(step: NextStep) -> "StrPromise":
    """Return the few words that stand for the step in lists and filters, lazily translated."""
    return _NEXT_STEP_LABELS[step]


def joined(sentences: Iterable[str]) -> str:
    """Return the sentences as one text, those that are empty left out.

    Chinese puts no blank between two, so that the joint is translatable too.
    """
    joint = gettext("%(sentence)s %(next_sentence)s")
    given = [sentence for sentence in sentences if sentence]
    return reduce(
        lambda text, more: joint % {"sentence": text, "next_sentence": more}, given or [""]
    )
