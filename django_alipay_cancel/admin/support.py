"""What Alipay's support asks for, as text to copy: in Alipay's words, not translated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils import timezone

from django_alipay_cancel.models import CancellationAttempt, Payment

_LAST_CALLS = 5
_OF_REFUNDS = (CancellationAttempt.Kind.REFUND, CancellationAttempt.Kind.REFUND_INQUIRY)


def support_text(payment: Payment, attempts: Iterable[CancellationAttempt]) -> str:
    """Return both ids and the last calls: client id, time, result and trace id of each."""
    newest = sorted(attempts, key=lambda attempt: attempt.sent_at, reverse=True)[:_LAST_CALLS]
    lines = [
        f"paymentRequestId: {payment.payment_request_id or '-'}",
        f"paymentId: {payment.payment_id or '-'}",
    ]
    for attempt in newest:
        lines += ["", *_call(attempt)]
    return "\n".join(lines)


def _call(attempt: CancellationAttempt) -> Iterator[str]:
    at = timezone.localtime(attempt.sent_at) if timezone.is_aware(attempt.sent_at) else None
    yield f"{attempt.kind} at {(at or attempt.sent_at).isoformat(timespec='seconds')}"
    yield f"Client-Id: {attempt.client_id}"
    if attempt.kind in _OF_REFUNDS and attempt.cancellation_id:
        yield f"refundRequestId: {attempt.cancellation_id.hex}"
    result = "/".join(filter(None, (attempt.result_status, attempt.result_code)))
    http = f"HTTP {attempt.http_status}" if attempt.http_status else ""
    yield "result: " + (", ".join(filter(None, (result, http, attempt.error))) or "none yet")
    if attempt.result_message:
        yield f"resultMessage: {attempt.result_message}"
    yield f"trace id: {attempt.trace_id or '-'}"
