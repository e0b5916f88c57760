"""What goes out of the REST routes and what may come in."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from django_fsm import can_proceed
from rest_framework import serializers

from django_alipay_cancel.alipay.results import ERRORS
from django_alipay_cancel.api.pagination import Pages
from django_alipay_cancel.models import (
    ID_LENGTH,
    REASON_LENGTH,
    REFERENCE_LENGTH,
    Cancellation,
    CancellationAttempt,
    Payment,
)
from django_alipay_cancel.wording import cancellation_message

_NOT_ALLOWED = _("You do not have permission to cancel this payment.")
_WHY_NOT = {
    Payment.Status.FAIL: _("The payment failed; there is nothing to cancel."),
    Payment.Status.CANCELLING: _("The payment is already being cancelled."),
    Payment.Status.CANCELLED: _("The payment is already cancelled."),
}


def _error_field() -> serializers.ChoiceField:
    return serializers.ChoiceField(
        choices=["", *ERRORS],
        read_only=True,
        help_text="Why there is no answer that can be trusted; empty when there is one.",
    )


class AttemptSerializer(serializers.ModelSerializer[CancellationAttempt]):
    """One call and what came of it; the bodies stay in the admin."""

    error = _error_field()

    class Meta:
        model = CancellationAttempt
        fields = read_only_fields = [
            "number",
            "kind",
            "outcome",
            "sent_at",
            "finished_at",
            "http_status",
            "result_status",
            "result_code",
            "result_message",
            "error",
            "cancel_time",
            "payment_status",
            "trace_id",
        ]


class CancellationSerializer(serializers.ModelSerializer[Cancellation]):
    """One wish to cancel a payment, and how it ended."""

    # As below: the context must give `may_read_reason`, which says of a cancellation whether the
    # person who asks may read who wanted it and why.

    error = _error_field()
    reason = serializers.SerializerMethodField(
        help_text="For the shop's staff and whoever asked; empty for others."
    )
    requested_by_name = serializers.SerializerMethodField(
        help_text="For the shop's staff and whoever asked; empty for others."
    )
    message = serializers.SerializerMethodField(
        help_text="What became of it and what to do, for people, in the language of the request."
    )
    attempts = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = Cancellation
        fields = read_only_fields = [
            "id",
            "payment",
            "status",
            "message",
            "next_step",
            "result_code",
            "result_message",
            "error",
            "reason",
            "source",
            "requested_by_name",
            "created_at",
            "finished_at",
            "next_attempt_at",
            "attempts",
        ]

    def get_message(self, cancellation: Cancellation) -> str:
        return cancellation_message(cancellation)

    def get_reason(self, cancellation: Cancellation) -> str:
        return cancellation.reason if self._may_read_reason(cancellation) else ""

    def get_requested_by_name(self, cancellation: Cancellation) -> str:
        return cancellation.requested_by_name if self._may_read_reason(cancellation) else ""

    def _may_read_reason(self, cancellation: Cancellation) -> bool:
        return bool(self.context["may_read_reason"](cancellation))


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """A payment, and whether the person who asks may have it cancelled."""

    # Public documents take the docstring, so this stands here: the context must give `may_cancel`,
    # which says of a payment whether the person who asks is allowed to.

    amount = serializers.CharField(
        read_only=True, help_text='For people, e.g. "12.50 USD"; empty when unknown.'
    )
    can_cancel = serializers.SerializerMethodField(
        help_text="Whether the person who asks can have this payment cancelled now."
    )
    why_not = serializers.SerializerMethodField(
        help_text="Why not, for people; empty while can_cancel is true."
    )

    class Meta:
        model = Payment
        fields = read_only_fields = [
            "id",
            "merchant",
            "payment_request_id",
            "payment_id",
            "reference",
            "amount_value",
            "amount_currency",
            "amount",
            "status",
            "can_cancel",
            "why_not",
            "authorized_at",
            "paid_at",
            "failed_at",
            "cancelled_at",
            "checked_at",
            "checked_status",
            "created_at",
            "updated_at",
        ]

    def get_can_cancel(self, payment: Payment) -> bool:
        return can_proceed(payment.begin_cancellation) and self._may_cancel(payment)

    def get_why_not(self, payment: Payment) -> str:
        if not can_proceed(payment.begin_cancellation):
            return str(_WHY_NOT[Payment.Status(payment.status)])
        return "" if self._may_cancel(payment) else str(_NOT_ALLOWED)

    def _may_cancel(self, payment: Payment) -> bool:
        return bool(self.context["may_cancel"](payment))


class PaymentDetailSerializer(PaymentSerializer):
    """A payment with its newest cancellations, at most 50; all of them are on pages."""

    cancellations = CancellationSerializer(many=True, read_only=True)

    class Meta(PaymentSerializer.Meta):
        fields = read_only_fields = [*PaymentSerializer.Meta.fields, "cancellations"]


class ClosedSerializer(serializers.Serializer[Any]):
    """Refuses what it does not know: a misspelt name must not be passed over in silence."""

    default_error_messages = {
        "invalid": _("The body must be a JSON object."),
        "null": _("The body must be a JSON object."),
    }

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError(
                {unknown[0]: [_("This name is unknown.")]}, code="unknown"
            )
        return super().to_internal_value(data)


def checked(serializer_class: type[ClosedSerializer], data: Any) -> dict[str, Any]:
    """Return what a body or a query says; raises ValidationError."""
    # Not is_valid(): it would put an English sentence of its own in place of the one for null.
    values: dict[str, Any] = serializer_class().run_validation(data)
    return values


# As a pattern, so that the OpenAPI document says it; the same that `validate_text` refuses.
_NO_CONTROL_CHARACTERS = RegexValidator(
    r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+\Z",
    _("Control characters are not allowed."),
    code="control_characters",
)


class TextField(serializers.CharField):
    """Text that was sent as text, kept as it is: a CharField would take a number too, and trim."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)
        self.validators.append(_NO_CONTROL_CHARACTERS)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class NoBodySerializer(ClosedSerializer):
    """For requests that say nothing: no body, or an empty object."""


class WishSerializer(ClosedSerializer):
    """The wish to cancel a payment."""

    reason = TextField(
        required=False,
        allow_blank=True,
        max_length=REASON_LENGTH,
        help_text="Kept with the cancellation; not sent to Alipay.",
    )


def _exact(limit: int) -> TextField:
    return TextField(required=False, min_length=1, max_length=limit)


class PageQuerySerializer(ClosedSerializer):
    """The query parameters of a list."""

    cursor = serializers.CharField(
        required=False, min_length=1, help_text="From next or previous of a page."
    )
    page_size = serializers.IntegerField(
        required=False, min_value=1, max_value=Pages.max_page_size, help_text="50 unless given."
    )


class PaymentQuerySerializer(PageQuerySerializer):
    """The query parameters of the list of payments: exact filters."""

    status = serializers.ChoiceField(choices=Payment.Status.choices, required=False)
    merchant = _exact(64)
    payment_request_id = _exact(ID_LENGTH)
    payment_id = _exact(ID_LENGTH)
    reference = _exact(REFERENCE_LENGTH)
