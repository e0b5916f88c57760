"""Why payments are cancelled, and whether they are refunded when that can no longer be."""

from __future__ import annotations

from uuid import UUID, uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.admin import selecting
from django_alipay_cancel.models import REASON_LENGTH
from django_alipay_cancel.refund_wording import FEE
from django_alipay_cancel.services.given import validate_text
from django_alipay_cancel.services.permitting import may_refund

# Suggestions: people write what they want.
REASONS = (
    _("The buyer asked for it"),
    _("Duplicate payment"),
    _("Wrong order"),
    _("Out of stock"),
    _("No payment result"),
    _("Other"),
)


class ReasonForm(forms.Form):
    """Why the payments are cancelled; kept with each cancellation, not sent to Alipay."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.TextInput(
            attrs={"class": "vTextField", "autocomplete": "off", "list": "alipay-reasons"}
        ),
        help_text=_("For your records; Alipay and the buyer do not see it."),
    )

    or_refund = forms.BooleanField(
        label=_("If it can no longer be cancelled, refund all of it"),
        required=False,
        help_text=FEE,
    )
    # One for each page that asks: sent again, by Back or a second click, it does nothing anew.
    token = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_token(self) -> UUID:
        return next(iter(selecting.read_keys(self.cleaned_data["token"])), uuid4())

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        return clean_text(reason, REASON_LENGTH)


def offered(form: ReasonForm, request: HttpRequest) -> ReasonForm:
    """Offer a refund only where it is switched on, and to those who may have one."""
    if not may_refund(request.user):
        del form.fields["or_refund"]
    return form


def clean_text(text: str, limit: int) -> str:
    """Return text that a service will take; raises ValidationError in the person's language."""
    try:
        validate_text("text", text, limit)
    except ValidationError:
        raise ValidationError(gettext("Control characters are not allowed.")) from None
    return text
