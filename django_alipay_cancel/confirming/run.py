"""The payments of one run: made, asked about and cancelled under ids of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from time import monotonic
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.signing import MINIMUM_KEY_BITS
from django_alipay_cancel.confirming.asking import Said, call_api
from django_alipay_cancel.confirming.refunding import Refunding

# Where nobody listens: the result of a payment of this run is asked for.
NOWHERE = "https://example.com/"
# A code that no buyer shows.
_PAYMENT_CODE = "280000000000000000"
# Seconds for which the answer to a lost cancel is waited for: none ever comes that soon.
READS_FOR = 0.001
# When what has not come yet is looked for again, in seconds: up to twice the default QUIET_PERIOD.
LOOKS = (1, 5, 15, 30, 60, 120)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run against one gateway.

    ``paid`` and ``authorized`` are ids, either kind, of payments that may be cancelled,
    ``refundable`` is the paymentId of a paid one, of 1.00 USD, that may be refunded. ``lasts``
    is in seconds: how long the payment lasts that is left to expire. ``sleep`` waits so many
    seconds, ``now`` is the gateway's time, aware.
    """

    client: AlipayClient
    sleep: Callable[[float], object]
    now: Callable[[], datetime] = field(default=partial(datetime.now, UTC))
    paid: str = ""
    authorized: str = ""
    refundable: str = ""
    in_store: bool = False
    notify_url: str = NOWHERE
    lasts: float = 90
    name: str = field(default_factory=lambda: uuid4().hex[:12])

    def named(self, which: str) -> dict[str, str]:
        """Return the body that names a payment of this run."""
        return {"paymentRequestId": f"confirm-{self.name}-{which}"}

    def pay(self, which: str, *, lasts: float | None = None, code: str = "") -> Said:
        """Ask a buyer to pay, who never does; with ``code`` one who shows it in a store."""
        amount = {"currency": "USD", "value": "100"}
        body: dict[str, Any] = {
            **self.named(which),
            "productCode": "CASHIER_PAYMENT",
            "paymentMethod": {"paymentMethodType": "ALIPAY_CN"},
            "paymentAmount": amount,
            "order": {
                "referenceOrderId": f"confirm-{self.name}-{which}",
                "orderDescription": "confirm_gateway",
                "orderAmount": amount,
                "env": {"terminalType": "WEB"},
            },
            "env": {"terminalType": "WEB"},
            "settlementStrategy": {"settlementCurrency": "USD"},
            "paymentNotifyUrl": self.notify_url,
            "paymentRedirectUrl": NOWHERE,
        }
        if self.in_store or code:
            method = {"paymentMethodType": "CONNECT_WALLET"}
            scenario = "PaymentCode" if code else "OrderCode"
            body["productCode"] = "IN_STORE_PAYMENT"
            body["paymentFactor"] = {"inStorePaymentScenario": scenario}
            body["paymentMethod"] = {**method, "paymentMethodId": code} if code else method
        if lasts is not None:
            ends = self.now() + timedelta(seconds=lasts)
            body["paymentExpiryTime"] = ends.isoformat(timespec="seconds")
        return call_api(self.client, "pay", body)

    def fail(self, which: str) -> Said:
        """Make a payment that is refused, where the gateway knows the code for what it is."""
        return self.pay(which, code=_PAYMENT_CODE)

    def expire(self, which: str) -> Said:
        """Make a payment that is over when this returns."""
        said = self.pay(which, lasts=self.lasts)
        self.sleep(self.lasts + 1)
        return said

    def cancel(self, body: dict[str, str]) -> Said:
        return call_api(self.client, "cancel", body)

    def cancel_unread(self, body: dict[str, str]) -> Said:
        """Cancel, and be gone before the answer can come."""
        return call_api(self.client, "cancel", body, unread_after=READS_FOR)

    def watch(self, ask: Callable[[], Said], came: Callable[[Said], bool]) -> dict[str, Said]:
        """Ask at once and then at each of `LOOKS`, until it ``came``."""
        begun, passed = monotonic(), 0
        said = ask()
        looks = {"at once": said}
        for at in LOOKS:
            if came(said):
                break
            self.sleep(max(0, at - passed))
            passed = max(at, int(monotonic() - begun))  # slow answers take time of their own
            said = replace(ask(), after=passed)
            looks[f"after {passed} s"] = said
        return looks

    def inquire(self, body: dict[str, str], **otherwise: Any) -> Said:
        return call_api(self.client, "inquiryPayment", body, **otherwise)

    @cached_property
    def refunding(self) -> Refunding:
        """The refund of this run, made when it is first read: there is only one."""
        return Refunding.of(self)

    def refund(self) -> Said:
        """Refund what may be refunded: 100 minor units of USD, always under the same id."""
        body = {
            "refundRequestId": f"confirm-{self.name}-refund",
            "paymentId": self.refundable,
            "refundAmount": {"currency": "USD", "value": "100"},
        }
        return call_api(self.client, "refund", body)

    def inquire_refund(self, which: str = "refund") -> Said:
        body = {"refundRequestId": f"confirm-{self.name}-{which}"}
        return call_api(self.client, "inquiryRefund", body)

    def inquire_unknown(self, **otherwise: Any) -> Said:
        """Ask about a payment that does not exist, as usual or ``otherwise`` (see `call_api`)."""
        return self.inquire(self.named("unknown"), **otherwise)

    def inquire_signed_by_a_stranger(self) -> Said:
        """Ask with a signature that is not the merchant's."""
        return self.inquire_unknown(signing_key=generate_private_key(65537, MINIMUM_KEY_BITS))

    def find(self, id: str) -> tuple[dict[str, str], Said]:
        """Return the body that names a payment by an id of either kind, and its inquiry."""
        body = {"paymentRequestId": id}
        said = self.inquire(body)
        if not said.payment_status:
            body = {"paymentId": id}
            said = self.inquire(body)
        return body, said
