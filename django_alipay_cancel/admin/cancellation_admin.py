"""Cancellations in the admin: the list, the page with each call, and what is done in review."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin import each_selected, refund_advice, selecting, sheet
from django_alipay_cancel.admin.allowed import may_cancel, may_close, may_see_bodies, may_view
from django_alipay_cancel.admin.blocks import block
from django_alipay_cancel.admin.closing import ClosingPage
from django_alipay_cancel.admin.filters import (
    BatchFilter,
    CreatedFilter,
    FinishedFilter,
    PaymentMerchantFilter,
    PersonFilter,
    StatusFilter,
)
from django_alipay_cancel.admin.morning import morning
from django_alipay_cancel.admin.notes import told_in
from django_alipay_cancel.admin.overview import overview, today_here
from django_alipay_cancel.admin.paid_later import PaidLaterFilter, paid_later
from django_alipay_cancel.admin.payment_admin import MOST_ATTEMPTS, PaymentAdmin, check
from django_alipay_cancel.admin.question import Question
from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin
from django_alipay_cancel.admin.run_action import carry_out, tell_results
from django_alipay_cancel.admin.sentences import Told, outcome, until_quiet, why_not_check
from django_alipay_cancel.admin.showing import (
    attempt_line,
    payment_badge,
    short_badge,
    short_moment,
    step_label,
)
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.actor import name_of
from django_alipay_cancel.wording import joined


@admin.register(Cancellation)
class CancellationAdmin(ReadOnlyAdmin):
    page_template = "cancellation.html"
    list_display = ["name", "state", "step", "money", "asked_by", "created", "finished"]
    list_filter = [
        ("status", StatusFilter),
        "next_step",
        "source",
        CreatedFilter,
        FinishedFilter,
        PersonFilter,
        PaymentMerchantFilter,
        BatchFilter,
        PaidLaterFilter,
    ]
    search_help_text = _(
        "Whole references or IDs, at most 500, as you paste them. Or, among the newest 10,000: a "
        "person, a batch, a piece of the reason or of the note."
    )
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
            found = self.look_up(request, search_term)
            if not found.keys and (told := told_in(self.cancellations(request), search_term)):
                return queryset.filter(pk__in=told), False
            # Payments first: a condition over columns of two tables could use no index.
            queryset = queryset.filter(payment__in=self.found(request, found))
        return queryset, False

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().list_context(request)
        today = {"person": name_of(request.user), "created_from": str(today_here())}
        context["mine_today_url"] = f"?{urlencode(today)}"
        # Above what was searched or filtered it would say nothing, and only take time.
        if set(request.GET) <= {PAGE_VAR, ALL_VAR, ORDER_VAR}:
            mine = self.cancellations(request)
            context |= {
                "morning": morning(self, request),
                "overview": overview(mine),
                "paid_later": paid_later(mine).count(),
            }
        return context

    @admin.display(description=_("payment"))
    def name(self, cancellation: Cancellation) -> str:
        return str(cancellation.payment)

    @admin.display(description=_("status, payment"))
    def state(self, cancellation: Cancellation) -> SafeString:
        badges = short_badge(cancellation), payment_badge(cancellation.payment)
        return format_html("{}<br>{}", *badges)

    @admin.display(description=_("next step"))
    def step(self, cancellation: Cancellation) -> SafeString:
        lines = _two_lines(step_label(cancellation), cancellation.result_code)
        url = refund_advice.url_of(cancellation)
        if not url:
            return lines
        return format_html(
            '{} <a class="alipay-link" href="{}">{}</a>', lines, url, gettext("Refund in the shop")
        )

    @admin.display(description=_("amount"))
    def money(self, cancellation: Cancellation) -> SafeString:
        return format_html('<span class="alipay-amount">{}</span>', cancellation.payment.amount)

    @admin.display(description=_("requested by"))
    def asked_by(self, cancellation: Cancellation) -> SafeString:
        name = cancellation.requested_by_name or cancellation.get_source_display()
        return _two_lines(name, cancellation.reason)

    @admin.display(description=_("created at"), ordering="created_at")
    def created(self, cancellation: Cancellation) -> SafeString | str:
        return short_moment(cancellation.created_at)

    @admin.display(description=_("finished at"))
    def finished(self, cancellation: Cancellation) -> SafeString | str:
        return short_moment(cancellation.finished_at)

    def has_view_permission(self, request: HttpRequest, obj: Cancellation | None = None) -> bool:
        return may_view(request.user, obj)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.route("<uuid:object_id>/retry/", self.retry_view, "cancellation_retry"),
            self.route("<uuid:object_id>/close/", self.close_view, "cancellation_close"),
            self.route("close/", self.close_many_view, "cancellation_close_many"),
            self.route("batch/<uuid:batch>/", self.batch_view, "batch"),
            self.route("batch/<uuid:batch>/csv/", self.batch_csv_view, "batch_csv"),
            *super().get_urls(),
        ]

    def retry_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Ask again, or try now what waits for its time; the worker makes the call."""
        cancellation = self.find(request, object_id)
        if not self.may_cancel(request, cancellation.payment):
            raise PermissionDenied

        def work() -> Told:
            told = self._ask_again(request, cancellation)
            return told._replace(text=joined([told.text, until_quiet(cancellation)]))

        if request.method == "POST":  # a GET comes here after a sign-in that had expired
            told = carry_out(self, request, cancellation.payment, gettext("Asked again."), work)
            tell_results(self, request, [(cancellation.payment, told)])
        return redirect(self.page_url(cancellation))

    def close_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Close by hand: take a named person's word for what became of the payment."""
        return ClosingPage(self, request).close_one(object_id)

    def close_many_view(self, request: HttpRequest) -> HttpResponse:
        """Close several by hand, on one word and one note."""
        return ClosingPage(self, request).close_many()

    def batch_view(self, request: HttpRequest, batch: UUID) -> HttpResponse:
        """Show what became of everything that was asked for together."""
        return sheet.show(self, request, batch)

    def batch_csv_view(self, request: HttpRequest, batch: UUID) -> StreamingHttpResponse:
        """Return the same as a CSV file."""
        return sheet.as_csv(self, request, batch)

    def _ask_again(self, request: HttpRequest, cancellation: Cancellation) -> Told:
        if refused := self.why_refused(request, cancellation.payment):
            return Told(messages.ERROR, refused)
        services.retry_cancellation(cancellation, requested_by=request.user)
        return outcome(cancellation)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may_cancel(request.user)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return may_close(request.user)

    @admin.action(description=_("Ask again"), permissions=["cancel"])
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        def work(cancellation: Cancellation) -> Told:
            return self._ask_again(request, cancellation)

        each_selected.each(self, request, queryset, wish=gettext("Asked again."), work=work)

    @admin.action(description=_("Check now"), permissions=["cancel"])
    def check_now(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        def work(cancellation: Cancellation) -> Told:
            payment = cancellation.payment
            if refused := why_not_check(payment, permitted=self.may_cancel(request, payment)):
                return Told(messages.ERROR, refused)
            return check(payment, request.user)

        each_selected.each(self, request, queryset, wish=gettext("Checked now."), work=work)

    @admin.action(description=_("Cancel again (rejected for the balance)"), permissions=["cancel"])
    def cancel_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        for_balance = queryset.filter(
            status=Cancellation.Status.REJECTED, next_step=NextStep.TOP_UP_BALANCE
        )
        newest_first = for_balance.order_by("-created_at", "-pk").values_list("payment", flat=True)
        keys = list(dict.fromkeys(newest_first[: selecting.MOST_SELECTED + 1]))
        if keys:
            payments = cast(PaymentAdmin, self.admin_site.get_model_admin(Payment))
            return Question(payments, request).ask(keys)
        none = gettext("None of the selected cancellations was rejected for the balance.")
        self.message_user(request, none, messages.ERROR)
        return None

    @admin.action(description=_("Close by hand"), permissions=["close"])
    def close_by_hand(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse:
        return ClosingPage(self, request).ask(queryset)

    def page_context(self, request: HttpRequest, cancellation: Cancellation) -> dict[str, Any]:
        payment = cancellation.payment
        payments = self.admin_site.get_model_admin(Payment)
        may_see_payment = payments.has_view_permission(request, payment)
        shown = block(self, request, cancellation)
        attempts = list(cancellation.attempts.order_by("-number")[: MOST_ATTEMPTS + 1])
        cannot_check = why_not_check(payment, permitted=self.may_cancel(request, payment))
        return {
            **super().page_context(request, cancellation),
            "title": gettext("Cancellation of %(payment)s") % {"payment": payment},
            "shown": shown,
            "lines": [attempt_line(attempt) for attempt in reversed(attempts[:MOST_ATTEMPTS])],
            "older_attempts": len(attempts) > MOST_ATTEMPTS,
            "why_not": list(dict.fromkeys(filter(None, (cannot_check, shown.why_not_again)))),
            "payment": payment,
            "payment_url": self.page_url(payment) if may_see_payment else "",
            "refresh_url": "" if cannot_check else self.url("payment_refresh", payment.pk),
            "bodies": may_see_bodies(request.user),
        }


def _two_lines(above: str, below: str) -> SafeString:
    return format_html('{} <span class="alipay-step">{}</span>', above, below)
