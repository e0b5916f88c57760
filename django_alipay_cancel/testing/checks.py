"""What the gateway checks before it looks at a payment, in this order.

Route, method, media type, client ID, key, signature, parameters.
"""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from django_alipay_cancel.alipay.signing import (
    InvalidSignatureHeader,
    content_to_be_signed,
    parse_signature_header,
    verify,
)
from django_alipay_cancel.testing.wire import Request

APIS = ("cancel", "inquiryPayment")
_ROUTES = {
    f"/ams/{sandbox}api/v1/payments/{api}": api for api in APIS for sandbox in ("", "sandbox/")
}
_LONGEST = {"paymentId": 64, "paymentRequestId": 64, "merchantAccountId": 32}


def api_of(path: str) -> str:
    """Return "cancel" or "inquiryPayment", "" for a path that is no route."""
    return _ROUTES.get(path, "")


def refusal(request: Request, client_id: str, keys: dict[str, RSAPublicKey]) -> str:
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


def requested_ids(request: Request) -> tuple[str, ...]:
    """Return the ids in the order that counts, ``paymentId`` first; () for PARAM_ILLEGAL."""
    try:
        document: Any = json.loads(request.body)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(document, dict) or not request.headers.get("request-time"):
        return ()
    for name, limit in _LONGEST.items():
        value = document.get(name, "")
        if not isinstance(value, str) or len(value) > limit:
            return ()
    ids = (document.get("paymentId", ""), document.get("paymentRequestId", ""))
    return tuple(text for text in ids if text)
