"""Cancellations in the admin: the list, the page with each call, and what is done in review."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin import bulk, closing, confirming, selecting
from django_alipay_cancel.admin.base import ReadOnlyAdmin
from django_alipay_cancel.admin.blocks import block
from django_alipay_cancel.admin.carrying_out import carry_out, tell
from django_alipay_cancel.admin.explaining import Told, outcome, why_not_check
from django_alipay_cancel.admin.filters import BatchFilter
from django_alipay_cancel.admin.overview import overview
from django_alipay_cancel.admin.payments import PaymentAdmin, check
from django_alipay_cancel.admin.permissions import may_cancel, may_close, may_see_bodies, may_view
from django_alipay_cancel.admin.showing import attempt_line, cancellation_badge, moment, step_label
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.models import Cancellation, Payment


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    page_template = "cancellation.html"
    list_display = ["name", "state", "step", "source", "asked_by", "created", "finished"]
    list_filter = ["status", "next_step", "source", BatchFilter]
    list_select_related = ["payment"]
    actions = ["ask_again", "check_now", "cancel_again", "close_by_hand"]

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
        # Above what was searched or filtered it would say nothing, and only take time.
        if set(request.GET) <= {PAGE_VAR, ALL_VAR, ORDER_VAR}:
            context["overview"] = overview(self.cancellations(request))
        return context

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
            self.route("close/", self.close_many_view, "cancellation_close_many"),
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
        return closing.close_one(self, request, object_id)

    def close_many_view(self, request: HttpRequest) -> HttpResponse:
        """Close several by hand, on one word and one note."""
        return closing.close_many(self, request)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may_cancel(request.user)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return may_close(request.user)

    @admin.action(description=_("Ask again"), permissions=["cancel"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        def work(cancellation: Cancellation) -> Told:
            services.retry_cancellation(cancellation, requested_by=request.user)
            return outcome(cancellation)

        bulk.each(self, request, queryset, wish=gettext("Asked again."), work=work)

    @admin.action(description=_("Check now"), permissions=["cancel"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        def work(cancellation: Cancellation) -> Told:
            return check(cancellation.payment)

        bulk.each(self, request, queryset, wish=gettext("Checked now."), work=work)

    @admin.action(description=_("Cancel again (rejected for the balance)"), permissions=["cancel"])
    def cancel_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        for_balance = queryset.filter(
            status=Cancellation.Status.REJECTED, next_step=NextStep.TOP_UP_BALANCE
        )
        newest_first = for_balance.order_by("-created_at", "-pk").values_list("payment", flat=True)
        keys = list(dict.fromkeys(newest_first[: selecting.MOST + 1]))
        if keys:
            payments = cast(PaymentAdmin, self.admin_site.get_model_admin(Payment))
            return confirming.ask(payments, request, keys)
        none = gettext("None of the selected cancellations was rejected for the balance.")
        self.message_user(request, none, messages.ERROR)
        return None

    @admin.action(description=_("Close by hand"), permissions=["close"])
    def close_by_hand(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        return closing.ask(self, request, queryset)

    def page_context(self, request: HttpRequest, cancellation: Cancellation) -> dict[str, Any]:
        payment = cancellation.payment
        payments = self.admin_site.get_model_admin(Payment)
        may_see_payment = payments.has_view_permission(request, payment)
        shown = block(self, request, cancellation)
        cannot_check = why_not_check(payment, permitted=may_cancel(request.user, payment))
        return {
            **super().page_context(request, cancellation),
            "title": gettext("Cancellation of %(payment)s") % {"payment": payment},
            "shown": shown,
            "lines": [attempt_line(attempt) for attempt in cancellation.attempts.all()],
            "why_not": list(dict.fromkeys(filter(None, (cannot_check, shown.why_not_again)))),
            "payment": payment,
            "payment_url": self.page_url(payment) if may_see_payment else "",
            "refresh_url": "" if cannot_check else self.url("payment_refresh", payment.pk),
            "bodies": may_see_bodies(request.user),
        }
