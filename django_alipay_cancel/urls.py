"""The REST routes, to be included where the shop wants them."""

from __future__ import annotations

from django.urls import URLPattern, path

from django_alipay_cancel.api import views
from django_alipay_cancel.api.permissions import Access


def routes(access: Access) -> list[URLPattern]:
    """Return the routes with these rules of who may see and cancel which payment.

    The keys are no `<uuid:...>`: a malformed one is to be a 404 in the shape of all errors.
    """
    return [
        path("payments/", views.PaymentList.as_view(access=access), name="payments"),
        path(
            "payments/<str:payment_id>/",
            views.PaymentDetail.as_view(access=access),
            name="payment",
        ),
        path(
            "payments/<str:payment_id>/cancellations/",
            views.PaymentCancellations.as_view(access=access),
            name="payment-cancellations",
        ),
        path(
            "payments/<str:payment_id>/refresh/",
            views.PaymentRefresh.as_view(access=access),
            name="payment-refresh",
        ),
        path(
            "cancellations/<str:cancellation_id>/",
            views.CancellationDetail.as_view(access=access),
            name="cancellation",
        ),
        path(
            "cancellations/<str:cancellation_id>/retry/",
            views.CancellationRetry.as_view(access=access),
            name="cancellation-retry",
        ),
    ]


app_name = "django_alipay_cancel"
urlpatterns = routes(Access())
