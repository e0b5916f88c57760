"""One call to a gateway, and what its answer shows: words of the protocol, no id and no text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.signing import InvalidSignatureHeader, parse_signature_header
from django_alipay_cancel.alipay.strict_json import parse
from django_alipay_cancel.alipay.traces import keeping_frames_back
from django_alipay_cancel.alipay.transport import Reply, post
from django_alipay_cancel.alipay.trust import Distrust, distrust

_ID_FIELDS = ("paymentId", "paymentRequestId")
ABSENT = "absent"
# Whatever does not look like a word of the protocol is masked: it may repeat an id or a signature.
MASKED = "?"
UNREAD = "unread"
_WORD = re.compile(r"[A-Z][A-Z_]{0,63}|[0-9]{1,4}")
_SIGNED = {
    "yes": "",
    "no": "unsigned",
    "wrongly": "wrongly signed",
    "path": "signed without the query",
}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What one answer shows.

    ``signed`` is yes, no, wrongly (it does not verify), or path (over the path without the query).
    ``error`` says why no answer came. ``ids`` are those that stood in it; ``transactions`` is
    "absent", "null", or type and status of each. ``paid_hours_ago`` is how long before the answer
    the payment was paid, ``after`` at how many seconds it was looked at again.
    """

    http_status: int | None = None
    error: str = ""
    signed: str = "no"
    status: str = ""
    code: str = ""
    key_version: str = ""
    payment_status: str = ""
    refund_status: str = ""
    ids: tuple[str, ...] = ()
    transactions: str | tuple[str, ...] = ABSENT
    paid_hours_ago: int | None = None
    after: int = 0

    def __str__(self) -> str:
        if self.http_status is None:
            return f"no answer ({self.error})"
        words = [self.status, self.code, self.payment_status, self.refund_status]
        if self.http_status != 200:
            words.append(f"HTTP {self.http_status}")
        words.append(_SIGNED[self.signed])
        return " ".join(filter(None, words))

    def inquiry(self) -> str:
        """Return the same, with the ids and transactions where an inquiry was answered."""
        if not self.payment_status:
            return str(self)
        listed = self.transactions
        shown = listed if isinstance(listed, str) else ", ".join(listed) or "empty"
        ids = " and ".join(self.ids) or "no id"
        return f"{self}, {ids}, transactions {shown}"

    def lists(self, kind: str) -> bool:
        """Whether a transaction of this type is listed, whatever its status."""
        return not isinstance(self.transactions, str) and any(
            each.partition(" ")[0] == kind for each in self.transactions
        )

    def facts(self) -> dict[str, Any]:
        """Return what a file keeps of it."""
        return asdict(self)


@keeping_frames_back
def call_api(
    client: AlipayClient,
    api: str,
    body: Mapping[str, Any],
    *,
    query: str = "",
    age: float = 0.0,
    signing_key: RSAPrivateKey | None = None,
    unread_after: float | None = None,
    **changes: Any,
) -> Said:
    """Ask ``api`` once, as ``client`` or with ``changes`` to its credentials.

    ``query`` is added to the address and signed with it; ``age`` is how many seconds old the
    request says to be; with ``signing_key`` it is signed by somebody else. With ``unread_after``
    the connection is closed after so many seconds, and nothing is read of what may have come.
    """
    credentials = replace(client.credentials, **changes)
    if signing_key is not None:
        credentials = replace(credentials, private_key=signing_key)
    sender = AlipayClient(credentials, session=client.session)
    path = sender.path(api)
    content = json.dumps(body, separators=(",", ":")).encode()
    connect, read = credentials.timeout
    reply = post(
        client.session,
        sender.address(api) + query,
        body=content,
        headers=sender.signed_headers(path + query, content, age=age),
        timeout=(connect, read if unread_after is None else unread_after),
    )
    if unread_after is not None:
        return Said(error=UNREAD if reply.sent else reply.error)
    if reply.status is None or reply.error:
        return Said(error=reply.error)
    return _read(reply, client, path, query)


def _read(reply: Reply, client: AlipayClient, path: str, query: str) -> Said:
    try:
        document = parse(reply.body)
    except (ValueError, RecursionError):
        document = None
    document = document if isinstance(document, dict) else {}
    result = document.get("result")
    result = result if isinstance(result, dict) else {}
    return Said(
        http_status=reply.status,
        signed=_signed(reply, client, path, query),
        status=_word(result.get("resultStatus")),
        code=_word(result.get("resultCode")),
        key_version=_key_version(reply.headers),
        payment_status=_word(document.get("paymentStatus")),
        refund_status=_word(document.get("refundStatus")),
        ids=tuple(name for name in _ID_FIELDS if document.get(name)),
        transactions=_transactions(document),
        paid_hours_ago=_hours_between(document.get("paymentTime"), reply.headers),
    )


def _signed(reply: Reply, client: AlipayClient, path: str, query: str) -> str:
    doubt = _doubt(reply, client, path + query)
    if doubt is None:
        return "yes"
    if query and _doubt(reply, client, path) is None:
        return "path"
    return "no" if doubt.error == "unsigned" else "wrongly"


def _doubt(reply: Reply, client: AlipayClient, path: str) -> Distrust | None:
    return distrust(
        reply.headers,
        reply.body,
        time_header="response-time",
        path=path,
        client_id=client.credentials.client_id,
        public_keys=client.credentials.alipay_public_keys,
    )


def _key_version(headers: HTTPHeaderDict) -> str:
    try:
        version = parse_signature_header(headers.get("signature", "")).key_version
    except InvalidSignatureHeader:
        return ""
    return _word(version)


def _transactions(document: Mapping[str, Any]) -> str | tuple[str, ...]:
    listed = document.get("transactions", ABSENT)
    if not isinstance(listed, list):
        return "null" if listed is None else ABSENT
    entries = [each for each in listed if isinstance(each, dict)]
    names = ("transactionType", "transactionStatus")
    return tuple(" ".join(_word(each.get(name)) for name in names) for each in entries)


def _hours_between(paid_at: Any, headers: HTTPHeaderDict) -> int | None:
    try:
        answered_at = datetime.fromisoformat(headers.get("response-time", ""))
        passed = answered_at - datetime.fromisoformat(paid_at)
    except (ValueError, TypeError):
        return None
    return int(passed.total_seconds() // 3600)


def _word(value: Any) -> str:
    if not value:
        return ""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else MASKED
