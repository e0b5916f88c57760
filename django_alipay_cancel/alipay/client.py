"""AlipayClient: one signed HTTP call in, one judged answer out."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from django_alipay_cancel.alipay.answers import Answer, Expectation, read_answer
from django_alipay_cancel.alipay.signing import content_to_be_signed, signature_header
from django_alipay_cancel.alipay.traces import keeping_frames_back
from django_alipay_cancel.alipay.transport import basic_login, new_session, post

SANDBOX_PREFIX = "SANDBOX_"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What one merchant needs to call Alipay and to believe its answers.

    ``alipay_public_keys`` are pairs of keyVersion and key. ``sandbox_path`` None takes the sandbox
    path for a SANDBOX_ client id, as Alipay's SDKs do; in-store merchants may need False. ``proxy``
    is an http:// URL without user and password, which come beside it. ``timeout`` is (connect,
    read) in seconds; their sum limits a whole call.
    ``response_time_tolerance`` is in seconds, None when the time of a response is not judged.
    """

    client_id: str
    private_key: RSAPrivateKey = field(repr=False)
    # Public keys compare by value but have no hash.
    alipay_public_keys: tuple[tuple[str, RSAPublicKey], ...] = field(repr=False, hash=False)
    gateway_url: str
    key_version: str = "1"
    sandbox_path: bool | None = None
    agent_token: str | None = field(default=None, repr=False)
    merchant_account_id: str | None = None
    proxy: str | None = field(default=None, repr=False)
    proxy_user: str | None = field(default=None, repr=False)
    proxy_password: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    timeout: tuple[float, float] = (3, 10)
    response_time_tolerance: float | None = None


