"""One of several words, as all serializers of this API give and take it."""

from __future__ import annotations

from rest_framework import serializers

from django_alipay_cancel.alipay.results import ERRORS


class WordField(serializers.ChoiceField):
    """A ChoiceField that the OpenAPI document can tell from the shop's own."""


def error_field() -> WordField:
    """Return the field that names one of ERRORS."""
    return WordField(
        choices=["", *ERRORS],
        read_only=True,
        help_text="Why there is no answer that can be trusted; empty when there is one.",
    )
