"""The page between the wish to cancel payments and the calls: what will happen, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.admin import selecting
from django_alipay_cancel.admin.cancelling import Order, batch_url, cancel_few, cancel_many
from django_alipay_cancel.admin.carrying_out import FEW, tell
from django_alipay_cancel.admin.explaining import NOT_ALLOWED, Told, effect, why_not
from django_alipay_cancel.admin.permissions import may_view
from django_alipay_cancel.admin.showing import payment_badge
from django_alipay_cancel.admin.totals import Part, Totals, parts_of, totals
from django_alipay_cancel.models import REASON_LENGTH, Payment
from django_alipay_cancel.services.requesting import validate_text

if TYPE_CHECKING:
    from django_alipay_cancel.admin.payments import PaymentAdmin

_SELECTION = "payments"

# Suggestions: people write what they want.
_REASONS = (
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

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        return clean_text(reason, REASON_LENGTH)


class Unusable(Exception):
    """This selection cannot be cancelled as a whole; the text says why to the person."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One selected payment; `why_not` is "" when it can be cancelled."""

    payment: Payment
    url: str
    badge: SafeString
    permitted: bool
    effect: str
    why_not: str


@dataclass(frozen=True)
class Choice:
    """The selected payments: all keys, the first hundred rows, and what they add up to."""

    keys: list[UUID]
    rows: list[Row]
    totals: Totals

    @property
    def is_large(self) -> bool:
        """Whether there are more than the page shows one by one, and than an address holds."""
        return len(self.keys) > selecting.IN_ADDRESS


def clean_text(text: str, limit: int) -> str:
    """Return text that a service will take; raises ValidationError in the person's language."""
    try:
        validate_text("text", text, limit)
    except ValidationError:
        raise ValidationError(gettext("Control characters are not allowed.")) from None
    return text


def url(
    model_admin: PaymentAdmin, request: HttpRequest, keys: list[UUID], *, reason: str = ""
) -> str:
    """Return the address of the confirmation page for these payments, few enough for one."""
    query = {_SELECTION: selecting.written(keys)}
    if reason:
        query["reason"] = reason
    address = f"{model_admin.url('payment_cancel')}?{urlencode(query)}"
    return _keeping_filters(model_admin, request, address)


def ask(model_admin: PaymentAdmin, request: HttpRequest, keys: list[UUID]) -> HttpResponse:
    """Answer a bulk action: the page for these payments, or a sentence that they are too many.

    What fits there is kept in the address, so that an expired sign-in does not lose it; more is
    kept in a field of the form.
    """
    if len(keys) > selecting.MOST:
        model_admin.message_user(request, selecting.too_many(), messages.ERROR)
        return redirect(request.get_full_path())
    if len(keys) <= selecting.IN_ADDRESS:
        return redirect(url(model_admin, request, keys))
    return _page(model_admin, request, keys, _form(request))


def confirm(model_admin: PaymentAdmin, request: HttpRequest) -> HttpResponse:
    """Show the page (GET: nothing is sent), or cancel the payments it is about (POST)."""
    form = ReasonForm(request.POST) if request.method == "POST" else _form(request)
    if request.method == "POST" and form.is_valid():
        return _cancel(model_admin, request, form.cleaned_data["reason"])
    return _page(model_admin, request, _selection(request), form)


def show(model_admin: PaymentAdmin, request: HttpRequest) -> HttpResponse:
    """Show the page for a selection that a form brings; nothing is sent."""
    return _page(model_admin, request, _selection(request), _form(request))


def sign_in_first(model_admin: PaymentAdmin, request: HttpRequest) -> HttpResponse:
    """Answer a yes that came after the sign-in had expired: neither selection nor reason is lost.

    A selection that fits goes through the sign-in page within the address. A larger one stays in a
    form, which is sent on after signing in beside it.
    """
    keys = _selection(request)
    reason = request.POST.get("reason", "")[:REASON_LENGTH]
    login_url = reverse("admin:login", current_app=model_admin.admin_site.name)
    if len(keys) <= selecting.IN_ADDRESS:
        return redirect_to_login(url(model_admin, request, keys, reason=reason), login_url)
    address = _keeping_filters(model_admin, request, model_admin.url("payment_select"))
    context = {
        "title": gettext("Your sign-in has expired"),
        "login_url": login_url,
        "select_url": address,
        "selection": selecting.written(keys),
        "reason": reason,
    }
    response = model_admin.render(request, "signed_out.html", context)
    response.status_code = 403
    return response


def _form(request: HttpRequest) -> ReasonForm:
    given = request.POST if request.method == "POST" else request.GET
    return ReasonForm(initial={"reason": given.get("reason", "")[:REASON_LENGTH]})


