"""Payments in the admin: the list, and the page with every attempt to cancel one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt

from django_alipay_cancel import services
from django_alipay_cancel.admin import refund_advice
from django_alipay_cancel.admin.allowed import may_cancel, may_close
from django_alipay_cancel.admin.blocks import CancellationBlock, block
from django_alipay_cancel.admin.filters import CreatedFilter, MerchantFilter, StatusFilter
from django_alipay_cancel.admin.next_action import first_act
from django_alipay_cancel.admin.question import Question
from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin
from django_alipay_cancel.admin.run_action import carry_out, tell_results
from django_alipay_cancel.admin.selecting import keys_of
from django_alipay_cancel.admin.sentences import (
    Told,
    late_payment,
    why_not,
    why_not_check,
)
from django_alipay_cancel.admin.showing import (
    LabelledValue,
    facts,
    moment,
    payment_badge,
    short_badge,
    step_label,
)
from django_alipay_cancel.admin.support import support_text
from django_alipay_cancel.admin.timeline import timeline
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.permitting import may_refund


class PaymentChangeList(ChangeList):
    """The list, which reads the cancellations of the shown payments only."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        newest_first = Cancellation.objects.order_by("-created_at", "-id").defer("note")
        self.result_list = list(self.result_list)
        prefetch_related_objects(self.result_list, Prefetch("cancellations", newest_first))


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    page_template = "payment.html"
    list_display = ["name", "money", "state", "last_cancellation", "created"]
    list_filter = [("status", StatusFilter), MerchantFilter, CreatedFilter]
    actions = ["cancel_selected"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PaymentChangeList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term.strip():
            queryset = queryset.filter(
                pk__in=self.found(request, self.look_up(request, search_term))
            )
        return queryset, False

    @admin.display(description=pgettext_lazy("payment", "reference"))
    def name(self, payment: Payment) -> str:
        return str(payment)

    @admin.display(description=_("amount"))
    def money(self, payment: Payment) -> SafeString:
        return format_html('<span class="alipay-amount">{}</span>', payment.amount)

    @admin.display(description=_("payment status"))
    def state(self, payment: Payment) -> SafeString:
        return payment_badge(payment)

    @admin.display(description=_("last cancellation"))
    def last_cancellation(self, payment: Payment) -> SafeString | None:
        last = next(iter(payment.cancellations.all()), None)
        if last is None:
            return None
        return format_html(
            '{} <span class="alipay-step">{}</span>', short_badge(last), step_label(last)
        )

    @admin.display(description=_("created at"), ordering="created_at")
    def created(self, payment: Payment) -> SafeString:
        age = gettext("%(time)s ago") % {"time": timesince(payment.created_at, depth=1)}
        at = moment(payment.created_at)
        return format_html('{} <span class="alipay-step">{}</span>', at, age)

    def has_view_permission(self, request: HttpRequest, obj: Payment | None = None) -> bool:
        # Whoever cancels or closes also sees what became of it.
        return (
            super().has_view_permission(request, obj)
            or self.has_cancel_permission(request, obj)
            or may_close(request.user)
        )

    def has_cancel_permission(self, request: HttpRequest, obj: Payment | None = None) -> bool:
        return may_cancel(request.user, obj)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.route(
                "cancel/", self.cancel_view, "payment_cancel", signed_out=self.signed_out_view
            ),
            self.route("select/", csrf_exempt(self.select_view), "payment_select"),
            self.route("<uuid:object_id>/refresh/", self.refresh_view, "payment_refresh"),
            *super().get_urls(),
        ]

    @admin.action(description=_("Cancel selected payments"), permissions=["cancel"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Payment]) -> HttpResponse:
        return Question(self, request).ask(keys_of(queryset))

    def cancel_view(self, request: HttpRequest) -> HttpResponse:
        """Ask before payments are cancelled (GET), and have them cancelled (POST)."""
        return Question(self, request).confirm()

    def select_view(self, request: HttpRequest) -> HttpResponse:
        """Ask about payments that a form names; no form of another site can do more by it."""
        return Question(self, request).show()

    def signed_out_view(self, request: HttpRequest) -> HttpResponse:
        """Keep what was given to the page while the person signs in again."""
        return Question(self, request).sign_in_first()

    def refresh_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Check now: ask Alipay for the payment's state."""
        payment = self.find(request, object_id)
        if not self.has_cancel_permission(request, payment):
            raise PermissionDenied
        if request.method == "POST":  # a GET comes here after a sign-in that had expired
            told = carry_out(
                self,
                request,
                payment,
                gettext("Checked now."),
                lambda: check(payment, request.user),
            )
            tell_results(self, request, [(payment, told)])
        return redirect(self.page_url(payment))

    def page_context(self, request: HttpRequest, payment: Payment) -> dict[str, Any]:
        permitted = self.has_cancel_permission(request, payment)
        cannot_cancel = why_not(payment, refused=self.why_refused(request, payment))
        cannot_check = why_not_check(payment, permitted=permitted)
        found = list(_cancellations(payment)[: _MOST_SHOWN + 1])
        blocks = [block(self, request, row) for row in found[:_MOST_SHOWN]]
        newest = blocks[0] if blocks else None
        attempts = list(_attempts(payment)[: MOST_ATTEMPTS + 1])
        sentences = (cannot_cancel, cannot_check, newest.why_not_again if newest else "")
        support = support_text(payment, attempts)
        shown_attempts = attempts[:MOST_ATTEMPTS]
        return {
            **super().page_context(request, payment),
            "facts": [LabelledValue(gettext("Amount"), payment.amount), *facts(payment, *_FACTS)],
            "badge": payment_badge(payment),
            "late_payment": late_payment(payment),
            "checked_at": moment(payment.checked_at),
            "why_not": list(dict.fromkeys(filter(None, sentences))),
            "cancel_url": "" if cannot_cancel else Question(self, request).url([payment.pk]),
            "first": first_act(newest.cancellation if newest else None),
            "refund_url": refund_advice.url_of(newest.cancellation) if newest else "",
            "refund_all_url": ""
            if cannot_cancel
            else self._refund_all_url(request, payment, newest),
            "refresh_url": "" if cannot_check else self.url("payment_refresh", payment.pk),
            "why": services.explain(payment).sentences,
            "shown": newest,
            "timeline": timeline(payment, blocks, shown_attempts),
            "older_url": self._older_url(payment) if len(found) > _MOST_SHOWN else "",
            "older_attempts": len(attempts) > MOST_ATTEMPTS,
            "support_text": support,
            "support_rows": support.count("\n") + 2,
        }

    def _refund_all_url(
        self, request: HttpRequest, payment: Payment, newest: CancellationBlock | None
    ) -> str:
        """Return where to ask for a refund in full; "" unless that is the way now, and allowed."""
        if newest is None or not refund_advice.is_the_way(newest.cancellation):
            return ""
        if not may_refund(request.user, payment):
            return ""
        return Question(self, request).url([payment.pk], or_refund=True)

    def _older_url(self, payment: Payment) -> str:
        return f"{self.url('cancellation_changelist')}?{urlencode({'q': str(payment.pk)})}"


