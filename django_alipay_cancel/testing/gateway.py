"""FakeAlipay: Alipay's gateway for tests and development, with payments of its own."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from django_alipay_cancel.alipay.signing import load_public_key
from django_alipay_cancel.testing import control, documents, posting
from django_alipay_cancel.testing.adapter import FakeAlipayAdapter
from django_alipay_cancel.testing.answering import Answering
from django_alipay_cancel.testing.books import Books, RecordedCall
from django_alipay_cancel.testing.fake_payment import METHODS, UNPAID, FakePayment, Status
from django_alipay_cancel.testing.faults import INQUIRY_FAULTS, Fault, Misbehaviour
from django_alipay_cancel.testing.gateway_clock import Clock, require_aware
from django_alipay_cancel.testing.habits import Habits
from django_alipay_cancel.testing.happenings import Happenings
from django_alipay_cancel.testing.keys import (
    Keys,
    new_key,
    private_key_text,
    public_key_text,
    throw_away_keys,
)
from django_alipay_cancel.testing.notifier import Notifier
from django_alipay_cancel.testing.request_checks import APIS
from django_alipay_cancel.testing.server import Server
from django_alipay_cancel.testing.wire import Delivery, Request

_URL_WITHOUT_SOCKET = "https://fake-alipay.invalid"


class FakeAlipay(Happenings):
    """A gateway that checks signatures, keeps payments by Alipay's rules and signs its answers.

    It serves pay, inquiryPayment, cancel, capture, refund and inquiryRefund. As a context manager,
    or between `start` and `stop`, it serves ``url`` on loopback, over HTTPS when given ``tls`` (and
    names ``ca_bundle`` in the settings it gives out); port 0 takes a free one, and a later `start`
    takes the same one again. ``latency`` is in seconds from a request to its answer. All of it may
    be used from many threads.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        ca_bundle: str | None = None,
        latency: float = 0.0,
        client_id: str = "SANDBOX_5X00000000000000",
        keys: Keys | None = None,
    ) -> None:
        self.client_id = client_id
        # A copy: other gateways share the throw-away keys, but not what becomes of them.
        self.keys = replace(keys or throw_away_keys())
        self.latency = latency
        # Called in the answering thread once a call has taken effect and before it is answered.
        self.before_answer: Callable[[RecordedCall], object] | None = None
        self._port = port
        self._tls = tls
        self._ca_bundle = ca_bundle
        self._server: Server | None = None
        self._clock = Clock()
        self._books = Books()
        self._answering = Answering(self._books, self._clock, self.keys, client_id)
        self._notifier = Notifier(self._books, self._clock, self._answering.seal)

    @classmethod
    def like(cls, path: str | Path, **options: Any) -> Self:
        """Return a gateway that answers as the one did that a file of `confirm_gateway` tells of.

        It replays how a cancel of what is cancelled, failed, expired or unknown is answered, a
        pay and an inquiry after a cancel, a pay that its cancel has overtaken, the keyVersion, and
        code, HTTP status and signature of what is refused for its signature, key, client, missing
        id, age, path or query. Of refunds: whether they take time, what they, a repeat, a cancel
        after one and an inquiry of an unknown one are told, when and how an inquiry lists one. An S
        to what FakeAlipay would refuse is told, and changes no payment. A fault goes before all of
        it; EFFECT_LATER of a cancel takes as long as was seen. ``options`` are those of
        `FakeAlipay`. Raises OSError, and ValueError for another kind of file.
        """
        habits = Habits.read(path)
        gateway = cls(**options)
        gateway._answering.habits = habits
        gateway.keys.alipay_version = habits.key_version or gateway.keys.alipay_version
        return gateway

    def start(self) -> None:
        """Serve ``url``; raises OSError when the port is taken."""
        if self._server is not None:
            raise RuntimeError("The gateway is already serving.")
        self._server = Server(self._serve, port=self._port, tls=self._tls)
        self._port = self._server.port
        self._notifier.wake()

    def stop(self) -> None:
        """Refuse connections from now on; open ones are closed, whatever they wait for."""
        self._notifier.stop()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What GATEWAY_URL has to be; before a first `start`, one that only `adapter` can serve."""
        if not self._port:
            return _URL_WITHOUT_SOCKET
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def adapter(self) -> FakeAlipayAdapter:
        """Return this gateway as a requests adapter, to be mounted on a session at ``url``."""
        return FakeAlipayAdapter(self.handle)

    def merchant_settings(self) -> dict[str, Any]:
        """Return an entry for MERCHANTS that fits this gateway."""
        entry = {
            "CLIENT_ID": self.client_id,
            "PRIVATE_KEY": private_key_text(self.keys.merchant),
            "ALIPAY_PUBLIC_KEY": public_key_text(self.keys.alipay.public_key()),
            "GATEWAY_URL": self.url,
        }
        return entry if self._ca_bundle is None else {**entry, "CA_BUNDLE": self._ca_bundle}

    def upload_key(self, key_version: str, public_key: str) -> None:
        """Accept this key of the merchant too, as after an upload in Alipay's console."""
        self.keys.accepted[key_version] = load_public_key(public_key)

    def remove_key(self, key_version: str) -> None:
        """Know this key of the merchant no longer; KeyError for one that is not known."""
        del self.keys.accepted[key_version]

    def change_own_key(self, key_version: str) -> str:
        """Sign with a new key from now on, and return it for ALIPAY_PUBLIC_KEY."""
        self.keys.alipay, self.keys.alipay_version = new_key(), key_version
        return public_key_text(self.keys.alipay.public_key())

    @property
    def now(self) -> datetime:
        """The gateway's time, by which windows end and answers are dated; aware."""
        return self._clock.now

    def set_clock(self, at: datetime | None) -> None:
        """Let the clock stand still at ``at`` (aware); None: go with the real time again."""
        self._clock.set(at)

    def advance(self, seconds: float) -> None:
        """Move the clock on by ``seconds``."""
        self._clock.advance(seconds)

    def add_payment(
        self,
        *,
        payment_request_id: str | None = None,
        payment_id: str | None = None,
        status: str = Status.SUCCESS,
        method: str | None = None,
        amount_value: int = 1000,
        amount_currency: str = "USD",
        paid_at: datetime | None = None,
        expires_at: datetime | None = None,
        notify_url: str = "",
        refunds_take_time: bool = False,
    ) -> FakePayment:
        """Add a payment as if a buyer had made it; ids not given are made up.

        ``status`` is a `payments.Status`, ``method`` a key of `payments.METHODS` (by default "card"
        for what is authorized or captured), the amount in minor units, ``paid_at`` (default: now)
        the start of the cancellation window, aware. An unpaid one fails at ``expires_at`` (aware;
        None: never); ``refunds_take_time``: a refund waits for `refund_settles`. Raises ValueError
        for an unknown status or method and for an id that is taken.
        """
        state = Status(status)
        if method is None:
            method = "card" if state in (Status.AUTHORIZED, Status.CAPTURED) else "default"
        if method not in METHODS:
            raise ValueError(f"The method {method!r} is none of {', '.join(METHODS)}.")
        for at in filter(None, (paid_at, expires_at)):
            require_aware(at)
        paid = state not in (*UNPAID, Status.FAIL)
        payment = FakePayment(
            payment_request_id=payment_request_id or f"request-{uuid4().hex}",
            payment_id=payment_id or f"{self.now:%Y%m%d}{uuid4().int % 10**30:030}",
            status=state,
            method=method,
            amount_value=amount_value,
            amount_currency=amount_currency,
            created_at=paid_at or self.now,
            paid_at=(paid_at or self.now) if paid else None,
            expires_at=expires_at,
            notify_url=notify_url,
            refunds_take_time=refunds_take_time,
        )
        self._books.enter(payment)
        self._notifier.wake()
        return payment

    @property
    def balance_is_enough(self) -> bool:
        """Whether the merchant's balance can fund giving paid money back; True until set."""
        return self._books.balance_is_enough

    @balance_is_enough.setter
    def balance_is_enough(self, value: bool) -> None:
        self._books.balance_is_enough = value

    def misbehave(
        self,
        fault: Fault,
        *,
        payment: str | None = None,
        api: str | None = None,
        calls: int | None = 1,
        **options: Any,
    ) -> None:
        """Do something wrong on the next ``calls`` calls (None: always) that pass all checks.

        ``payment`` (either id; None: all of them) and ``api`` (of `checks.APIS`; None: each) say
        which calls. Orders for the same calls are carried out one after the other.
        ``options`` are those of `faults.OPTIONS`; TypeError for another, ValueError for a wrong
        ``api`` or ``calls``.
        """
        if fault in INQUIRY_FAULTS:
            api = "inquiryPayment"
        if api not in (None, *APIS):
            raise ValueError(f"The API {api!r} is none of {', '.join(APIS)}.")
        if calls is not None and calls < 1:
            raise ValueError("calls must be at least 1, or None for always.")
        options = {**self._answering.habits.options(fault, api), **options}
        order = Misbehaviour(fault=fault, payment=payment, api=api, calls=calls, options=options)
        with self._books.lock:
            self._books.orders.add(order)

    def behave(self) -> None:
        """Forget every `misbehave` that is not used up."""
        with self._books.lock:
            self._books.orders.clear()

    @property
    def calls(self) -> tuple[RecordedCall, ...]:
        """Every call so far, refused ones included, in the order they took effect."""
        with self._books.lock:
            return tuple(self._books.calls)

    def calls_for(self, id: str, api: str | None = None) -> tuple[RecordedCall, ...]:
        """Return the calls about the payment with this id, by either of its ids."""
        return tuple(call for call in self.calls if id in call.ids and api in (None, call.api))

    def notification(
        self, id: str, *, path: str, result: str = "S", notify_type: str = "PAYMENT_RESULT"
    ) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a signed notifyPayment message to a merchant's ``path``.

        ``result`` is S or F (U for PAYMENT_PENDING), whatever the payment's status: a success may
        arrive after a cancel. ValueError for a CAPTURE_RESULT of what was not captured.
        """
        body = documents.to_bytes(documents.notified(self.payment(id), result, notify_type))
        return posting.headers(self._answering.seal(path), body), body

    def notify(
        self,
        url: str,
        id: str,
        *,
        result: str = "S",
        notify_type: str = "PAYMENT_RESULT",
        time_scale: float = 0.0,
    ) -> posting.Sends:
        """Post a notification until it is acknowledged, at most 8 times, as Alipay does.

        ``time_scale`` 1.0 waits Alipay's 24 hours in all, 0.0 does not wait.
        """

        def message(path: str) -> tuple[dict[str, str], bytes]:
            return self.notification(id, path=path, result=result, notify_type=notify_type)

        return posting.post_until_acknowledged(url, message, time_scale=time_scale)

    def handle(self, request: Request) -> Delivery:
        """Carry out one signed call and return its answer, as socket and adapter deliver it."""
        delivery, call = self._answering.answer(request)
        self._notifier.wake()
        if self.before_answer:
            self.before_answer(call)
        return replace(delivery, delay=self.latency)

    def _serve(self, request: Request) -> Delivery:
        if request.path.startswith(control.PREFIX):
            return control.handle(self, request)
        return self.handle(request)
