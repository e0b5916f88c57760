"""One example of each outcome and refusal, made by the code that makes the real ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework import exceptions

from django_alipay_cancel.alipay.results import next_step
from django_alipay_cancel.api import errors
from django_alipay_cancel.api.serializers import CancellationSerializer
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

_ASKED = datetime(2026, 3, 1, 8, 30, 0, tzinfo=UTC)
_ANSWERED = _ASKED + timedelta(seconds=1)
_PAYMENT = "6f1f8a52-4f0e-4d6c-9a53-0c8d5f3b7e21"
_CANCELLATION = "b3c7a3de-9f5b-4f2e-8f0c-52a1c7d0e914"

_OUTCOMES: dict[str, dict[str, Any]] = {
    "SUCCEEDED": {
        "outcome": "SUCCEEDED",
        "result_code": "SUCCESS",
        "result_message": "Success.",
        "finished_at": _ANSWERED,
    },
    "REJECTED": {
        "outcome": "REJECTED",
        "result_code": "CANCEL_WINDOW_EXCEED",
        "result_message": "The cancel request is over the allowed window.",
        "finished_at": _ANSWERED,
    },
    "REFUNDED": {
        "outcome": "SUCCEEDED",
        "result_code": "SUCCESS",
        "result_message": "Success.",
        "finished_at": _ANSWERED,
        "or_refund": True,
        "means": "refund",
        "refund_id": "20260301194012000000000000000000000001",
        "refund_value": 1250,
        "refund_currency": "USD",
    },
    "PENDING": {
        "outcome": "UNKNOWN",
        "error": "timeout",
        "next_attempt_at": _ANSWERED + timedelta(seconds=2),
    },
    "NEEDS_REVIEW": {"outcome": "UNKNOWN", "error": "bad_signature"},
}

_PAYMENT_STATUS = {
    "SUCCEEDED": "CANCELLED",
    "REJECTED": "SUCCESS",
    "REFUNDED": "REFUNDED",
    "PENDING": "CANCELLING",
    "NEEDS_REVIEW": "CANCELLING",
}


def cancellation(status: str, *, for_staff: bool = True) -> dict[str, Any]:
    """Return what a cancellation in this status looks like, to the shop's staff or to the buyer."""
    told = dict(_OUTCOMES[status])
    outcome, code = told.pop("outcome"), told.get("result_code", "")
    step = {"PENDING": "WAIT", "SUCCEEDED": "NONE", "REFUNDED": "NONE"}.get(status) or next_step(
        result_code=code, error=told.get("error", "")
    )
    row = Cancellation(
        id=_CANCELLATION,
        payment=Payment(id=_PAYMENT, status=_PAYMENT_STATUS[status], paid_at=_ASKED),
        status=status,
        next_step=step,
        reason="ordered twice",
        source=Cancellation.Source.API,
        requested_by_name="clerk",
        created_at=_ASKED,
        **told,
    )
    # Not from a database: what a prefetch would have found.
    row._prefetched_objects_cache = {"attempts": [_attempt(row, outcome)]}
    context = {"may_read_reason": lambda row: True, "acts_for_shop": lambda payment: for_staff}
    return dict(CancellationSerializer(row, context=context).data)


def _attempt(row: Cancellation, outcome: str) -> CancellationAttempt:
    verified = not row.error
    attempt: CancellationAttempt = CancellationAttempt(
        cancellation=row,
        number=1,
        kind="refund_inquiry" if row.refunds else CancellationAttempt.Kind.CANCEL,
        refund_status="SUCCESS" if row.refunds else "",
        outcome=outcome,
        sent_at=_ASKED,
        finished_at=_ANSWERED,
        http_status=None if row.error == "timeout" else 200,
        result_status={"SUCCEEDED": "S", "REJECTED": "F"}.get(outcome, "") if verified else "",
        result_code=row.result_code,
        result_message=row.result_message,
        error=row.error,
    )
    return attempt


def error_document(error: exceptions.APIException) -> dict[str, Any]:
    """Return the body that this refusal is answered with."""
    return dict(errors.exception_handler(error, {}).data)


def refusals(status: int) -> list[exceptions.APIException]:
    """Return what is answered with this HTTP status, in the active language."""
    too_long = exceptions.ErrorDetail("Ensure this field has no more than 255 characters.")
    too_long.code = "max_length"
    errors_by_status: dict[int, list[exceptions.APIException]] = {
        400: [exceptions.ParseError(), exceptions.ValidationError({"reason": [too_long]})],
        401: [exceptions.NotAuthenticated()],
        403: [exceptions.PermissionDenied()],
        404: [exceptions.NotFound()],
        406: [exceptions.NotAcceptable()],
        409: [errors.NothingToCancel(), errors.CannotBeAskedAgain(), errors.InvalidPayment()],
        411: [errors.LengthRequired()],
        413: [errors.BodyTooLarge()],
        415: [exceptions.UnsupportedMediaType("text/plain")],
        429: [exceptions.Throttled(wait=30)],
        503: [errors.Unconfigured(), errors.Busy(), errors.Unavailable()],
    }
    return errors_by_status[status]