class AlipayClient:
    """Calls Alipay for one merchant; threads may share it, and a fork opens its own connections.

    ``session`` replaces the one made from the credentials; its adapter has to set ``writing_began``
    of `connection.current_exchange`, by which sent and not sent are told apart. Raises OSError when
    the credentials' ``ca_bundle`` cannot be read or holds no certificate.
    """

    def __init__(
        self, credentials: Credentials, *, session: requests.Session | None = None
    ) -> None:
        self.credentials = credentials
        self.session = session or new_session(
            proxy=credentials.proxy,
            proxy_login=(credentials.proxy_user, credentials.proxy_password),
            ca_bundle=credentials.ca_bundle,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.credentials.client_id}>"

    def request_body(self, *, payment_request_id: str | None, payment_id: str | None) -> str:
        """Return the JSON body that names a payment, for `cancel` and `inquire` alike.

        Raises ValueError without any id: Alipay needs at least one.
        """
        if not payment_request_id and not payment_id:
            raise ValueError("A payment_request_id or a payment_id is needed.")
        fields = {
            "paymentId": payment_id,
            "paymentRequestId": payment_request_id,
            "merchantAccountId": self.credentials.merchant_account_id,
        }
        given = {name: str(value) for name, value in fields.items() if value}
        return json.dumps(given, separators=(",", ":"))

    def cancel(
        self,
        body: str,
        *,
        not_after: datetime | None = None,
        last_look: Callable[[], bool] | None = None,
    ) -> Answer:
        """Ask Alipay to cancel the payment that ``body``, made by `request_body`, names.

        After ``not_after`` (aware, by this machine's clock) not a byte is sent; ``last_look`` is
        asked right before the first one and may hold it back: the answer then says "abandoned" and
        was not ``sent``. Only raises for a ``body`` that is not such JSON (ValueError): every other
        trouble is told by the answer.
        """
        return self._call("cancel", body, _fence(not_after, last_look))

    def inquire(
        self,
        body: str,
        *,
        not_after: datetime | None = None,
        last_look: Callable[[], bool] | None = None,
    ) -> Answer:
        """Ask Alipay for the status of a payment; otherwise like `cancel`."""
        return self._call("inquiryPayment", body, _fence(not_after, last_look))

    def refund(self, body: str, *, not_after: datetime | None = None) -> Answer:
        """Ask Alipay for the refund of ``body``, made by `refunds.refund_body`; like `cancel`.

        Its refundRequestId makes it the same refund however often it is sent.
        """
        return self._call("refund", body, _fence(not_after, None))

    def inquire_refund(self, body: str, *, not_after: datetime | None = None) -> Answer:
        """Ask what became of the refund that `refunds.refund_inquiry_body` names; like `cancel`."""
        return self._call("inquiryRefund", body, _fence(not_after, None))

    @keeping_frames_back
    def _call(self, api: str, body: str, may_begin: Callable[[], bool]) -> Answer:
        credentials = self.credentials
        ids = json.loads(body)
        path = self.path(api)
        content = body.encode()
        headers = self.signed_headers(path, content)
        reply = post(
            self.session,
            self.address(api),
            body=content,
            headers=headers,
            timeout=credentials.timeout,
            may_begin=may_begin,
        )
        expectation = Expectation(
            path=path,
            client_id=credentials.client_id,
            public_keys=credentials.alipay_public_keys,
            payment_id=ids.get("paymentId"),
            payment_request_id=ids.get("paymentRequestId"),
            refund_request_id=ids.get("refundRequestId"),
            response_time_tolerance=credentials.response_time_tolerance,
            secrets=tuple(self._secrets(headers)),
        )
        return read_answer(reply, expectation)

    def _secrets(self, headers: Mapping[str, str]) -> Iterator[str]:
        yield headers["Signature"]
        yield headers["Signature"].rpartition("signature=")[2]
        if "Agent-Token" in headers:
            yield headers["Agent-Token"]
        user, password = self.credentials.proxy_user, self.credentials.proxy_password
        if password:
            yield password
            yield basic_login(user, password)

    @property
    def uses_sandbox_path(self) -> bool:
        """Whether calls go to the sandbox's path."""
        if self.credentials.sandbox_path is None:
            return self.credentials.client_id.startswith(SANDBOX_PREFIX)
        return self.credentials.sandbox_path

    def address(self, api: str) -> str:
        """Return the URL that an API is called at: "cancel", "inquiryPayment", "refund"..."""
        return self.credentials.gateway_url.rstrip("/") + self.path(api)

    def path(self, api: str) -> str:
        """Return the path that is called, and signed."""
        return f"/ams/{'sandbox/' if self.uses_sandbox_path else ''}api/v1/payments/{api}"

    def signed_headers(self, path: str, body: bytes, *, age: float = 0.0) -> dict[str, str]:
        """Return the headers of a call of ``path``; it says to be ``age`` seconds old."""
        credentials = self.credentials
        request_time = str(time.time_ns() // 1_000_000 - round(age * 1000))
        content = content_to_be_signed(
            path=path, client_id=credentials.client_id, time=request_time, body=body
        )
        signature = signature_header(content, credentials.private_key, credentials.key_version)
        headers = {
            "Signature": signature,
            "Client-Id": credentials.client_id,
            "Request-Time": request_time,
            "Content-Type": "application/json; charset=UTF-8",
            "Accept-Encoding": "identity",
            "User-Agent": "django-alipay-cancel",
        }
        if credentials.agent_token:
            headers["Agent-Token"] = credentials.agent_token
        return headers


def _fence(not_after: datetime | None, last_look: Callable[[], bool] | None) -> Callable[[], bool]:
    """Return whether the first byte may still be sent, by both clocks: either may have stood still.

    The wall clock may be set back while a process is paused; the other may stop in a sleep.
    """
    left = (not_after - datetime.now(UTC)).total_seconds() if not_after else float("inf")
    until = time.monotonic() + left

    def may_begin() -> bool:
        # The look comes first: it may take long, and nothing may stand between clocks and byte.
        if last_look is not None and not last_look():
            return False
        late = not_after is not None and datetime.now(UTC) > not_after
        return not late and time.monotonic() <= until

    return may_begin
