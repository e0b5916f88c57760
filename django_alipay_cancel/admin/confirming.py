"""The page between the wish to cancel payments and the calls: what will happen, and why."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin.carrying_out import carry_out, tell
from django_alipay_cancel.admin.explaining import NOT_ALLOWED, Told, effect, outcome, why_not
from django_alipay_cancel.admin.showing import payment_badge
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import REASON_LENGTH, Cancellation, Payment
from django_alipay_cancel.services.requesting import validate_text

if TYPE_CHECKING:
    from django_alipay_cancel.admin.payments import PaymentAdmin

# The selection is kept in the address, where an expired sign-in does not lose it; servers take
# some 4,000 characters of it.
MOST = 100
_SELECTION = "payments"


class ReasonForm(forms.Form):
    """Why the payments are cancelled; kept with each cancellation, not sent to Alipay."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=REASON_LENGTH,
        widget=forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off"}),
        help_text=_("For your records; Alipay and the buyer do not see it."),
    )

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        return clean_text(reason, REASON_LENGTH)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One selected payment; `why_not` is "" when it can be cancelled."""

    payment: Payment
    url: str
    badge: SafeString
    permitted: bool
    effect: str
    why_not: str


def clean_text(text: str, limit: int) -> str:
    """Return text that a service will take; raises ValidationError in the person's language."""
    try:
        validate_text("text", text, limit)
    except ValidationError:
        raise ValidationError(gettext("Control characters are not allowed.")) from None
    return text


def url(model_admin: PaymentAdmin, request: HttpRequest, keys: Iterable[UUID]) -> str:
    """Return the address of the confirmation page for these payments."""
    selection = urlencode({_SELECTION: ".".join(key.hex for key in keys)})
    return _keeping_filters(
        model_admin, request, f"{model_admin.url('payment_cancel')}?{selection}"
    )


def too_many() -> str:
    """Return the sentence for a selection that is larger than one page can carry."""
    return gettext(
        "At most %(most)d payments can be cancelled at once here. Select fewer, "
        "or use the command cancel_payments."
    ) % {"most": MOST}


def confirm(model_admin: PaymentAdmin, request: HttpRequest) -> HttpResponse:
    """Show the page (GET: nothing is sent), or cancel the payments it is about (POST)."""
    keys = _selection(request)
    payments = model_admin.get_queryset(request).filter(pk__in=keys[:MOST])
    newest_first = payments.order_by("-created_at", "-id")
    rows = [_row(model_admin, request, payment) for payment in newest_first]
    if not any(row.permitted for row in rows) and not model_admin.has_cancel_permission(request):
        raise PermissionDenied
    if not rows or len(keys) > MOST:
        problem = too_many() if rows else gettext("The selected payments were not found.")
        model_admin.message_user(request, problem, messages.ERROR)
        return redirect(_list_url(model_admin, request))
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        _cancel_all(model_admin, request, rows, form.cleaned_data["reason"])
        return redirect(_way_back(model_admin, request, rows))
    return model_admin.render(request, "confirm.html", _page(model_admin, request, rows, form))


def _selection(request: HttpRequest) -> list[UUID]:
    """Return the keys in the address; one that is none selects nothing."""
    keys = []
    for text in request.GET.get(_SELECTION, "").split("."):
        with suppress(ValueError):
            keys.append(UUID(text))
    return keys


def _row(model_admin: PaymentAdmin, request: HttpRequest, payment: Payment) -> Row:
    permitted = model_admin.has_cancel_permission(request, payment)
    return Row(
        payment=payment,
        url=model_admin.page_url(payment),
        badge=payment_badge(payment),
        permitted=permitted,
        effect=effect(payment),
        why_not=why_not(payment, permitted=permitted),
    )


def _page(
    model_admin: PaymentAdmin, request: HttpRequest, rows: list[Row], form: ReasonForm
) -> dict[str, Any]:
    count = sum(not row.why_not for row in rows)
    return {
        "title": ngettext("Cancel this payment?", "Cancel these payments?", len(rows)),
        "rows": rows,
        "form": form,
        "count": count,
        "submit": ngettext("Yes, cancel the payment", "Yes, cancel %(count)d payments", count)
        % {"count": count},
        "back_url": _way_back(model_admin, request, rows),
    }


def _way_back(model_admin: PaymentAdmin, request: HttpRequest, rows: list[Row]) -> str:
    return rows[0].url if len(rows) == 1 else _list_url(model_admin, request)


def _list_url(model_admin: PaymentAdmin, request: HttpRequest) -> str:
    return _keeping_filters(model_admin, request, model_admin.url("payment_changelist"))


def _keeping_filters(model_admin: PaymentAdmin, request: HttpRequest, address: str) -> str:
    filters = model_admin.get_preserved_filters(request)
    kept: str = add_preserved_filters(
        {"preserved_filters": filters, "opts": model_admin.opts}, address
    )
    return kept


def _cancel_all(
    model_admin: PaymentAdmin, request: HttpRequest, rows: list[Row], reason: str
) -> None:
    """Cancel each payment, whatever became of the one before; when time is up the worker does.

    What the page said is not asked again: between then and now a payment may have moved, and the
    service answers a second click with what became of the first.
    """
    deadline = time.monotonic() + settings.BULK_INLINE_SECONDS
    wish = gettext("Cancellation asked for. Reason: %(reason)s") % {"reason": reason or "-"}
    for row in rows:
        if not row.permitted:
            tell(model_admin, request, row.payment, Told(messages.ERROR, str(NOT_ALLOWED)))
            continue

        def work(payment: Payment = row.payment) -> Told:
            return _cancel(request, payment, reason, now=time.monotonic() < deadline)

        carry_out(model_admin, request, row.payment, wish, work)


def _cancel(request: HttpRequest, payment: Payment, reason: str, *, now: bool) -> Told:
    ask = services.cancel_payment if now else services.request_cancellation
    source = Cancellation.Source.ADMIN
    cancellation = ask(payment, requested_by=request.user, reason=reason, source=source)
    if now or cancellation.status != Cancellation.Status.PENDING:
        return outcome(cancellation)
    return Told(
        messages.WARNING,
        gettext(
            "The cancellation is accepted and the worker carries it out. "
            "Do not refund and do not ask the buyer to pay again yet."
        ),
    )
