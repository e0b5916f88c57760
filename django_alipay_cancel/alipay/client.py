"""AlipayClient: one signed HTTP call in, one judged answer out."""

import json
import time
from dataclasses import dataclass, field

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from django_alipay_cancel.alipay.answers import Answer, Expectation, read_answer
from django_alipay_cancel.alipay.signing import content_to_be_signed, signature_header
from django_alipay_cancel.alipay.traces import without_frames
from django_alipay_cancel.alipay.transport import new_session, post

SANDBOX_PREFIX = "SANDBOX_"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What one merchant needs to call Alipay and to believe its answers.

    ``alipay_public_keys`` are pairs of keyVersion and key. ``sandbox_path`` None takes the sandbox
    path for a SANDBOX_ client id, as Alipay's SDKs do; in-store merchants may need False. ``proxy``
    is an http:// URL. ``timeout`` is (connect, read) in seconds; their sum limits a whole call.
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
    ca_bundle: str | None = None
    timeout: tuple[float, float] = (3, 10)
    response_time_tolerance: float | None = None


class AlipayClient:
    """Calls Alipay for one merchant; threads may share it, and a fork opens its own connections.

    ``session`` replaces the one made from the credentials; its adapter has to set ``writing_began``
    of `connection.current_call`, by which sent and not sent are told apart. Raises OSError when
    the credentials' ``ca_bundle`` cannot be read or holds no certificate.
    """

    def __init__(
        self, credentials: Credentials, *, session: requests.Session | None = None
    ) -> None:
        self.credentials = credentials
        self.session = session or new_session(
            proxy=credentials.proxy, ca_bundle=credentials.ca_bundle
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

    def cancel(self, body: str) -> Answer:
        """Ask Alipay to cancel the payment that ``body``, made by `request_body`, names.

        Only raises for a ``body`` that is not such JSON (ValueError): every other trouble is told
        by the answer.
        """
        return self._call("cancel", body)

    def inquire(self, body: str) -> Answer:
        """Ask Alipay for the status of a payment; otherwise like `cancel`."""
        return self._call("inquiryPayment", body)

    def _call(self, api: str, body: str) -> Answer:
        credentials = self.credentials
        ids = json.loads(body)
        path = self._path(api)
        content = body.encode()
        try:
            reply = post(
                self.session,
                credentials.gateway_url.rstrip("/") + path,
                body=content,
                headers=self._headers(path, content),
                timeout=credentials.timeout,
            )
        except Exception as error:  # a defect; network trouble does not raise
            raise without_frames(error)  # noqa: B904 (the same error: its cause stays)
        expectation = Expectation(
            path=path,
            client_id=credentials.client_id,
            public_keys=credentials.alipay_public_keys,
            payment_id=ids.get("paymentId"),
            payment_request_id=ids.get("paymentRequestId"),
            response_time_tolerance=credentials.response_time_tolerance,
        )
        return read_answer(reply, expectation)

    @property
    def uses_sandbox_path(self) -> bool:
        """Whether calls go to the sandbox's path."""
        if self.credentials.sandbox_path is None:
            return self.credentials.client_id.startswith(SANDBOX_PREFIX)
        return self.credentials.sandbox_path

    def _path(self, api: str) -> str:
        return f"/ams/{'sandbox/' if self.uses_sandbox_path else ''}api/v1/payments/{api}"

    def _headers(self, path: str, body: bytes) -> dict[str, str]:
        credentials = self.credentials
        request_time = str(time.time_ns() // 1_000_000)
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
