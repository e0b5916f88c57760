"""notifyPayment and notifyRefund: what Alipay tells the merchant, believed only when signed.

https://docs.antom.com/ac/ams/paymentrn_online and https://docs.antom.com/ac/ams/notify_refund
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay import strict_json
from django_alipay_cancel.alipay.answers import MAXIMUM_DETAIL, one_line
from django_alipay_cancel.alipay.inquiry_transactions import read_minor_units
from django_alipay_cancel.alipay.times import parse_time
from django_alipay_cancel.alipay.transport import MAXIMUM_BODY_BYTES
from django_alipay_cancel.alipay.trust import PublicKeys, distrust

ACKNOWLEDGEMENT: Final = {
    "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success"}
}
"""The body, with HTTP status 200, without which Alipay sends a notification up to 8 times."""

REFUSAL: Final = {
    "result": {"resultCode": "PROCESS_FAIL", "resultStatus": "F", "resultMessage": "not accepted"}
}
"""The body that lets Alipay send it again."""


class Unbelievable(Exception):
    """The message is not from Alipay, not for this client, or not to be read; `error` says why.

    One of unsigned, wrong_client, bad_signature, too_large, invalid_body. `cause`, one of
    `causes.CAUSES` or "", and `detail` say why its signature does not verify.
    """

    def __init__(self, error: str, cause: str = "", detail: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class PaymentMessage:
    """A notifyPayment or notifyRefund message that Alipay signed for this client.

    ``result_status`` is that of what ``notify_type`` names: S it is paid (or authorized, captured,
    changed), F it failed, anything else is no result. ``amount_value`` is in minor units,
    ``paid_at`` the time of the capture in a CAPTURE_RESULT. ``refund_request_id`` stands in a
    REFUND_RESULT, which names no payment. What the message does not say is ""
    or None.
    """

    notify_type: str
    result_status: str
    result_code: str
    payment_request_id: str
    payment_id: str
    amount_value: int | None
    amount_currency: str
    paid_at: datetime | None
    auth_expires_at: datetime | None = None
    trace_id: str
    refund_request_id: str = ""


def read_message(
    headers: Mapping[str, str],
    body: bytes,
    *,
    path: str,
    client_id: str,
    public_keys: PublicKeys,
) -> PaymentMessage:
    """Verify and read a message that came to ``path`` (with its query, if it has one).

    Whether Alipay signs the query is documented in two ways, so both are accepted. Raises
    `Unbelievable`, and nothing else, whatever the message holds.
    """
    if len(body) > MAXIMUM_BODY_BYTES:
        raise Unbelievable("too_large")
    fields = HTTPHeaderDict(headers)
    reasons = [
        distrust(
            fields,
            body,
            time_header="request-time",
            path=signed,
            client_id=client_id,
            public_keys=public_keys,
        )
        for signed in dict.fromkeys(_signed(path))
    ]
    why = reasons[0]
    if why is not None and None not in reasons:
        raise Unbelievable(why.error, why.cause, one_line(why.detail, MAXIMUM_DETAIL))
    try:
        document = strict_json.parse(body)
    except ValueError:
        raise Unbelievable("invalid_body") from None
    if not isinstance(document, dict):
        raise Unbelievable("invalid_body")
    return _message(document, fields)


def _signed(path: str) -> tuple[str, ...]:
    bare = path.partition("?")[0]
    # Of https://shop.example some libraries say that its path is empty.
    return (path, bare, "") if bare == "/" else (path, bare)


def _message(document: dict[str, Any], headers: HTTPHeaderDict) -> PaymentMessage:
    result = _object(document.get("result"))
    amount = _object(document.get("paymentAmount"))
    captured = document.get("notifyType") == "CAPTURE_RESULT"
    return PaymentMessage(
        notify_type=one_line(document.get("notifyType"), 64),
        result_status=one_line(result.get("resultStatus"), 64),
        result_code=one_line(result.get("resultCode"), 64),
        payment_request_id=_text(document.get("paymentRequestId")),
        payment_id=_text(document.get("paymentId")),
        amount_value=read_minor_units(amount.get("value")),
        amount_currency=_text(amount.get("currency")),
        paid_at=parse_time(document.get("captureTime" if captured else "paymentTime")),
        auth_expires_at=parse_time(document.get("authExpiryTime")),
        trace_id=one_line(headers.get("tracerid", ""), 64),
        refund_request_id=_text(document.get("refundRequestId")),
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    # As it stands: an id that was changed would name another payment.
    return value if isinstance(value, str) else ""
