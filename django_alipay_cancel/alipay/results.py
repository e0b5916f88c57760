"""What Alipay's result codes and our own errors mean: S, F or U, and the next step they ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ResultStatus(StrEnum):
    """`result.resultStatus`: S is done, F is not done, U is neither yes nor no."""

    S = "S"
    F = "F"
    U = "U"


class NextStep(StrEnum):
    """What an answer asks of the merchant."""

    NONE = "NONE"
    WAIT = "WAIT"
    REFUND = "REFUND"
    TOP_UP_BALANCE = "TOP_UP_BALANCE"
    CHECK_PAYMENT_ID = "CHECK_PAYMENT_ID"
    CHECK_CLIENT_ID = "CHECK_CLIENT_ID"
    CHECK_ORDER_STATUS = "CHECK_ORDER_STATUS"
    CHECK_REFUNDS = "CHECK_REFUNDS"
    RELEASE_OR_CAPTURE = "RELEASE_OR_CAPTURE"
    FIX_CONFIGURATION = "FIX_CONFIGURATION"
    CONTACT_ALIPAY = "CONTACT_ALIPAY"


@dataclass(frozen=True)
class ResultCode:
    """One documented `result.resultCode`, the status it comes with and the next step."""

    name: str
    result_status: ResultStatus
    next_step: NextStep


_S, _F, _U = ResultStatus.S, ResultStatus.F, ResultStatus.U

# The union of the online and the in-store page of the cancel API, the codes any call may return,
# and PAYMENT_IN_PROCESS, which only inquiryPayment returns. SIGNATURE_INVALID and INVALID_CLIENT
# are other spellings found in the samples. SYSTEM_ERROR is F, and its page says not to repeat.
# ILLEGAL_CLIENT_IP and OAUTH_FAIL stand on no page; the sandbox answers them.
# https://docs.antom.com/ac/ams/paymentc and https://docs.antom.com/ac/ams/paymentc_online
_DOCUMENTED = (
    ResultCode("SUCCESS", _S, NextStep.NONE),
    ResultCode("CANCEL_WINDOW_EXCEED", _F, NextStep.REFUND),
    ResultCode("PAYMENT_METHOD_NOT_SUPPORTED", _F, NextStep.REFUND),
    ResultCode("MERCHANT_BALANCE_NOT_ENOUGH", _F, NextStep.TOP_UP_BALANCE),
    ResultCode("ORDER_NOT_EXIST", _F, NextStep.CHECK_PAYMENT_ID),
    ResultCode("ORDER_STATUS_INVALID", _F, NextStep.CHECK_ORDER_STATUS),
    ResultCode("CLIENT_INVALID", _F, NextStep.CHECK_CLIENT_ID),
    ResultCode("INVALID_CLIENT", _F, NextStep.CHECK_CLIENT_ID),
    ResultCode("INVALID_SIGNATURE", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("SIGNATURE_INVALID", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("KEY_NOT_FOUND", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("PARAM_ILLEGAL", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("METHOD_NOT_SUPPORTED", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("MEDIA_TYPE_NOT_ACCEPTABLE", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("INVALID_API", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("NO_INTERFACE_DEF", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("ILLEGAL_CLIENT_IP", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("OAUTH_FAIL", _F, NextStep.FIX_CONFIGURATION),
    ResultCode("ACCESS_DENIED", _F, NextStep.CONTACT_ALIPAY),
    ResultCode("PROCESS_FAIL", _F, NextStep.CONTACT_ALIPAY),
    ResultCode("SYSTEM_ERROR", _F, NextStep.CONTACT_ALIPAY),
    ResultCode("USER_NOT_EXIST", _F, NextStep.CONTACT_ALIPAY),
    ResultCode("USER_STATUS_ABNORMAL", _F, NextStep.CONTACT_ALIPAY),
    ResultCode("REQUEST_TRAFFIC_EXCEED_LIMIT", _U, NextStep.WAIT),
    ResultCode("UNKNOWN_EXCEPTION", _U, NextStep.WAIT),
    ResultCode("PAYMENT_IN_PROCESS", _U, NextStep.WAIT),
)

RESULT_CODES: Final[Mapping[str, ResultCode]] = MappingProxyType(
    {code.name: code for code in _DOCUMENTED}
)

ERRORS: Final = (
    "connection_failed",
    "tls_failed",
    "timeout",
    "connection_lost",
    "http_status",
    "too_large",
    "invalid_body",
    "unsigned",
    "bad_signature",
    "wrong_client",
    "id_mismatch",
    "stale_response",
    "configuration",
    "abandoned",
    "not_stored",
)
"""Why an answer is missing or cannot be trusted, in our own words."""

CONFIGURATION_CODES: Final = frozenset(
    {
        "INVALID_SIGNATURE",
        "SIGNATURE_INVALID",
        "KEY_NOT_FOUND",
        "CLIENT_INVALID",
        "INVALID_CLIENT",
        "ACCESS_DENIED",
        "PARAM_ILLEGAL",
        "METHOD_NOT_SUPPORTED",
        "MEDIA_TYPE_NOT_ACCEPTABLE",
        "INVALID_API",
        "NO_INTERFACE_DEF",
        "ILLEGAL_CLIENT_IP",
        "OAUTH_FAIL",
    }
)
"""The F codes that Alipay may send unsigned, because it refused the request before knowing us.

Unsigned they prove nothing about the payment; they only say that repeating is useless.
"""

KEY_CODES: Final = frozenset({"INVALID_SIGNATURE", "SIGNATURE_INVALID", "KEY_NOT_FOUND"})
"""The codes that say that one side has other keys than the other thinks."""

_CONFIGURATION_ERRORS = frozenset(
    {"unsigned", "bad_signature", "wrong_client", "configuration", "tls_failed", "not_stored"}
)


def next_step(*, result_code: str, error: str = "") -> NextStep:
    """Return what a REJECTED or NEEDS_REVIEW cancellation asks of the merchant.

    An error goes first: the code beside it was not verified. Codes nobody documented, codes that
    decide nothing (S and U, once the delays are used up) and all other errors need Alipay's help.
    """
    if error in _CONFIGURATION_ERRORS:
        return NextStep.FIX_CONFIGURATION
    code = RESULT_CODES.get(result_code)
    if error or code is None or code.result_status is not ResultStatus.F:
        return NextStep.CONTACT_ALIPAY
    return code.next_step