_FACTS = (
    "reference",
    "payment_request_id",
    "payment_id",
    "merchant",
    "customer",
    "created_at",
    "authorized_at",
    "paid_at",
    "failed_at",
    "cancelled_at",
    "refunded_at",
)
# Each is a wish of its own: nobody asks so often, but a program may.
_MOST_SHOWN = 20
# Somebody may check one payment ten thousand times: the latest tell how it stands.
MOST_ATTEMPTS = 50


def _attempts(payment: Payment) -> QuerySet[CancellationAttempt]:
    """Return the payment's attempts without their bodies, the newest first."""
    attempts = CancellationAttempt.objects.using(payment.database).filter(payment=payment)
    newest_first: QuerySet[CancellationAttempt] = attempts.order_by("-pk")
    return newest_first.defer("request_body", "response_body")


def _cancellations(payment: Payment) -> QuerySet[Cancellation]:
    """Return the payment's cancellations, the newest first."""
    cancellations = Cancellation.objects.using(payment.database).filter(payment=payment)
    newest_first: QuerySet[Cancellation] = cancellations.order_by("-created_at", "-id")
    return newest_first.select_related("payment")


def check(payment: Payment, person: Any) -> Told:
    """Ask Alipay for the payment's state on this person's behalf, and return what to tell of it."""
    checked_before = payment.checked_at
    services.refresh_payment(payment, requested_by=person)
    if payment.checked_at == checked_before:
        return Told(
            messages.WARNING,
            gettext("Alipay gave no answer that can be trusted. Nothing has changed."),
        )
    return Told(
        messages.SUCCESS,
        gettext("Alipay says of the payment: %(status)s. Payment status here: %(here)s.")
        % {"status": payment.checked_status, "here": payment.get_status_display()},
    )
