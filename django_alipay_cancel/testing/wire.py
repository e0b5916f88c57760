"""What reaches the gateway and what leaves it, with or without a socket, and the signing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from urllib.parse import urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from django_alipay_cancel.alipay.signing import content_to_be_signed, signature_header

JSON_TYPE = "application/json; charset=UTF-8"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request; ``headers`` are by lower-case name."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes

    @property
    def uri(self) -> str:
        """Path and query, which are what is signed, also when the target is a whole URL."""
        if self.target.startswith("/"):
            return self.target
        return urlsplit(self.target)._replace(scheme="", netloc="").geturl()

    @property
    def path(self) -> str:
        return self.uri.partition("?")[0]


class Manner(Enum):
    """How an answer is delivered, or why it is not."""

    WHOLE = auto()
    SLOW_HEADERS = auto()
    SLOW_BODY = auto()
    SILENCE = auto()
    CLOSE = auto()
    RESET = auto()


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One HTTP answer and the manner of its delivery.

    ``delay`` is in seconds from the request to the first byte; ``pace`` in seconds per byte of what
    is slow.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    manner: Manner = Manner.WHOLE
    delay: float = 0.0
    pace: float = 0.0

    def without(self, *names: str) -> "Delivery":
        """Return the same answer without these headers."""
        headers = {name: text for name, text in self.headers.items() if name not in names}
        return replace(self, headers=headers)

    def with_header(self, name: str, text: str) -> "Delivery":
        return replace(self, headers={**self.headers, name: text})


@dataclass(frozen=True, kw_only=True)
class Seal:
    """Who signs an answer or a notification, as which client, when, and for which uri."""

    uri: str
    client_id: str
    time: str
    key: RSAPrivateKey = field(repr=False)
    key_version: str = "1"

    def signature(self, body: bytes) -> str:
        content = content_to_be_signed(
            path=self.uri, client_id=self.client_id, time=self.time, body=body
        )
        return signature_header(content, self.key, self.key_version)

    def answer(self, body: bytes) -> Delivery:
        """Return ``body`` as a signed answer; Alipay's SDKs need the names in lower case."""
        headers = {
            "content-type": JSON_TYPE,
            "client-id": self.client_id,
            "response-time": self.time,
            "signature": self.signature(body),
            "tracerid": uuid4().hex,
        }
        return Delivery(headers=headers, body=body)


def unsigned_answer(body: bytes) -> Delivery:
    """Return ``body`` as the gateway answers a request whose sender it cannot know."""
    return Delivery(headers={"content-type": JSON_TYPE}, body=body)
