"""What the gateway checks before it looks at a payment, in this order.

Route, method, media type, client ID, key, signature, parameters.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from django_alipay_cancel.alipay.signing import (
    InvalidSignatureHeader,
    content_to_be_signed,
    parse_signature_header,
    verify,
)
from django_alipay_cancel.testing.wire import Request

# Each API with the ids that name its payment, in the order that counts.
_IDS: Mapping[str, tuple[str, ...]] = {
    "pay": ("paymentRequestId",),
    "inquiryPayment": ("paymentId", "paymentRequestId"),
    "cancel": ("paymentId", "paymentRequestId"),
    "capture": ("paymentId",),
    "refund": ("paymentId",),
    "inquiryRefund": ("refundId", "refundRequestId"),
}
APIS = tuple(_IDS)
_ROUTES = {
    f"/ams/{sandbox}api/v1/payments/{api}": api for api in APIS for sandbox in ("", "sandbox/")
}
_LONGEST = {
    **dict.fromkeys(("paymentId", "paymentRequestId", "captureRequestId"), 64),
    **dict.fromkeys(("refundId", "refundRequestId"), 64),
    "merchantAccountId": 32,
}


def api_of(path: str) -> str:
    """Return which of `APIS` it is, "" for a path that is no route."""
    return _ROUTES.get(path, "")


def request_refusal(request: Request, client_id: str, keys: dict[str, RSAPublicKey]) -> str:
    """Return the code of the first check that fails up to the signature, "" when all pass.

    ``keys`` are the merchant's, by keyVersion, the newest last. Such a refusal is not
    signed: nobody knows yet whom it would be for.
    """
    headers = request.headers
    if not api_of(request.path):
        return "NO_INTERFACE_DEF"
    if request.method != "POST":
        return "METHOD_NOT_SUPPORTED"
    media_type = headers.get("content-type", "application/json").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        return "MEDIA_TYPE_NOT_ACCEPTABLE"
    if headers.get("client-id") != client_id:
        return "CLIENT_INVALID"
    return _signature_refusal(request, client_id, keys)


def _signature_refusal(request: Request, client_id: str, keys: dict[str, RSAPublicKey]) -> str:
    try:
        header = parse_signature_header(request.headers.get("signature", ""))
    except InvalidSignatureHeader:
        return "INVALID_SIGNATURE"
    # Without a version the newest key tied to the client id is meant.
    key = keys.get(header.key_version or next(reversed(keys), ""))
    if key is None:
        return "KEY_NOT_FOUND"
    content = content_to_be_signed(
        path=request.uri,
        client_id=client_id,
        # Opaque: epoch milliseconds and every flavour of ISO 8601 are in use.
        time=request.headers.get("request-time", ""),
        body=request.body,
    )
    return "" if verify(content, header.signature, key) else "INVALID_SIGNATURE"


@dataclass(frozen=True)
class ReadRequest:
    """What a call asks for, and the ids it gives, the one that counts first."""

    document: dict[str, Any]
    ids: tuple[str, ...]


def read_request(request: Request, api: str) -> ReadRequest | None:
    """Return what is asked for; None for PARAM_ILLEGAL. A null is as good as nothing."""
    try:
        document: Any = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not request.headers.get("request-time"):
        return None
    document = {name: value for name, value in document.items() if value is not None}
    for name, limit in _LONGEST.items():
        value = document.get(name, "")
        if not isinstance(value, str) or len(value) > limit:
            return None
    ids = tuple(document[name] for name in _IDS[api] if document.get(name))
    return ReadRequest(document, ids) if ids else None
