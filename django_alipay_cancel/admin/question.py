"""The page between the wish to cancel payments and the calls: what will happen, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from django_alipay_cancel.admin import selecting
from django_alipay_cancel.admin.confirmed import Order, cancel_few, cancel_many
from django_alipay_cancel.admin.given_lines import lines_given
from django_alipay_cancel.admin.question_rows import QuestionRow, row_of
from django_alipay_cancel.admin.reason_form import REASONS, ReasonForm, offered
from django_alipay_cancel.admin.run_action import FEW, tell_results
from django_alipay_cancel.admin.sentences import Told, why_not
from django_alipay_cancel.admin.totals import Totals
from django_alipay_cancel.models import REASON_LENGTH, Payment
from django_alipay_cancel.services.batches import record_batch
from django_alipay_cancel.services.permitting import may_refund, why_refused

if TYPE_CHECKING:
    from django_alipay_cancel.admin.payment_admin import PaymentAdmin

_SELECTION = "payments"


class Unusable(Exception):
    """This selection cannot be cancelled as a whole; the text says why to the person."""


@dataclass(frozen=True)
class Choice:
    """The selected payments, each asked for: the first hundred are shown as rows."""

    keys: list[UUID]
    rows: list[QuestionRow] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    permitted: list[Payment] = field(default_factory=list)
    refused: list[tuple[Payment, Told]] = field(default_factory=list)

    @property
    def is_large(self) -> bool:
        """Whether there are more than the page shows one by one, and than an address holds."""
        return len(self.keys) > selecting.IN_ADDRESS


@dataclass(frozen=True)
class Question:
    """The page for one request of one person."""

    model_admin: PaymentAdmin
    request: HttpRequest

    def url(self, keys: list[UUID], *, reason: str = "", or_refund: bool = False) -> str:
        """Return the address of the confirmation page for these payments, few enough for one."""
        query = {_SELECTION: selecting.write_keys(keys)}
        if or_refund:
            query["or_refund"] = "1"
        if reason:
            query["reason"] = reason
        address = f"{self.model_admin.url('payment_cancel')}?{urlencode(query)}"
        return self._keeping_filters(address)

    def ask(self, keys: list[UUID]) -> HttpResponse:
        """Answer a bulk action: the page for these payments, or a sentence that they are too many.

        What fits there is kept in the address, so that an expired sign-in does not lose it; more is
        kept in a field of the form.
        """
        if len(keys) > selecting.MOST_SELECTED:
            self.model_admin.message_user(self.request, selecting.too_many(), messages.ERROR)
            return redirect(self.request.get_full_path())
        if len(keys) <= selecting.IN_ADDRESS:
            return redirect(self.url(keys))
        return self._page(keys, self._form())

    def confirm(self) -> HttpResponse:
        """Show the page (GET: nothing is sent), or cancel the payments it is about (POST)."""
        form = self._form()
        if self.request.method == "POST":
            form = offered(ReasonForm(self.request.POST), self.request)
        if self.request.method == "POST" and form.is_valid():
            return self._cancel(**form.cleaned_data)
        return self._page(self._selection(), form)

    def show(self) -> HttpResponse:
        """Show the page for a selection that a form brings; nothing is sent."""
        return self._page(self._selection(), self._form())

    def sign_in_first(self) -> HttpResponse:
        """Answer a yes that came after the sign-in had expired: nothing that was given is lost.

        A selection that fits goes through the sign-in page within the address. A larger one stays
        in a form, which is sent on after signing in beside it.
        """
        keys = self._selection()
        reason = self.request.POST.get("reason", "")[:REASON_LENGTH]
        login_url = reverse("admin:login", current_app=self.model_admin.admin_site.name)
        if len(keys) <= selecting.IN_ADDRESS:
            or_refund = "or_refund" in self.request.POST
            address = self.url(keys, reason=reason, or_refund=or_refund)
            return redirect_to_login(address, login_url)
        address = self._keeping_filters(self.model_admin.url("payment_select"))
        context = {
            "title": gettext("Your sign-in has expired"),
            "login_url": login_url,
            "select_url": address,
            "selection": selecting.write_keys(keys),
            "reason": reason,
        }
        response = self.model_admin.render(self.request, "signed_out.html", context)
        response.status_code = 403
        return response

    def _form(self) -> ReasonForm:
        given = self.request.POST if self.request.method == "POST" else self.request.GET
        reason = given.get("reason", "")[:REASON_LENGTH]
        initial = {"reason": reason, "token": uuid4().hex, "or_refund": "or_refund" in given}
        return offered(ReasonForm(initial=initial), self.request)

    def _selection(self) -> list[UUID]:
        given = self.request.POST.get(_SELECTION) or self.request.GET.get(_SELECTION, "")
        return selecting.read_keys(given)

    def _choice(self, keys: list[UUID]) -> Choice:
        """Return what is selected as it is now; raises PermissionDenied and Unusable."""
        if len(keys) > selecting.MOST_SELECTED:
            raise Unusable(selecting.too_many())
        choice = Choice(keys)
        may_any = self.model_admin.has_cancel_permission(self.request)
        payments = self.model_admin.get_queryset(self.request).select_related("customer")
        for some in selecting.slices(payments, keys):
            for payment in some:
                permitted = self.model_admin.may_cancel(self.request, payment)
                may_any = may_any or permitted
                refused = why_refused(self.request.user, payment, permitted=permitted)
                self._add(choice, payment, refused)
            if not may_any:  # nor would they of the rest: ten thousand questions take time
                break
        if not may_any:
            raise PermissionDenied
        if not choice.rows:
            raise Unusable(gettext("The selected payments were not found."))
        return choice

    def _add(self, choice: Choice, payment: Payment, refused: str) -> None:
        if refused:
            choice.refused.append((payment, Told(messages.ERROR, refused)))
        else:
            choice.permitted.append(payment)
        problem = why_not(payment, refused=refused)
        choice.totals.add(payment, problem)
        if len(choice.rows) == selecting.IN_ADDRESS:
            return
        choice.rows.append(row_of(self.model_admin, payment, problem))

    def _page(self, keys: list[UUID], form: ReasonForm) -> HttpResponse:
        try:
            choice = self._choice(keys)
        except Unusable as problem:
            return self._back_with(problem)
        count = choice.totals.count
        address = self.model_admin.url("payment_cancel")
        context = {
            "title": ngettext("Cancel this payment?", "Cancel these payments?", len(keys)),
            "rows": choice.rows,
            "totals": choice.totals,
            "not_shown": len(keys) - len(choice.rows) if choice.is_large else 0,
            "form": form,
            "reasons": REASONS,
            "submit": ngettext("Yes, cancel the payment", "Yes, cancel %(count)d payments", count)
            % {"count": count},
            "cancel_url": self._keeping_filters(address) if choice.is_large else self.url(keys),
            "selection": selecting.write_keys(keys) if choice.is_large else "",
            "back_url": self._way_back(choice),
        }
        return self.model_admin.render(self.request, "confirm.html", context)

    def _cancel(self, *, reason: str, token: UUID, or_refund: bool = False) -> HttpResponse:
        """Cancel what can be; the services say of each payment what it is now."""
        try:
            choice = self._choice(self._selection())
        except Unusable as problem:
            return self._back_with(problem)
        not_allowed = {payment.pk for payment, _told in choice.refused}
        lines = lines_given(self.model_admin, self.request, dict.fromkeys(choice.keys), not_allowed)
        is_new = record_batch(token, lines, requested_by=self.request.user, reason=reason)
        # A page of one number is the payment's own.
        sheet_url = self.model_admin.url("batch", token) if len(lines) > 1 else ""
        way_on = sheet_url or self._way_back(choice)
        if not is_new:
            sent_before = gettext("This was sent before, and nothing was asked for anew.")
            self.model_admin.message_user(self.request, sent_before, messages.WARNING)
            return redirect(way_on)
        batch = token if sheet_url else None
        few = len(choice.permitted) <= FEW
        # Few are asked for one by one below.
        if or_refund and not few and not self._may_refund_all(choice):
            or_refund = False
        order = Order(
            request=self.request,
            reason=reason,
            batch=batch,
            sheet_url=sheet_url,
            or_refund=or_refund,
        )
        tell_results(self.model_admin, self.request, choice.refused)
        if few:
            results = cancel_few(self.model_admin, order, choice.permitted)
            tell_results(self.model_admin, self.request, results)
        else:
            cancel_many(self.model_admin, order, choice.permitted)
        return redirect(way_on)

    def _may_refund_all(self, choice: Choice) -> bool:
        """Whether each may be refunded by this person, who is told when not."""
        if all(may_refund(self.request.user, payment) for payment in choice.permitted):
            return True
        sentence = gettext(
            "None of these is refunded: you do not have permission to have all of them refunded."
        )
        self.model_admin.message_user(self.request, sentence, messages.WARNING)
        return False

    def _back_with(self, problem: Unusable) -> HttpResponse:
        self.model_admin.message_user(self.request, str(problem), messages.ERROR)
        return redirect(self._list_url())

    def _way_back(self, choice: Choice) -> str:
        return choice.rows[0].url if len(choice.rows) == 1 else self._list_url()

    def _list_url(self) -> str:
        return self._keeping_filters(self.model_admin.url("payment_changelist"))

    def _keeping_filters(self, address: str) -> str:
        filters = self.model_admin.get_preserved_filters(self.request)
        kept: str = add_preserved_filters(
            {"preserved_filters": filters, "opts": self.model_admin.opts}, address
        )
        return kept
