"""What drf-spectacular says of the REST routes, with an example of each outcome and refusal.

Needs the extra `openapi`. Loaded by the app itself where drf_spectacular is installed.
"""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import (
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
    OpenApiViewExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import (
    Direction,
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers

from django_alipay_cancel.alipay.results import ERRORS, NextStep
from django_alipay_cancel.api import endpoints, examples
from django_alipay_cancel.api.asked import (
    ClosedSerializer,
    NoBodySerializer,
    PageQuerySerializer,
    PaymentQuerySerializer,
    WishSerializer,
)
from django_alipay_cancel.api.base import AlipayView
from django_alipay_cancel.api.choices import WordField
from django_alipay_cancel.api.serializers import (
    CancellationSerializer,
    PaymentDetailSerializer,
    PaymentSerializer,
)
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.wording import next_step_label

_FOR_ALL = (401, 403, 406, 429, 503)
_FOR_POST = (400, 404, 409, 411, 413, 415)


class _Closed(OpenApiSerializerExtension):
    """A body with a name that is not described is refused."""

    target_class = ClosedSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        described: dict[str, Any] = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        return {**described, "additionalProperties": False}


# Names of their own, so that a shop's `status` or `error` collides with none and renames none.
_WORDS = {
    frozenset(Payment.Status.values): "PaymentStatus",
    frozenset(Cancellation.Status.values): "CancellationStatus",
    frozenset(Cancellation.Source.values): "CancellationSource",
    frozenset(Cancellation.Means.values): "CancellationMeans",
    frozenset(CancellationAttempt.Kind.values): "AttemptKind",
    frozenset(CancellationAttempt.Outcome.values): "AttemptOutcome",
    frozenset(["", *ERRORS]): "AttemptError",
    frozenset(step.value for step in NextStep): "NextStep",
}


class _Word(OpenApiSerializerFieldExtension):
    """A set of words is a component with a name, whatever a shop's own fields are called."""

    target_class = WordField

    def get_name(self) -> str:
        return _WORDS[frozenset(self.target.choices)]

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        words: dict[str, str] = self.target.choices
        told = [f"* `{word}` - {label}" for word, label in words.items() if word]
        return {"type": "string", "enum": list(words), "description": "\n".join(told)}


class ErrorSerializer(serializers.Serializer[Any]):
    """Every refusal, whatever its HTTP status."""

    code = serializers.CharField(help_text="For programs; stays the same in all languages.")
    message = serializers.CharField(help_text="For people, in the language of the request.")
    field = serializers.CharField(
        allow_null=True, help_text="The name in the body or the query that is wrong, if one is."
    )
    next_step = WordField(choices=[(step.value, next_step_label(step)) for step in NextStep])


class _PageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class PaymentPageSerializer(_PageSerializer):
    """A page of payments, the newest first."""

    results = PaymentSerializer(many=True)


class CancellationPageSerializer(_PageSerializer):
    """A page of cancellations, the newest first."""

    results = CancellationSerializer(many=True)


def _refused(*statuses: int) -> dict[int, OpenApiResponse]:
    return {
        status: OpenApiResponse(
            ErrorSerializer,
            description=", ".join(type(error).__name__ for error in examples.refusals(status)),
            examples=[
                OpenApiExample(type(error).__name__, value=examples.error_document(error))
                for error in examples.refusals(status)
            ],
        )
        for status in sorted(statuses)
    }


def _cancellation(description: str, *statuses: str) -> OpenApiResponse:
    return OpenApiResponse(
        CancellationSerializer,
        description=description,
        examples=[
            *(OpenApiExample(status, value=examples.cancellation(status)) for status in statuses),
            *(
                OpenApiExample(
                    f"{status}, for the buyer", value=examples.cancellation(status, for_staff=False)
                )
                for status in statuses
            ),
        ],
    )


def _header(name: str, kind: type, description: str, *statuses: int) -> OpenApiParameter:
    return OpenApiParameter(
        name, kind, OpenApiParameter.HEADER, description=description, response=list(statuses)
    )


def _key(name: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description="A UUID.")


_WAIT = "While the cancellation is PENDING: seconds until it is worth another look."
_OPEN = "The result is not known yet: neither cancelled nor not cancelled."
_TAGS = ["Alipay"]


def _payment_list() -> dict[str, Any]:
    get = extend_schema(
        operation_id="list_payments",
        summary="List payments",
        description="One's own; all of them with the permission view_payment.",
        tags=_TAGS,
        parameters=[PaymentQuerySerializer],
        responses={200: PaymentPageSerializer, **_refused(400, *_FOR_ALL)},
    )
    return {"get": get}


def _payment_detail() -> dict[str, Any]:
    get = extend_schema(
        operation_id="get_payment",
        summary="Look at a payment",
        description="With its cancellations, and whether the person who asks can cancel it.",
        tags=_TAGS,
        parameters=[_key("payment_id")],
        responses={200: PaymentDetailSerializer, **_refused(404, *_FOR_ALL)},
    )
    return {"get": get}


def _payment_refresh() -> dict[str, Any]:
    post = extend_schema(
        operation_id="refresh_payment",
        summary="Check a payment at Alipay",
        description=(
            "Makes an inquiry and takes over what it says; an open cancellation may be "
            "finished by it. checked_at stays as it was when no trustworthy answer came."
        ),
        tags=_TAGS,
        parameters=[_key("payment_id")],
        request=NoBodySerializer,
        responses={200: PaymentDetailSerializer, **_refused(*_FOR_ALL, *_FOR_POST)},
    )
    return {"post": post}


def _payment_cancellations() -> dict[str, Any]:
    get = extend_schema(
        operation_id="list_cancellations",
        summary="List the cancellations of a payment",
        tags=_TAGS,
        parameters=[_key("payment_id"), PageQuerySerializer],
        responses={200: CancellationPageSerializer, **_refused(400, 404, *_FOR_ALL)},
    )
    post = extend_schema(
        operation_id="cancel_payment",
        summary="Cancel a payment",
        description=(
            "Safe to repeat: while a cancellation is open, it comes back and nothing is done "
            "twice. After a rejected one a new one starts. The HTTP status says whether the "
            "cancellation is finished; how it ended is said by `status` alone."
        ),
        tags=_TAGS,
        parameters=[
            _key("payment_id"),
            _header("Location", str, "The address of the cancellation.", 201, 202),
            _header("Retry-After", int, _WAIT, 202),
        ],
        request=WishSerializer,
        responses={
            200: _cancellation("It was over before; nothing was sent.", "SUCCEEDED", "REFUNDED"),
            201: _cancellation("Finished now: read `status`.", "SUCCEEDED", "REJECTED", "REFUNDED"),
            202: _cancellation(_OPEN, "PENDING", "NEEDS_REVIEW"),
            **_refused(*_FOR_ALL, *_FOR_POST),
        },
    )
    return {"get": get, "post": post}


def _cancellation_detail() -> dict[str, Any]:
    get = extend_schema(
        operation_id="get_cancellation",
        summary="Look at a cancellation",
        description="Ask again after Retry-After seconds until the status is final.",
        tags=_TAGS,
        parameters=[_key("cancellation_id"), _header("Retry-After", int, _WAIT, 200)],
        responses={
            200: _cancellation("As it is now.", *Cancellation.Status.values),
            **_refused(404, *_FOR_ALL),
        },
    )
    return {"get": get}


def _cancellation_retry() -> dict[str, Any]:
    post = extend_schema(
        operation_id="retry_cancellation",
        summary="Ask again",
        description="Starts the schedule of a cancellation in review again; the worker sends.",
        tags=_TAGS,
        parameters=[
            _key("cancellation_id"),
            _header("Location", str, "The address of the cancellation.", 202),
            _header("Retry-After", int, _WAIT, 202),
        ],
        request=NoBodySerializer,
        responses={
            200: _cancellation("It had succeeded already.", "SUCCEEDED"),
            202: _cancellation(_OPEN, "PENDING"),
            **_refused(*_FOR_ALL, *_FOR_POST),
        },
    )
    return {"post": post}


_DESCRIBED: dict[type[AlipayView], Callable[[], dict[str, Any]]] = {
    endpoints.PaymentList: _payment_list,
    endpoints.PaymentDetail: _payment_detail,
    endpoints.PaymentRefresh: _payment_refresh,
    endpoints.PaymentCancellations: _payment_cancellations,
    endpoints.CancellationDetail: _cancellation_detail,
    endpoints.CancellationRetry: _cancellation_retry,
}


def _extend(view: type[AlipayView], methods: Callable[[], dict[str, Any]]) -> None:
    """Let drf-spectacular find the description of this view: it knows the classes that exist."""

    class Described(OpenApiViewExtension):
        target_class = view

        def view_replacement(self) -> type[AlipayView]:
            # On a copy: the view itself stays as it is.
            copy = type(view.__name__, (view,), {"__doc__": view.__doc__})
            described: type[AlipayView] = extend_schema_view(**methods())(copy)
            return described


for _view, _methods in _DESCRIBED.items():
    _extend(_view, _methods)
