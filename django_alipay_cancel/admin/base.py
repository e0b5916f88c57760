"""What both admin pages share: read-only rows, one own page each, routes that may call Alipay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connections, router, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment

View = Callable[..., HttpResponse]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs alone
    """Nobody adds, changes or deletes a row, superusers included: rows move by the services.

    A shop that narrows who sees what overrides `get_queryset`; rows outside it are out of reach
    for every page and route.
    """

    page_template: str

    ordering = ["-created_at", "-id"]
    sortable_by = ["created"]
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

    def route(self, route: str, view: View, name: str) -> URLPattern:
        """Return an own route of this admin, for signed-in staff and with the CSRF check."""
        wrapped = self.admin_site.admin_view(view)
        # ATOMIC_REQUESTS would roll back the record of a call that happened. It is set for each
        # database, and a router may have put our tables on any of them.
        for alias in connections:
            wrapped = transaction.non_atomic_requests(using=alias)(wrapped)
        return path(route, wrapped, name=f"django_alipay_cancel_{name}")

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

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list; where cancellations wait for a worker, say that none is running."""
        if request.method == "GET" and services.worker_is_late():
            late = gettext(
                "Cancellations have been waiting for more than ten minutes: "
                "no worker is running. Start process_cancellations."
            )
            self.message_user(request, late, messages.WARNING)
        return super().changelist_view(request, extra_context)

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
        context = {"original": row, **self.page_context(request, row), **(extra_context or {})}
        return self.render(request, self.page_template, context)

    def page_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what the page of this row shows."""
        raise NotImplementedError

    def render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        """Return a page in the frame of the admin site."""
        request.current_app = self.admin_site.name
        frame = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        return TemplateResponse(
            request, f"admin/django_alipay_cancel/{template}", {**frame, **context}
        )
