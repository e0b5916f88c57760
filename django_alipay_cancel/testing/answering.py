"""What the gateway does with a call: check it, carry it out, record it, answer it."""

import threading
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime

from django_alipay_cancel.testing import documents
from django_alipay_cancel.testing.checks import api_of, refusal, requested_ids
from django_alipay_cancel.testing.clock import Clock, wire_time
from django_alipay_cancel.testing.documents import Document
from django_alipay_cancel.testing.faults import Fault, Misbehaviour, Misbehaviours
from django_alipay_cancel.testing.keys import Keys
from django_alipay_cancel.testing.misbehaving import (
    GenuineAnswer,
    change_delivery,
    change_document,
    change_seal,
)
from django_alipay_cancel.testing.payments import FakePayment
from django_alipay_cancel.testing.wire import Delivery, Request, Seal, unsigned_answer


@dataclass(frozen=True, kw_only=True)
class RecordedCall:
    """One call as it arrived; ``answered`` is the result code, or the name of the fault.

    ``ids`` are those of the request and of the payment it found; ``api`` is "" for a wrong path.
    """

    api: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes
    ids: frozenset[str]
    answered: str
    at: datetime


@dataclass
class Books:
    """All the gateway knows; ``payments`` by either id, to be used under ``lock``."""

    payments: dict[str, FakePayment] = field(default_factory=dict)
    balance_is_enough: bool = True
    orders: Misbehaviours = field(default_factory=Misbehaviours)
    calls: list[RecordedCall] = field(default_factory=list)
    genuine: list[GenuineAnswer] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Answering:
    """Answers the calls of one merchant from ``books``."""

    def __init__(self, books: Books, clock: Clock, keys: Keys, client_id: str) -> None:
        self._books = books
        self._clock = clock
        self._keys = keys
        self._client_id = client_id

    def seal(self, uri: str) -> Seal:
        """Return what signs a message to this merchant now."""
        return Seal(
            uri=uri,
            client_id=self._client_id,
            time=wire_time(self._clock.now),
            key=self._keys.alipay,
            key_version=self._keys.alipay_version,
        )

    def answer(self, request: Request) -> tuple[Delivery, RecordedCall]:
        """Carry out one call; return its answer and the record of it.

        Faults come after all the checks and before, or with, the business itself.
        """
        api = api_of(request.path)
        code = refusal(request, self._client_id, self._keys.accepted)
        if code:
            call = self._record(request, api, frozenset(), code)
            return unsigned_answer(documents.to_bytes(documents.result(code))), call
        asked = requested_ids(request)
        if not asked:
            document = documents.result("PARAM_ILLEGAL")
            call = self._record(request, api, frozenset(), "PARAM_ILLEGAL")
            return self.seal(request.uri).answer(documents.to_bytes(document)), call
        with self._books.lock:
            # paymentId wins; the other id is not even looked at.
            payment = self._books.payments.get(asked[0])
            ids = frozenset(asked) | (payment.ids if payment else frozenset())
            order = self._books.orders.take(api, ids)
            document = self._carry_out(api, payment, order)
            answered = order.fault.name if order else document["result"]["resultCode"]
            call = self._record(request, api, ids, answered)
        if order:
            return self._misanswer(request.uri, document, payment, order), call
        return self._answer_genuinely(request.uri, document, ids), call

    def _carry_out(
        self, api: str, payment: FakePayment | None, order: Misbehaviour | None
    ) -> Document:
        if payment is None:
            return documents.result("ORDER_NOT_EXIST")
        if api == "inquiryPayment":
            if order and order.fault is Fault.INQUIRY_LAGS and payment.status_before_cancel:
                payment = replace(payment, status=payment.status_before_cancel)
            return documents.inquired(payment)
        if order and not order.applied:
            payment = copy(payment)  # answered as if it took effect, which it does not
        code = payment.cancel(self._clock.now, balance_is_enough=self._books.balance_is_enough)
        return documents.cancelled(payment) if code == "SUCCESS" else documents.result(code)

    def _answer_genuinely(self, uri: str, document: Document, ids: frozenset[str]) -> Delivery:
        delivery = self.seal(uri).answer(documents.to_bytes(document))
        if document["result"]["resultStatus"] == "S":
            with self._books.lock:
                self._books.genuine.append(GenuineAnswer(uri, ids, delivery))
        return delivery

    def _misanswer(
        self, uri: str, document: Document, payment: FakePayment | None, order: Misbehaviour
    ) -> Delivery:
        changed = change_document(document, payment, order)
        seal = change_seal(self.seal(uri), self._keys, order)
        with self._books.lock:
            genuine = tuple(self._books.genuine)
        return change_delivery(seal.answer(documents.to_bytes(changed)), order, uri, genuine)

    def _record(
        self, request: Request, api: str, ids: frozenset[str], answered: str
    ) -> RecordedCall:
        call = RecordedCall(
            api=api,
            path=request.path,
            headers=request.headers,
            body=request.body,
            ids=ids,
            answered=answered,
            at=self._clock.now,
        )
        with self._books.lock:
            self._books.calls.append(call)
        return call
