"""What the gateway does with a call: check it, carry it out, record it, answer it."""

from dataclasses import replace

from django_alipay_cancel.testing import documents
from django_alipay_cancel.testing.books import Books, RecordedCall
from django_alipay_cancel.testing.business import Business
from django_alipay_cancel.testing.documents import Document
from django_alipay_cancel.testing.fake_payment import FakePayment
from django_alipay_cancel.testing.faults import Misbehaviour
from django_alipay_cancel.testing.gateway_clock import Clock, wire_time
from django_alipay_cancel.testing.habits import EARLY_PAY, Habits, situation
from django_alipay_cancel.testing.keys import Keys
from django_alipay_cancel.testing.misbehaving import (
    GenuineAnswer,
    change_delivery,
    change_document,
    change_seal,
)
from django_alipay_cancel.testing.refusals import Refusal
from django_alipay_cancel.testing.request_checks import api_of, read_request, request_refusal
from django_alipay_cancel.testing.wire import Delivery, Request, Seal, unsigned_answer


class Answering:
    """Answers the calls of one merchant from ``books``."""

    def __init__(self, books: Books, clock: Clock, keys: Keys, client_id: str) -> None:
        self._books = books
        self._clock = clock
        self._keys = keys
        self._client_id = client_id
        self.habits = Habits()
        self._business = Business(books, clock)

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
        api, refusals = api_of(request.path), self.habits.refusals
        code = request_refusal(request, self._client_id, self._keys.accepted)
        if code:
            return self._refuse(request, api, refusals.of(code, signed=False))
        refused = refusals.of_request(request, self._clock.now)
        if refused is not None:
            return self._refuse(request, api, refused)
        asked = read_request(request, api)
        if asked is None:
            return self._refuse(request, api, refusals.of("PARAM_ILLEGAL", signed=True))
        with self._books.lock:
            payment = self._business.find(api, asked.ids)
            ids = frozenset(asked.ids) | (payment.ids if payment else frozenset())
            order = self._books.orders.take(api, ids)
            early = not self._books.cancelled_early.isdisjoint(asked.ids)
            point = situation(api, payment, asked.document, cancelled_early=early)
            if payment is not None and self.habits.refunds.take_time:
                payment.refunds_take_time = True
            document = self._business.carry_out(api, asked.document, asked.ids, payment, order)
            if point == EARLY_PAY:
                self._business.overtake(asked.ids[0], self.habits.ends_early)
            if not order:
                document = self.habits.answered(
                    point, document, asked.document, payment, self._clock.now
                )
            answered = order.fault.name if order else document["result"]["resultCode"]
            call = self._record(request, api, ids, answered)
        if order:
            return self._misanswer(request.uri, document, payment, order), call
        uri = request.uri if refusals.signs_query else request.path
        return self._answer_genuinely(uri, document, ids), call

    def _refuse(
        self, request: Request, api: str, refusal: Refusal
    ) -> tuple[Delivery, RecordedCall]:
        call = self._record(request, api, frozenset(), refusal.code)
        told = documents.result(refusal.code, refusal.status)
        body = documents.to_bytes(told) if refusal.code else b""
        delivery = self.seal(request.uri).answer(body) if refusal.signed else unsigned_answer(body)
        return replace(delivery, status=refusal.http_status), call

    def _answer_genuinely(self, uri: str, document: Document, ids: frozenset[str]) -> Delivery:
        delivery = self.seal(uri).answer(documents.to_bytes(document))
        status = document["result"]["resultStatus"]
        with self._books.lock:
            self._books.genuine.append(GenuineAnswer(uri, status, ids, delivery))
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
