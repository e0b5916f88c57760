"""Cancellations in the admin: the list, the page with each call, and what is done in review."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin.base import ReadOnlyAdmin
from django_alipay_cancel.admin.blocks import block
from django_alipay_cancel.admin.carrying_out import carry_out, tell
from django_alipay_cancel.admin.confirming import clean_text
from django_alipay_cancel.admin.explaining import Told, outcome, why_not_check
from django_alipay_cancel.admin.filters import BatchFilter
from django_alipay_cancel.admin.overview import overview
from django_alipay_cancel.admin.permissions import may_cancel, may_close, may_see_bodies, may_view
from django_alipay_cancel.admin.showing import cancellation_badge, moment, step_label
from django_alipay_cancel.models import NOTE_LENGTH, Cancellation, Payment


class ClosingForm(forms.Form):
    """What a person knows of the payment, and from where."""

    cancelled = forms.TypedChoiceField(
        label=_("What became of the payment"),
        choices=[
            ("yes", _("It is cancelled: any money paid has gone or goes back to the buyer.")),
            ("no", _("It is not cancelled: the payment is what it was before.")),
        ],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=_("How this is known"),
        max_length=NOTE_LENGTH,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 4}),
        help_text=_("For instance: who at Alipay's support said so, and when."),
    )

    def clean_note(self) -> str:
        # A browser writes line ends as two characters, which max_length has counted as such.
        return clean_text(self.cleaned_data["note"], NOTE_LENGTH)


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    page_template = "cancellation.html"
    list_display = ["name", "state", "step", "source", "asked_by", "created", "finished"]
    list_filter = ["status", "next_step", "source", BatchFilter]
    list_select_related = ["payment"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the cancellations of the payments that PaymentAdmin.get_queryset returns."""
        cancellations = super().get_queryset(request).select_related("payment")
        payments = self.admin_site.get_model_admin(Payment).get_queryset(request)
        if payments.query.has_filters():
            return cancellations.filter(payment__in=payments)
        return cancellations

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term.strip():
            # Payments first: a condition over columns of two tables could use no index.
            queryset = queryset.filter(payment__in=self.found(request, search_term))
        return queryset, False

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().list_context(request)
        return {**context, "overview": overview(self.cancellations(request))}

    @admin.display(description=_("payment"))
    def name(self, cancellation: Cancellation) -> str:
        return str(cancellation.payment)

    @admin.display(description=_("status"))
    def state(self, cancellation: Cancellation) -> SafeString:
        return cancellation_badge(cancellation)

    @admin.display(description=_("next step"))
    def step(self, cancellation: Cancellation) -> str:
        return step_label(cancellation)

    @admin.display(description=_("requested by"))
    def asked_by(self, cancellation: Cancellation) -> str:
        return cancellation.requested_by_name

    @admin.display(description=_("created at"), ordering="created_at")
    def created(self, cancellation: Cancellation) -> SafeString | str:
        return moment(cancellation.created_at)

    @admin.display(description=_("finished at"))
    def finished(self, cancellation: Cancellation) -> SafeString | str:
        return moment(cancellation.finished_at)

    def has_view_permission(self, request: HttpRequest, obj: Cancellation | None = None) -> bool:
        return may_view(request.user, obj)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.route("<uuid:object_id>/retry/", self.retry_view, "cancellation_retry"),
            self.route("<uuid:object_id>/close/", self.close_view, "cancellation_close"),
            *super().get_urls(),
        ]

    def retry_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask again: start the schedule of one in review anew; the worker makes the call."""
        cancellation = self.find(request, object_id)
        if not may_cancel(request.user, cancellation.payment):
            raise PermissionDenied

        def work() -> Told:
            services.retry_cancellation(cancellation, requested_by=request.user)
            return outcome(cancellation)

        if request.method == "POST":  # a GET comes here after a sign-in that had expired
            told = carry_out(self, request, cancellation.payment, gettext("Asked again."), work)
            tell(self, request, [(cancellation.payment, told)])
        return redirect(self.page_url(cancellation))

    def close_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Close by hand: take a named person's word for what became of the payment."""
        cancellation = self.find(request, object_id)
        if not may_close(request.user, cancellation):
            raise PermissionDenied
        form = ClosingForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            self._close(request, cancellation, **form.cleaned_data)
            return redirect(self.page_url(cancellation))
        context = {
            "title": gettext("Close by hand"),
            "original": cancellation,
            "form": form,
            "shown": block(self, request, cancellation),
            "back_url": self.page_url(cancellation),
        }
        return self.render(request, "close.html", context)

    def _close(
        self, request: HttpRequest, cancellation: Cancellation, *, cancelled: bool, note: str
    ) -> None:
        def work() -> Told:
            services.close_cancellation(
                cancellation, cancelled=cancelled, closed_by=request.user, note=note
            )
            return Told(messages.SUCCESS, outcome(cancellation).text)

        told = carry_out(self, request, cancellation.payment, gettext("Closed by hand."), work)
        tell(self, request, [(cancellation.payment, told)])

    def page_context(self, request: HttpRequest, cancellation: Cancellation) -> dict[str, Any]:
        payment = cancellation.payment
        payments = self.admin_site.get_model_admin(Payment)
        may_see_payment = payments.has_view_permission(request, payment)
        shown = block(self, request, cancellation)
        cannot_check = why_not_check(payment, permitted=may_cancel(request.user, payment))
        return {
            "title": gettext("Cancellation of %(payment)s") % {"payment": payment},
            "shown": shown,
            "why_not": list(dict.fromkeys(filter(None, (cannot_check, shown.why_not_again)))),
            "payment": payment,
            "payment_url": self.page_url(payment) if may_see_payment else "",
            "refresh_url": "" if cannot_check else self.url("payment_refresh", payment.pk),
            "bodies": may_see_bodies(request.user),
        }
