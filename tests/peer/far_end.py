"""`run_fake_alipay --tls` in a process of its own, and the official SDK that is pointed at it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.peer.environment import call_with_the_sdk, order_for

FORMS = ["PaymentCode", "OrderCode", "EntryCode", "Cashier"]


@dataclass
class FarEnd:
    """A FakeAlipay in a process of its own, and the SDK that is pointed at it."""

    merchant: dict[str, Any]
    ca_file: Path

    def control(self, path: str, **document: Any) -> Any:
        url = f"{self.merchant['GATEWAY_URL']}/fake/{path}"
        if document:
            answer = requests.post(url, json=document, verify=str(self.ca_file), timeout=20)
        else:
            answer = requests.get(url, verify=str(self.ca_file), timeout=20)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def sdk(self, *calls: tuple[str, str] | dict[str, str], **changes: Any) -> list[dict[str, Any]]:
        """Make calls one after the other: pairs of API (or form of pay) and payment_request_id.

        A call that needs more is an entry of `calls` as official_sdk.py tells it.
        """
        asked = [each if isinstance(each, dict) else _call(*each) for each in calls]
        order = order_for(self.merchant, asked, **changes)
        told: list[dict[str, Any]] = call_with_the_sdk(order, self.ca_file)["told"]
        return told


def _call(api: str, payment_request_id: str) -> dict[str, str]:
    if api in FORMS:
        return {"api": "pay", "form": api, "payment_request_id": payment_request_id}
    return {"api": api, "payment_request_id": payment_request_id}
