"""The REST routes, for these or other rules of who may see and cancel which payment."""

from __future__ import annotations

from django.urls import URLPattern, path

from django_alipay_cancel.api import views
from django_alipay_cancel.api.base import AlipayView
from django_alipay_cancel.api.permissions import Access

_ROUTES: list[tuple[str, type[AlipayView], str]] = [
    ("payments", views.PaymentList, "payments"),
    ("payments/<str:payment_id>", views.PaymentDetail, "payment"),
    (
        "payments/<str:payment_id>/cancellations",
        views.PaymentCancellations,
        "payment-cancellations",
    ),
    ("payments/<str:payment_id>/refresh", views.PaymentRefresh, "payment-refresh"),
    ("cancellations/<str:cancellation_id>", views.CancellationDetail, "cancellation"),
    ("cancellations/<str:cancellation_id>/retry", views.CancellationRetry, "cancellation-retry"),
]


def routes(access: Access) -> list[URLPattern]:
    """Return the routes with these rules of who may see and cancel which payment.

    The keys are no `<uuid:...>`: a malformed one is to be a 404 in the shape of all errors.
    """
    named = [
        path(f"{address}/", view.as_view(access=access), name=name)
        for address, view, name in _ROUTES
    ]
    # Without the slash, APPEND_SLASH would redirect, and a POST that is redirected becomes a GET:
    # 200, and nothing cancelled. Undocumented, hence no schema.
    forgiving = [
        path(address, view.as_view(access=access, schema=None)) for address, view, _ in _ROUTES
    ]
    return [*named, *forgiving]
