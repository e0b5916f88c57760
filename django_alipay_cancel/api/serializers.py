"""What goes out of the REST routes."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django_fsm import can_proceed
from rest_framework import serializers

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.api.choices import WordField, error_field
from django_alipay_cancel.api.time_field import FIELDS
from django_alipay_cancel.models import (
    Cancellation,
    CancellationAttempt,
    Payment,
)
from django_alipay_cancel.outcomes import advice, buyer_message, cancellation_message
from django_alipay_cancel.services import explain

_WHY_NOT = {
    Payment.Status.FAIL: _("The payment failed; there is nothing to cancel."),
    Payment.Status.CANCELLING: _("The payment is already being cancelled."),
    Payment.Status.CANCELLED: _("The payment is already cancelled."),
    Payment.Status.REFUNDING: _("The payment is already being refunded."),
    Payment.Status.REFUNDED: _("The payment is already refunded."),
}

_WHY = "Why it stands where it does and what comes next, for people; for the shop's staff."


class AttemptSerializer(serializers.ModelSerializer[CancellationAttempt]):
    """One call and what came of it; the bodies stay in the admin."""

    serializer_field_mapping = FIELDS
    serializer_choice_field = WordField
    error = error_field()

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
            "cause",
            "detail",
            "cancel_time",
            "payment_status",
            "refund_status",
            "trace_id",
        ]


class CancellationSerializer(serializers.ModelSerializer[Cancellation]):
    """One wish to cancel a payment, and how it ended."""

    serializer_field_mapping = FIELDS
    serializer_choice_field = WordField

    # As below: the context must give `may_read_reason`, which says of a cancellation whether the
    # person who asks may read who wanted it and why, and `acts_for_shop`, which says of a payment
    # whether that person is one of the shop's staff.

    error = error_field()
    reason = serializers.SerializerMethodField(
        help_text="For the shop's staff and whoever asked; empty for others."
    )
    requested_by_name = serializers.SerializerMethodField(
        help_text="For the shop's staff and whoever asked; empty for others."
    )
    message = serializers.SerializerMethodField(
        help_text="What became of it and what to do, in the language of the request: a sentence "
        "for the shop's staff, or, for anybody else, one for the buyer."
    )
    attempts = AttemptSerializer(
        many=True, read_only=True, help_text="For the shop's staff; empty for others."
    )

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
            "or_refund",
            "means",
            "refund_id",
            "refund_value",
            "refund_currency",
            "attempts",
        ]

    def to_representation(self, instance: Cancellation) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        return shown if self._is_for_staff(instance) else _for_buyer(shown, instance)

    def get_message(self, cancellation: Cancellation) -> str:
        for_staff = self._is_for_staff(cancellation)
        return cancellation_message(cancellation) if for_staff else buyer_message(cancellation)

    def _is_for_staff(self, cancellation: Cancellation) -> bool:
        return bool(self.context["acts_for_shop"](cancellation.payment))

    def get_reason(self, cancellation: Cancellation) -> str:
        return cancellation.reason if self._may_read_reason(cancellation) else ""

    def get_requested_by_name(self, cancellation: Cancellation) -> str:
        return cancellation.requested_by_name if self._may_read_reason(cancellation) else ""

    def _may_read_reason(self, cancellation: Cancellation) -> bool:
        return bool(self.context["may_read_reason"](cancellation))


def _for_buyer(shown: dict[str, Any], cancellation: Cancellation) -> dict[str, Any]:
    """Return the same without what is the shop's own affair: its balance, its keys, its calls."""
    step = NextStep.WAIT if cancellation.is_open else advice(cancellation)
    told = step in (NextStep.WAIT, NextStep.REFUND)
    kept_back = {"result_code": "", "result_message": "", "error": "", "attempts": []}
    return {**shown, **kept_back, "next_step": step if told else NextStep.NONE}


class CancellationDetailSerializer(CancellationSerializer):
    """One wish to cancel a payment, with why it stands where it does."""

    why = serializers.SerializerMethodField(help_text=_WHY)

    class Meta(CancellationSerializer.Meta):
        fields = read_only_fields = [*CancellationSerializer.Meta.fields, "why"]

    def get_why(self, cancellation: Cancellation) -> str:
        payment = cancellation.payment
        return str(explain(payment)) if self.context["may_operate"](payment) else ""


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """A payment, and whether the person who asks may have it cancelled."""

    serializer_field_mapping = FIELDS
    serializer_choice_field = WordField

    # Public documents take the docstring, so this stands here: the context must give
    # `why_not_cancel`, which says of a payment why the person who asks is refused, or "".

    amount = serializers.CharField(
        read_only=True, help_text='For people, e.g. "12.50 USD"; empty when unknown.'
    )
    can_cancel = serializers.SerializerMethodField(
        help_text="Whether the person who asks can have this payment cancelled now."
    )
    why_not = serializers.SerializerMethodField(
        help_text="Why not, for people; empty while can_cancel is true."
    )

    can_refund = serializers.SerializerMethodField(
        help_text="Whether a wish of the person who asks may say or_refund now."
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
            "can_refund",
            "authorized_at",
            "paid_at",
            "failed_at",
            "cancelled_at",
            "refunded_at",
            "checked_at",
            "checked_status",
            "created_at",
            "updated_at",
        ]

    def get_can_cancel(self, payment: Payment) -> bool:
        return not self.get_why_not(payment)

    def get_can_refund(self, payment: Payment) -> bool:
        return bool(self.context["may_refund"](payment)) and self.get_can_cancel(payment)

    def get_why_not(self, payment: Payment) -> str:
        if not can_proceed(payment.begin_cancellation):
            return str(_WHY_NOT[Payment.Status(payment.status)])
        return str(self.context["why_not_cancel"](payment))


class PaymentDetailSerializer(PaymentSerializer):
    """A payment with its newest cancellations, at most 50; all of them are on pages."""

    why = serializers.SerializerMethodField(help_text=_WHY)
    cancellations = CancellationSerializer(many=True, read_only=True)

    class Meta(PaymentSerializer.Meta):
        fields = read_only_fields = [*PaymentSerializer.Meta.fields, "why", "cancellations"]

    def get_why(self, payment: Payment) -> str:
        return str(explain(payment)) if self.context["may_operate"](payment) else ""
