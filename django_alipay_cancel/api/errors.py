"""Every refusal in one shape: code, message, field and next_step."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core.exceptions import (
    BadRequest,
    ImproperlyConfigured,
    SuspiciousOperation,
)
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from django_fsm import ConcurrentTransition
from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    NotFound,
    PermissionDenied,
    ValidationError,
)
from rest_framework.response import Response
from rest_framework.settings import api_settings

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.exceptions import NotCancellable, NotInReview, NotStorable
from django_alipay_cancel.wording import error_sentence

logger = logging.getLogger(__name__)


class BodyTooLarge(APIException):
    """The body is larger than any that could be meant."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = _("The body is too large.")


class LengthRequired(APIException):
    """The request has a body whose length it does not say, so that it would not be read."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = _("A body must be sent with its Content-Length, not in chunks.")


class NothingToCancel(APIException):
    """The payment's status leaves nothing to cancel."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "nothing_to_cancel"
    default_detail = _("There is nothing to cancel: the payment failed or is already cancelled.")


class CannotBeAskedAgain(APIException):
    """The cancellation is finished; only one in review can be asked again."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "not_in_review"
    default_detail = _("This cancellation was rejected. To ask again, cancel the payment anew.")


class InvalidPayment(APIException):
    """The recorded payment has IDs that Alipay would not accept; the request is not to blame."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "invalid_payment"
    default_detail = _("The recorded IDs of this payment cannot be sent to Alipay. Correct them.")


class Busy(APIException):
    """The row changed faster than it could be written; nothing was lost."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "busy"
    default_detail = _("The payment is being changed by somebody else. Try again.")
    wait = 1.0


class Unavailable(APIException):
    """The database does not answer; what was written before stays true."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = _("The server cannot answer at the moment. Ask again: nothing is done twice.")
    wait = 5.0


class Unconfigured(APIException):
    """The merchant's settings cannot work; which one is in the log, not in the answer."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "configuration"

    def __init__(self) -> None:
        super().__init__(error_sentence("configuration"))


class Defect(APIException):
    """An error of ours; its trace is in the log."""

    default_code = "error"
    default_detail = _("Something went wrong on the server. The operators can find it in the log.")


class InvalidRequest(APIException):
    """Django itself refuses the request."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "invalid"
    default_detail = _("The request is not valid.")


_REFUSALS: Mapping[type[Exception], type[APIException]] = {
    Http404: NotFound,
    DjangoPermissionDenied: PermissionDenied,
    NotCancellable: NothingToCancel,
    NotInReview: CannotBeAskedAgain,
    # The serializers have checked all that the request gives: what is left comes from the row.
    DjangoValidationError: InvalidPayment,
    ConcurrentTransition: Busy,
    SuspiciousOperation: InvalidRequest,
    BadRequest: InvalidRequest,
    UnreadablePostError: InvalidRequest,
}
# What its staff has to put right is no affair of the buyer's.
_SHOP_CANNOT = _("The shop cannot cancel this payment at the moment. Please contact the shop.")
_NEXT_STEPS: Mapping[type[APIException], NextStep] = {
    Unconfigured: NextStep.FIX_CONFIGURATION,
    InvalidPayment: NextStep.CHECK_PAYMENT_ID,
}


class Complaint(NamedTuple):
    """The first thing that is wrong, and with which field of the request, if with one."""

    detail: ErrorDetail
    field: str | None


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Answer any exception of a view in the documented shape; the one place that catches all."""
    refusal = _refusal(error)
    complaint = _first(refusal.detail)
    message, step = str(complaint.detail), _NEXT_STEPS.get(type(refusal), NextStep.NONE)
    if step is not NextStep.NONE and not getattr(context.get("view"), "for_staff", True):
        message, step = str(_SHOP_CANNOT), NextStep.NONE
    body = {
        "code": complaint.detail.code or refusal.default_code,
        "message": _printable(message),
        "field": complaint.field and _printable(complaint.field),
        "next_step": step,
    }
    return Response(body, status=refusal.status_code, headers=_headers(refusal))


def _refusal(error: Exception) -> APIException:
    if isinstance(error, APIException):
        return error
    if isinstance(error, NotStorable):
        return ValidationError(error.message_dict)
    if isinstance(error, ImproperlyConfigured):
        logger.error("The request cannot be carried out: %s", error)
        return Unconfigured()
    for kind, refusal in _REFUSALS.items():
        if isinstance(error, kind):
            return refusal()
    logger.error("A request failed.", exc_info=error)
    return Unavailable() if isinstance(error, (OperationalError, InterfaceError)) else Defect()


def _first(detail: Any, field: str | None = None) -> Complaint:
    if isinstance(detail, Mapping) and detail:
        name, inner = next(iter(detail.items()))
        return _first(inner, None if name == api_settings.NON_FIELD_ERRORS_KEY else name)
    if isinstance(detail, list) and detail:
        return _first(detail[0], field)
    return Complaint(detail if isinstance(detail, ErrorDetail) else ErrorDetail(detail), field)


def _printable(text: str) -> str:
    # A name from the body may hold half a surrogate pair, which no answer can carry.
    return text.encode("utf-8", "replace").decode("utf-8")


def _headers(refusal: APIException) -> dict[str, str]:
    headers = {}
    if auth_header := getattr(refusal, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(refusal, "wait", None):
        headers["Retry-After"] = str(math.ceil(wait))
    return headers
