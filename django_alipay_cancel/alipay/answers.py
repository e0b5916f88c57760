"""From a raw HTTP reply to an answer: what may be believed, and everything fit to be stored."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django_alipay_cancel.alipay import strict_json
from django_alipay_cancel.alipay.transport import Reply
from django_alipay_cancel.alipay.trust import PublicKeys, distrust

MAXIMUM_STORED_BODY = 4096

# What an answer may be that Alipay did sign for this client.
_SIGNED = ("", "id_mismatch", "stale_response")
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Alipay said to one call.

    ``error`` is empty exactly when the answer is verified: signed by Alipay, for this client and
    for the payment asked about. Otherwise it is one of ``results.ERRORS``, and what is filled in
    besides serves the operator only. All texts can be stored as they are; times are in UTC.
    """

    sent: bool
    error: str = ""
    http_status: int | None = None
    result_status: str = ""
    result_code: str = ""
    result_message: str = ""
    ids_match: bool | None = None  # None: nothing in the answer that could be compared
    payment_id: str = ""
    payment_request_id: str = ""
    cancel_time: datetime | None = None
    payment_status: str = ""
    payment_time: datetime | None = None
    cancelled_by_transaction: bool = False
    answered_at: datetime | None = None  # by Alipay's clock; None: not signed by Alipay
    trace_id: str = ""
    response_body: str = ""
    detail: str = ""

    @property
    def verified(self) -> bool:
        """Whether the answer may be acted upon."""
        return not self.error


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What an answer must fit to be believed.

    ``public_keys`` are Alipay's, as (keyVersion, key); ``response_time_tolerance`` is in seconds,
    None when the response's time is not judged.
    """

    path: str
    client_id: str
    public_keys: PublicKeys = field(repr=False)
    payment_id: str | None = None
    payment_request_id: str | None = None
    response_time_tolerance: float | None = None


def read_answer(reply: Reply, expectation: Expectation) -> Answer:
    """Judge ``reply`` by ``expectation``; nothing the far end sends can make this raise."""
    document, result = _read_body(reply.body)
    error = _error(reply, expectation, document)
    ids_match = _compare_ids(document, expectation) if not error else None
    if ids_match is False:
        error = "id_mismatch"
    diagnosis: dict[str, Any] = {
        "sent": reply.sent,
        "error": error,
        "http_status": reply.status,
        "ids_match": ids_match,
        "trace_id": one_line(reply.headers.get("tracerid", ""), 64),
        "response_body": storable(reply.body.decode("utf-8", "replace"), MAXIMUM_STORED_BODY),
        "detail": one_line(_detail(reply, error), 200),
    }
    if error in ("http_status", "invalid_body") or document is None:
        return Answer(**diagnosis)
    diagnosis |= {
        "result_status": result["resultStatus"],
        "result_code": one_line(result.get("resultCode"), 64),
        "result_message": one_line(result.get("resultMessage"), 256),
    }
    if error in _SIGNED:
        diagnosis["answered_at"] = parse_time(reply.headers["response-time"])
    if error:
        return Answer(**diagnosis)
    return Answer(
        **diagnosis,
        payment_id=one_line(document.get("paymentId"), 64),
        payment_request_id=one_line(document.get("paymentRequestId"), 64),
        cancel_time=parse_time(document.get("cancelTime")),
        payment_status=one_line(document.get("paymentStatus"), 64).upper(),
        payment_time=parse_time(document.get("paymentTime")),
        cancelled_by_transaction=_cancelled_by_transaction(document.get("transactions")),
    )


def storable(value: object, limit: int) -> str:
    """Return ``value`` as text any database takes, at most ``limit`` characters; "" if no text."""
    return _UNSTORABLE.sub("", value)[:limit] if isinstance(value, str) else ""


def one_line(value: object, limit: int) -> str:
    """Return ``value`` as `storable` text without line breaks, so that it can be logged."""
    return " ".join(storable(value, len(value)).split())[:limit] if isinstance(value, str) else ""


def parse_time(value: object) -> datetime | None:
    """Return an ISO 8601 time in UTC; None without an offset, or outside 2000 to 2099."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    # The years also keep the conversion, and every database, from overflowing.
    if time.tzinfo is None or not 2000 <= time.year <= 2099:
        return None
    return time.astimezone(UTC)


def _error(reply: Reply, expectation: Expectation, document: dict[str, Any] | None) -> str:
    if reply.error:
        return reply.error
    if reply.status != 200:
        return "http_status"
    if reply.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return "invalid_body"
    reason = _distrust(reply, expectation)
    if reason in ("", "unsigned") and document is None:
        return "invalid_body"
    return reason


def _distrust(reply: Reply, expectation: Expectation) -> str:
    """Return why the signature does not let us believe the reply, "" when it does."""
    reason = distrust(
        reply.headers,
        reply.body,
        time_header="response-time",
        path=expectation.path,
        client_id=expectation.client_id,
        public_keys=expectation.public_keys,
    )
    tolerance = expectation.response_time_tolerance
    if reason or tolerance is None or _is_recent(reply.headers["response-time"], tolerance):
        return reason
    return "stale_response"


def _is_recent(time: str, tolerance: float) -> bool:
    answered_at = parse_time(time)
    if answered_at is None:
        return False
    return abs((datetime.now(UTC) - answered_at).total_seconds()) <= tolerance


def _compare_ids(document: dict[str, Any] | None, expectation: Expectation) -> bool | None:
    """Tell whether the answered ids are those asked about; None when none can be compared."""
    answered = document or {}
    pairs = (
        (answered.get("paymentId"), expectation.payment_id),
        (answered.get("paymentRequestId"), expectation.payment_request_id),
    )
    matches = [
        theirs == ours for theirs, ours in pairs if ours and isinstance(theirs, str) and theirs
    ]
    return all(matches) if matches else None


def _cancelled_by_transaction(transactions: object) -> bool:
    if not isinstance(transactions, list):
        return False
    return any(_is_done_cancel(entry) for entry in transactions if isinstance(entry, dict))


def _is_done_cancel(transaction: dict[str, Any]) -> bool:
    if one_line(transaction.get("transactionType"), 64).upper() not in ("CANCEL", "VOID"):
        return False
    result = transaction.get("transactionResult")
    said = {
        one_line(transaction.get("transactionStatus"), 64).upper(),
        one_line(result.get("resultStatus"), 64).upper() if isinstance(result, dict) else "",
    } - {""}
    return bool(said) and said <= {"SUCCESS", "S"}


def _detail(reply: Reply, error: str) -> str:
    if error == "http_status":
        return reply.body.decode("utf-8", "replace")
    return reply.detail


def _read_body(body: bytes) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return the answer's document and its ``result``; (None, {}) for anything malformed."""
    try:
        document = strict_json.parse(body)
    except ValueError:
        return None, {}
    result = document.get("result") if isinstance(document, dict) else None
    if not isinstance(result, dict) or result.get("resultStatus") not in ("S", "F", "U"):
        return None, {}
    return document, result
