"""What may come in by the REST routes: bodies and queries."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from django_alipay_cancel.api.choices import WordField
from django_alipay_cancel.api.pagination import Pages
from django_alipay_cancel.models import ID_LENGTH, REASON_LENGTH, REFERENCE_LENGTH, Payment


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


def validated(serializer_class: type[ClosedSerializer], data: Any) -> dict[str, Any]:
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


class TruthField(serializers.BooleanField):
    """true or false: a BooleanField would take "yes" and 1 too."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


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
    or_refund = TruthField(
        required=False,
        help_text="Refund all of it when it can no longer be cancelled; for the shop's staff, and "
        "where REFUNDS is on.",
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

    status = WordField(choices=Payment.Status.choices, required=False)
    merchant = _exact(64)
    payment_request_id = _exact(ID_LENGTH)
    payment_id = _exact(ID_LENGTH)
    reference = _exact(REFERENCE_LENGTH)
