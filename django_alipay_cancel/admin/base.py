"""What both admin pages share: read-only rows, one own page each, routes that may call Alipay."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

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
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel import services
from django_alipay_cancel.admin.exporting import export
from django_alipay_cancel.admin.paginating import BoundedPaginator
from django_alipay_cancel.admin.permissions import may_view
from django_alipay_cancel.admin.searching import MOST_FOUND, find
from django_alipay_cancel.admin.selecting import read
from django_alipay_cancel.admin.standing import Standing, standing
from django_alipay_cancel.models import Cancellation, Payment

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
        "Whole references, payment request IDs or payment IDs, as many as you like: paste them "
        "with blanks, line ends, commas or semicolons between them."
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
                return signed_out(self, request)
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
        if any("\0" in value for name, value in request.GET.items() if name != SEARCH_VAR):
            return redirect(request.path)  # PostgreSQL stores none and refuses to look for one
        context = self.list_context(request) if request.method == "GET" else {}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run the chosen action; a key that is none is a bad request, and no error of ours."""
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if len(read(".".join(keys))) < len(set(keys)):
            raise BadRequest("A selected key is not a UUID.")
        return super().response_action(request, queryset, *args, **kwargs)

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the list shows beside Django's own, and leave the banners."""
        opened = standing(self.cancellations(request))
        self._warn(request, opened)
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

    def _warn(self, request: HttpRequest, opened: Standing) -> None:
        if services.worker_is_late():
            late = gettext(
                "Cancellations have been waiting for more than ten minutes: "
                "no worker is running. Start process_cancellations."
            )
            self.message_user(request, late, messages.WARNING)
        if opened.in_review and may_view(request.user):
            text = ngettext(
                "%(count)d cancellation needs review",
                "%(count)d cancellations need review",
                opened.in_review,
            ) % {"count": opened.in_review}
            in_review = {"status__exact": Cancellation.Status.NEEDS_REVIEW.value}
            url = f"{self.url('cancellation_changelist')}?{urlencode(in_review)}"
            link = format_html('<a href="{}">{}</a>', url, text)
            self.message_user(request, link, messages.WARNING)

    def found(self, request: HttpRequest, text: str) -> set[Any]:
        """Return the keys of the payments that a search names, and tell which names have none."""
        found = find(self.admin_site.get_model_admin(Payment).get_queryset(request), text)
        if found.missing and (found.keys or len(found.missing) > 1) and _is_list(request):
            missing = gettext("No payment has: %(names)s") % {"names": ", ".join(found.missing)}
            self.message_user(request, missing, messages.WARNING)
        if found.is_cut and _is_list(request):
            cut = gettext("The search names too much: %(most)d payments at most are shown.")
            self.message_user(request, cut % {"most": MOST_FOUND}, messages.WARNING)
        return found.keys

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse | HttpResponse:
        """Return the filtered list as a CSV file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return redirect(self.url(f"{self.opts.model_name}_changelist"))
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


def _is_list(request: HttpRequest) -> bool:
    name = request.resolver_match.url_name if request.resolver_match else ""
    return request.method == "GET" and str(name).endswith("_changelist")
