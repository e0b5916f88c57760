"""Signed calls to a fake gateway, each part of which a test may change."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.alipay.signing import (
    content_to_be_signed,
    load_private_key,
    load_public_key,
    parse_signature_header,
    signature_header,
    verify,
)
from django_alipay_cancel.testing import FakeAlipay

CANCEL = "/ams/sandbox/api/v1/payments/cancel"
INQUIRY = "/ams/sandbox/api/v1/payments/inquiryPayment"
# Seconds to connect and to read: what comes late on a busy machine is no time-out, unless that is
# what a test looks at.
PATIENT, HURRIED = (20.0, 20.0), (0.3, 0.3)


@dataclass
class Told:
    """What came back: status, headers by their names on the wire, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def code(self) -> str:
        code: str = self.document["result"]["resultCode"]
        return code

    @property
    def result_status(self) -> str:
        status: str = self.document["result"]["resultStatus"]
        return status

    @property
    def signed(self) -> bool:
        return "signature" in self.headers

    def is_genuine(self, gateway: FakeAlipay, path: str) -> bool:
        """Tell whether Alipay's key signed exactly this."""
        content = content_to_be_signed(
            path=path,
            client_id=self.headers["client-id"],
            time=self.headers["response-time"],
            body=self.body,
        )
        key = load_public_key(gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"])
        return verify(content, parse_signature_header(self.headers["signature"]).signature, key)


def signed_headers(
    gateway: FakeAlipay, path: str, body: bytes, *, time: str = "1685599933871"
) -> dict[str, str]:
    content = content_to_be_signed(path=path, client_id=gateway.client_id, time=time, body=body)
    key = load_private_key(gateway.merchant_settings()["PRIVATE_KEY"])
    return {
        "Signature": signature_header(content, key, "1"),
        "Client-Id": gateway.client_id,
        "Request-Time": time,
        "Content-Type": "application/json; charset=UTF-8",
    }


def connect(gateway: FakeAlipay, tls: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    parts = urlsplit(gateway.url)
    assert parts.hostname
    if tls:
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=5, context=tls)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=5)


def send(
    connection: http.client.HTTPConnection,
    path: str,
    body: bytes,
    headers: dict[str, str],
    method: str = "POST",
) -> Told:
    connection.request(method, path, body=body, headers=headers)
    response = connection.getresponse()
    return Told(response.status, dict(response.getheaders()), response.read())


def call(gateway: FakeAlipay, path: str = CANCEL, **ids: Any) -> Told:
    """Make one correctly signed call on a connection of its own."""
    body = json.dumps(ids).encode()
    connection = connect(gateway)
    try:
        return send(connection, path, body, signed_headers(gateway, path, body))
    finally:
        connection.close()


def client_of(gateway: FakeAlipay, **changes: Any) -> AlipayClient:
    """Return the app's own client with the settings the gateway gives out."""
    entry = gateway.merchant_settings()
    values: dict[str, Any] = {
        "client_id": entry["CLIENT_ID"],
        "private_key": load_private_key(entry["PRIVATE_KEY"]),
        "alipay_public_keys": (("1", load_public_key(entry["ALIPAY_PUBLIC_KEY"])),),
        "gateway_url": entry["GATEWAY_URL"],
        "timeout": PATIENT,
    }
    return AlipayClient(Credentials(**values | changes))
