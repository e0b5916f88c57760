"""Who cancels: this app, the official SDK, and a bare session that stores nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import requests

from django_alipay_cancel.alipay.signing import (
    content_to_be_signed,
    load_private_key,
    load_public_key,
    parse_signature_header,
    signature_header,
    verify,
)
from tests.peer.environment import call_with_the_sdk, order_for

_ids = count()


@dataclass(frozen=True)
class Cost:
    """Seconds that one call took, and that its process worked for it."""

    wall: float
    cpu: float


def new_ids(number: int) -> list[str]:
    """Return ids of payments that the gateway has and nobody has cancelled yet."""
    return [f"order-{next(_ids)}" for _ in range(number)]


def cost_of(act: Callable[[Any], object], items: Iterable[Any]) -> Cost:
    """Measure `act` on each of the items, in this process."""
    items = list(items)
    began, worked = time.perf_counter(), time.process_time()
    for item in items:
        act(item)
    return Cost(
        wall=(time.perf_counter() - began) / len(items),
        cpu=(time.process_time() - worked) / len(items),
    )


def cost_with_the_sdk(merchant: Mapping[str, Any], ids: Iterable[str], *, threads: int = 1) -> Cost:
    """Measure the SDK's bare cancel, in a process of its own that is warm already."""
    calls = [{"api": "cancel", "payment_request_id": id} for id in ids]
    order = order_for(merchant, calls, threads=threads)
    told = call_with_the_sdk(order, Path(merchant["CA_BUNDLE"]))
    for each in told["told"]:
        if each.get("answer", {}).get("result", {}).get("resultStatus") != "S":
            raise RuntimeError(f"The official SDK was told {each}.")
    return Cost(wall=told["wall"] / len(calls), cpu=told["cpu"] / len(calls))


class BareClient:
    """The floor: a session that keeps its connection, a key parsed once, nothing stored."""

    def __init__(self, merchant: Mapping[str, Any]) -> None:
        self._client_id = merchant["CLIENT_ID"]
        self._key = load_private_key(merchant["PRIVATE_KEY"])
        self._alipay = load_public_key(merchant["ALIPAY_PUBLIC_KEY"])
        self._path = "/ams/sandbox/api/v1/payments/cancel"
        self._url = merchant["GATEWAY_URL"] + self._path
        self._session = requests.Session()
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE would go before the gateway's roots
        self._session.verify = merchant["CA_BUNDLE"]

    def cancel(self, payment_request_id: str) -> None:
        body = json.dumps({"paymentRequestId": payment_request_id}).encode()
        now = str(time.time_ns() // 1_000_000)
        response = self._session.post(
            self._url,
            data=body,
            headers={
                "Client-Id": self._client_id,
                "Request-Time": now,
                "Content-Type": "application/json; charset=UTF-8",
                "Signature": signature_header(self._content(now, body), self._key, "1"),
            },
            timeout=(3, 10),
        )
        signature = parse_signature_header(response.headers["signature"]).signature
        answered = self._content(response.headers["response-time"], response.content)
        if not verify(answered, signature, self._alipay):
            raise RuntimeError("The gateway's signature is wrong.")
        if response.json()["result"]["resultStatus"] != "S":
            raise RuntimeError(f"The bare session was told {response.text}.")

    def _content(self, at: str, body: bytes) -> bytes:
        return content_to_be_signed(path=self._path, client_id=self._client_id, time=at, body=body)
