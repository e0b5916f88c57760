"""What both admin pages share: read-only rows, one own page each, routes that may call Alipay."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.admin import banners
from django_alipay_cancel.admin.counting import open_counts
from django_alipay_cancel.admin.exporting import export
from django_alipay_cancel.admin.paginating import BoundedPaginator
from django_alipay_cancel.admin.searching import (
    MOST_FOUND,
    MOST_NAMES,
    Found,
    find_payments,
    what_is_wrong,
)
from django_alipay_cancel.admin.selecting import read_keys
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.actor import name_of
from django_alipay_cancel.services.permitting import why_refused

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse | StreamingHttpResponse]
AnyView = TypeVar("AnyView", bound=Callable[..., Any])


def _outside_transactions(view: AnyView) -> AnyView:
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Nobody adds, changes or deletes a row, superusers included: rows move by the services.

    A shop that narrows who sees what overrides `get_queryset`; rows outside it are out of reach
    for every page and route.
    """

    page_template: str

    ordering = ["-created_at", "-id"]
    sortable_by = ["created"]
    paginator = BoundedPaginator
    search_fields = ["reference"]  # only for the search box to show: get_search_results decides
    search_help_text = _(
        "Whole references, payment request IDs or payment IDs, at most 500: paste them with "
        "blanks, line ends, commas, semicolons, slashes or bars between them."
    )
    # Both would count all rows, on every page.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    class Media:
        css = {"all": ["django_alipay_cancel/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # A replica may not know yet what a person has just done.
        return super().get_queryset(request).using(router.db_for_write(self.model))

    def action_checkbox(self, row: Payment | Cancellation) -> SafeString:
        """Return the row's check box, named by what people know it by instead of a UUID."""
        payment = row.payment if isinstance(row, Cancellation) else row
        named = {"reference": payment, "status": row.get_status_display()}
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME,
            row.pk,
            gettext("Select %(reference)s, %(status)s") % named,
        )

    def route(
        self, route: str, view: View, name: str, *, signed_out: View | None = None
    ) -> URLPattern:
        """Return an own route of this admin, for signed-in staff and with the CSRF check.

        `signed_out` answers a form that is sent after the sign-in has expired; the sign-in page
        alone would forget what the form said.
        """
        wrapped = self.admin_site.admin_view(view)
        if signed_out is not None:
            wrapped = self._or_signed_out(wrapped, signed_out)
        # ATOMIC_REQUESTS would roll back the record of a call that happened. It is set for each
        # database, and a router may have put our tables on any of them.
        wrapped = _outside_transactions(wrapped)
        return path(route, wrapped, name=f"django_alipay_cancel_{name}")

    def _or_signed_out(self, view: View, signed_out: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if request.method == "POST" and not self.admin_site.has_permission(request):
                return signed_out(request)
            return view(request, *args, **kwargs)

        return answer

    def url(self, name: str, *args: Any) -> str:
        """Return the address of a route of ours in this admin site."""
        full_name = f"admin:django_alipay_cancel_{name}"
        return reverse(full_name, args=args, current_app=self.admin_site.name)

    def page_url(self, row: Payment | Cancellation) -> str:
        """Return the address of this row's page."""
        return self.url(f"{row._meta.model_name}_change", row.pk)

    def find(self, request: HttpRequest, object_id: Any) -> Any:
        """Return the row that this person may see; raises PermissionDenied and Http404."""
        row = self.get_object(request, str(object_id))
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None:
            raise Http404
        return row

    def get_urls(self) -> list[URLPattern]:
        name = self.opts.model_name
        return [self.route("export/", self.export_view, f"{name}_export"), *super().get_urls()]

    @_outside_transactions  # bulk actions may call Alipay
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and above it what a person has to know first."""
        if _has_nul(request):
            return redirect(request.path)
        context = self.list_context(request) if request.method == "GET" else {}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run the chosen action; a key that is none is a bad request, and no error of ours."""
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if any(not read_keys(key) or "." in key for key in keys):
            raise BadRequest("A selected key is not a UUID.")
        return super().response_action(request, queryset, *args, **kwargs)

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the list shows beside Django's own, and leave the banners."""
        opened = open_counts(self.cancellations(request))
        banners.warn(self, request, opened)
        paged = {PAGE_VAR, ALL_VAR, ERROR_FLAG}
        filters = [(name, values) for name, values in request.GET.lists() if name not in paged]
        query = urlencode(filters, doseq=True)
        return {
            "standing": opened,
            "export_url": f"{self.url(f'{self.opts.model_name}_export')}?{query}",
        }

    def cancellations(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the cancellations that this person may see."""
        return self.admin_site.get_model_admin(Cancellation).get_queryset(request)

    def may_cancel(self, request: HttpRequest, payment: Payment) -> bool:
        """Whether this person has the permission to cancel the payment, as the shop's own says."""
        payments: Any = self.admin_site.get_model_admin(Payment)
        return bool(payments.has_cancel_permission(request, payment))

    def may_see(self, request: HttpRequest, payment: Payment) -> bool:
        """Whether this person may open the payment's page."""
        payments: Any = self.admin_site.get_model_admin(Payment)
        return bool(payments.has_view_permission(request, payment))

    def why_refused(self, request: HttpRequest, payment: Payment) -> str:
        """Return why this person may not have the payment cancelled; "" when they may."""
        permitted = self.may_cancel(request, payment)
        return why_refused(request.user, payment, permitted=permitted)

    def look_up(self, request: HttpRequest, text: str) -> Found:
        """Return the payments that a search names."""
        return find_payments(self.admin_site.get_model_admin(Payment).get_queryset(request), text)

    def found(self, request: HttpRequest, found: Found) -> list[UUID]:
        """Return the keys of the payments that a search names, and tell which names have none."""
        if found.too_many and _is_list(request):
            refused = gettext(
                "%(count)d numbers were pasted, and at most %(most)d can be looked up at once. "
                "Nothing was looked up."
            ) % {"count": found.too_many, "most": MOST_NAMES}
            self.message_user(request, refused, messages.ERROR)
        if found.missing and _is_list(request):
            names = [f"“{name}” ({what_is_wrong(name)})" for name in found.missing]
            missing = gettext("Not found: %(names)s") % {"names": ", ".join(names)}
            self.message_user(request, missing, messages.WARNING)
        if found.is_cut and _is_list(request):
            cut = gettext("The search names too much: %(most)d payments at most are shown.")
            self.message_user(request, cut % {"most": MOST_FOUND}, messages.WARNING)
        return found.keys

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse | HttpResponse:
        """Return the filtered list as a CSV file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if _has_nul(request):
            return redirect(self.url(f"{self.opts.model_name}_changelist"))
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(self.url(f"{self.opts.model_name}_changelist"))
        logger.info(
            "%s exports %ss, filtered by %r.",
            name_of(request.user),
            self.opts.model_name,
            request.GET.urlencode(),
        )
        return export(request, rows)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the row's own page; Django's form, which nobody could send, is not used."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        row = self.find(request, object_id)
        context = {**self.page_context(request, row), **(extra_context or {})}
        return self.render(request, self.page_template, context)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the page of this row shows."""
        return {"original": row, "title": str(row)}

    def render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """Return a page in the frame of the admin site."""
        request.current_app = self.admin_site.name
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(
            request, f"admin/django_alipay_cancel/{template}", {**frame, **context}
        )


def _has_nul(request: HttpRequest) -> bool:
    # PostgreSQL stores none and refuses to look for one; a search drops it by itself.
    return any("\0" in value for name, value in request.GET.items() if name != SEARCH_VAR)


def _is_list(request: HttpRequest) -> bool:
    name = request.resolver_match.url_name if request.resolver_match else ""
    return request.method == "GET" and str(name).endswith("_changelist")
