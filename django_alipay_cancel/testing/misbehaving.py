"""How each fault changes an answer: its document, its seal, and the sealed answer on its way."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

from django_alipay_cancel.testing.documents import Document, result, transaction
from django_alipay_cancel.testing.fake_payment import FakePayment
from django_alipay_cancel.testing.faults import Fault, Misbehaviour
from django_alipay_cancel.testing.keys import Keys
from django_alipay_cancel.testing.wire import Delivery, Manner, Seal

_ANOTHER = "another-payment"
_MANNERS = {
    Fault.ANSWER_LOST_AFTER: Manner.CLOSE,
    Fault.ANSWER_LOST_BEFORE: Manner.CLOSE,
    Fault.EFFECT_LATER: Manner.CLOSE,
    Fault.SILENT_AFTER: Manner.SILENCE,
    Fault.SILENT_BEFORE: Manner.SILENCE,
    Fault.RESET: Manner.RESET,
    Fault.SLOW_HEADERS: Manner.SLOW_HEADERS,
    Fault.SLOW_BODY: Manner.SLOW_BODY,
}


@dataclass(frozen=True)
class GenuineAnswer:
    """An answer the gateway gave in earnest; somebody on the line may have kept it."""

    uri: str
    status: str
    ids: frozenset[str]
    delivery: Delivery


def change_document(
    document: Document, payment: FakePayment | None, order: Misbehaviour
) -> Document:
    """Return what is going to be signed instead of ``document``."""
    options = order.options
    match order.fault:
        case Fault.RESULT:
            return result(
                options["result_code"], options["result_status"], options["result_message"]
            )
        case Fault.UNKNOWN_RESULT:
            return result("UNKNOWN_EXCEPTION")
        case Fault.THROTTLED:
            return result("REQUEST_TRAFFIC_EXCEED_LIMIT")
        case Fault.OTHER_IDS:
            return {**document, **_other_ids(document)}
        case Fault.NO_IDS:
            ids = ("paymentId", "paymentRequestId", "refundRequestId", "refundId")
            return {name: value for name, value in document.items() if name not in ids}
        case Fault.LARGE_BODY:
            return {**document, "padding": "x" * options["size"]}
        case Fault.NULL_TRANSACTIONS:
            return {**document, "transactions": None}
        case Fault.CANCEL_AS_TRANSACTION if payment and payment.cancel_time:
            entry = transaction(payment, options["kind"])
            return {**document, "paymentStatus": "SUCCESS", "transactions": [entry]}
        case Fault.CANCEL_UNDER_WAY if payment:
            entry = {**transaction(payment, options["kind"]), "transactionStatus": "PROCESSING"}
            del entry["transactionResult"]
            return {**document, "paymentStatus": "SUCCESS", "transactions": [entry]}
    return document


def _other_ids(document: Document) -> Document:
    if "refundRequestId" in document:
        return {"refundRequestId": _ANOTHER, "refundId": _ANOTHER}
    return {"paymentId": _ANOTHER, "paymentRequestId": _ANOTHER}


def change_seal(seal: Seal, keys: Keys, order: Misbehaviour) -> Seal:
    """Return who signs the answer instead."""
    if order.fault is Fault.WRONG_KEY:
        return replace(seal, key=keys.merchant)
    if order.fault is Fault.OTHER_KEY_VERSION:
        return replace(seal, key_version=f"{seal.key_version}0")
    if order.fault is Fault.WRONG_CLIENT:
        return replace(seal, client_id="5X99999999999999")
    return seal


def change_delivery(
    delivery: Delivery, order: Misbehaviour, uri: str, genuine: Sequence[GenuineAnswer]
) -> Delivery:
    """Return what is delivered instead of the sealed answer."""
    options = order.options
    match order.fault:
        case Fault.MISSING_SIGNATURE:
            return delivery.without("signature")
        case Fault.MISSING_RESPONSE_TIME:
            return delivery.without("response-time")
        case Fault.UNSIGNED:
            return delivery.without("signature", "response-time")
        case Fault.RESULT if not options["signed"]:
            return delivery.without("signature", "response-time")
        case Fault.RAW_BASE64:
            return delivery.with_header("signature", unquote(delivery.headers["signature"]))
        case Fault.TAMPERED_BODY:
            return replace(delivery, body=_turned_around(delivery.body))
        case Fault.GZIP:
            packed = replace(delivery, body=gzip.compress(delivery.body))
            return packed.with_header("content-encoding", "gzip")
        case Fault.NOT_JSON:
            return Delivery(headers={"content-type": "text/html"}, body=options["body"].encode())
        case Fault.HTTP_STATUS:
            delivery = _with_status(delivery, options["status"], options["body"])
            after = options["retry_after"]
            return delivery if after is None else delivery.with_header("retry-after", str(after))
        case Fault.REPLAY:
            return _replayed(uri, options["of"], options["status"], genuine)
        case Fault.EFFECT_LATER:
            return replace(delivery, manner=Manner.CLOSE)
    manner = _MANNERS.get(order.fault, Manner.WHOLE)
    return replace(delivery, manner=manner, pace=options.get("seconds", 0.0))


def _turned_around(body: bytes) -> bytes:
    if b'"resultStatus":"S"' in body:
        return body.replace(b'"resultStatus":"S"', b'"resultStatus":"F"')
    for status in (b"F", b"U"):
        body = body.replace(b'"resultStatus":"%s"' % status, b'"resultStatus":"S"')
    return body


def _with_status(delivery: Delivery, status: int, body: str | None) -> Delivery:
    if body is None:
        return replace(delivery, status=status)
    headers = {"content-type": "text/plain; charset=UTF-8"}
    return Delivery(status=status, headers=headers, body=body.encode())


def _replayed(uri: str, of: str | None, status: str, genuine: Sequence[GenuineAnswer]) -> Delivery:
    for answer in reversed(genuine):
        if (answer.uri, answer.status) == (uri, status) and (of is None or of in answer.ids):
            return answer.delivery
    return Delivery(status=500, body=b"Nothing to replay: no such answer was given on this path.")