def _selection(request: HttpRequest) -> list[UUID]:
    return selecting.read(request.POST.get(_SELECTION) or request.GET.get(_SELECTION, ""))


def _choice(model_admin: PaymentAdmin, request: HttpRequest, keys: list[UUID]) -> Choice:
    """Return what is selected as it is now; raises PermissionDenied and Unusable."""
    if len(keys) > selecting.MOST:
        raise Unusable(selecting.too_many())
    payments = model_admin.get_queryset(request)
    # In a selection the newest come first.
    shown = payments.filter(pk__in=keys[: selecting.IN_ADDRESS]).order_by("-created_at", "-id")
    rows = [_row(model_admin, request, payment) for payment in shown]
    may_cancel_all = model_admin.has_cancel_permission(request)
    if not any(row.permitted for row in rows) and not may_cancel_all:
        raise PermissionDenied
    if not rows:
        raise Unusable(gettext("The selected payments were not found."))
    if len(keys) <= selecting.IN_ADDRESS:
        return Choice(keys, rows, totals(_part(row) for row in rows))
    if not may_cancel_all:  # asked one by one, ten thousand questions would take too long
        raise Unusable(selecting.too_many(selecting.IN_ADDRESS))
    return Choice(keys, rows, totals(parts_of(payments, keys)))


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


def _part(row: Row) -> Part:
    return Part(1, row.payment.amount_currency, row.payment.amount_value, row.why_not)


def _page(
    model_admin: PaymentAdmin, request: HttpRequest, keys: list[UUID], form: ReasonForm
) -> HttpResponse:
    try:
        choice = _choice(model_admin, request, keys)
    except Unusable as problem:
        return _back_with(model_admin, request, problem)
    count = choice.totals.count
    address = model_admin.url("payment_cancel")
    context = {
        "title": ngettext("Cancel this payment?", "Cancel these payments?", len(keys)),
        "rows": choice.rows,
        "totals": choice.totals,
        "not_shown": len(keys) - len(choice.rows) if choice.is_large else 0,
        "form": form,
        "reasons": _REASONS,
        "submit": ngettext("Yes, cancel the payment", "Yes, cancel %(count)d payments", count)
        % {"count": count},
        "cancel_url": _keeping_filters(model_admin, request, address)
        if choice.is_large
        else url(model_admin, request, keys),
        "selection": selecting.written(keys) if choice.is_large else "",
        "back_url": _way_back(model_admin, request, choice),
    }
    return model_admin.render(request, "confirm.html", context)


def _cancel(model_admin: PaymentAdmin, request: HttpRequest, reason: str) -> HttpResponse:
    """Cancel what can be; the services say of each payment what it is now."""
    try:
        choice = _choice(model_admin, request, _selection(request))
    except Unusable as problem:
        return _back_with(model_admin, request, problem)
    batch = uuid4() if len(choice.keys) > 1 else None
    order = Order(request=request, reason=reason, batch=batch)
    if choice.is_large:
        cancel_many(model_admin, order, choice.keys)
        return redirect(_landing(model_admin, request, choice, batch))
    tell(
        model_admin,
        request,
        [
            (row.payment, Told(messages.ERROR, str(NOT_ALLOWED)))
            for row in choice.rows
            if not row.permitted
        ],
    )
    payments = [row.payment for row in choice.rows if row.permitted]
    if len(payments) <= FEW:
        tell(model_admin, request, cancel_few(model_admin, order, payments))
    else:
        cancel_many(model_admin, order, [payment.pk for payment in payments])
    return redirect(_landing(model_admin, request, choice, batch))


def _landing(
    model_admin: PaymentAdmin, request: HttpRequest, choice: Choice, batch: UUID | None
) -> str:
    """Return where to look now: at the new cancellations together, where there are any."""
    made = model_admin.cancellations(request).filter(batch=batch)
    if batch is None or not may_view(request.user) or not made.exists():
        return _way_back(model_admin, request, choice)
    return batch_url(model_admin, batch)


def _back_with(model_admin: PaymentAdmin, request: HttpRequest, problem: Unusable) -> HttpResponse:
    model_admin.message_user(request, str(problem), messages.ERROR)
    return redirect(_list_url(model_admin, request))


def _way_back(model_admin: PaymentAdmin, request: HttpRequest, choice: Choice) -> str:
    return choice.rows[0].url if len(choice.rows) == 1 else _list_url(model_admin, request)


def _list_url(model_admin: PaymentAdmin, request: HttpRequest) -> str:
    return _keeping_filters(model_admin, request, model_admin.url("payment_changelist"))


def _keeping_filters(model_admin: PaymentAdmin, request: HttpRequest, address: str) -> str:
    filters = model_admin.get_preserved_filters(request)
    kept: str = add_preserved_filters(
        {"preserved_filters": filters, "opts": model_admin.opts}, address
    )
    return kept
