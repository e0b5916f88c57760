"""What payments with a notify URL are told by themselves, each until it is acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django_alipay_cancel.testing import documents, moving, posting
from django_alipay_cancel.testing.books import Books
from django_alipay_cancel.testing.documents import Document
from django_alipay_cancel.testing.fake_payment import FakePayment, News
from django_alipay_cancel.testing.gateway_clock import Clock
from django_alipay_cancel.testing.wire import Seal

_LOOK_SECONDS = 0.05
_STOP_SECONDS = 15.0


@dataclass
class _Message:
    url: str
    document: Document
    due: datetime
    sends: int = 0


def _message(payment: FakePayment, news: News, now: datetime) -> _Message:
    if news.refund is not None:
        told = moving.settled_refund(payment, news.refund)
        return _Message(news.refund.notify_url, told, now)
    document = documents.notified(payment, news.result, news.notify_type)
    return _Message(payment.notify_url, document, now)


class Notifier:
    """A thread, from the first payment with a notify URL until `stop`.

    It looks at the gateway's clock, so that resends, expiries and what is on the way come when a
    test moves it.
    """

    def __init__(self, books: Books, clock: Clock, seal: Callable[[str], Seal]) -> None:
        self._books = books
        self._clock = clock
        self._seal = seal
        self._messages: list[_Message] = []
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Run as soon as there is something to look at."""
        with self._starting:
            if self._thread is None and (self._books.listened or self._books.on_the_way):
                self._stopping.clear()
                self._thread = threading.Thread(
                    target=self._run, name="fake-alipay-notifier", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Send nothing more; what was not acknowledged is sent on after a new start."""
        self._stopping.set()
        with self._starting:
            if self._thread is not None:
                self._thread.join(_STOP_SECONDS)
                self._thread = None

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            for message in self._due():
                self._send(message)

    def _due(self) -> list[_Message]:
        with self._books.lock:
            now = self._clock.now
            self._books.catch_up(now)
            for payment in self._books.listened:
                payment.catch_up(now)
                for news in payment.news:
                    self._messages.append(_message(payment, news, now))
                payment.news.clear()
            return [message for message in self._messages if message.due <= now]

    def _send(self, message: _Message) -> None:
        if self._stopping.is_set():
            return

        def sealed(path: str) -> tuple[dict[str, str], bytes]:
            body = documents.to_bytes(message.document)
            return posting.headers(self._seal(path), body), body

        began = self._clock.now
        acknowledged = posting.post_once(message.url, sealed)
        message.sends += 1
        if acknowledged or message.sends == len(posting.RESEND_SECONDS):
            self._messages.remove(message)
        else:
            wait = timedelta(seconds=posting.RESEND_SECONDS[message.sends])
            message.due = began + wait
