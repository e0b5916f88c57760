"""The REST routes, for these or other rules of who may see and cancel which payment."""

from __future__ import annotations

from django.urls import URLPattern, path

from django_alipay_cancel.api import endpoints
from django_alipay_cancel.api.base import AlipayView
from django_alipay_cancel.api.permissions import Access

_ROUTES: list[tuple[str, type[AlipayView], str]] = [
    ("payments", endpoints.PaymentList, "payments"),
    ("payments/<str:payment_id>", endpoints.PaymentDetail, "payment"),
    (
        "payments/<str:payment_id>/cancellations",
        endpoints.PaymentCancellations,
        "payment-cancellations",
    ),
    ("payments/<str:payment_id>/refresh", endpoints.PaymentRefresh, "payment-refresh"),
    ("cancellations/<str:cancellation_id>", endpoints.CancellationDetail, "cancellation"),
    (
        "cancellations/<str:cancellation_id>/retry",
        endpoints.CancellationRetry,
        "cancellation-retry",
    ),
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
