"""The admin, the REST routes and the notify URL, where a shop would put them."""

from django.contrib import admin
from django.urls import include, path

from django_alipay_cancel.views import payment_notification

urlpatterns = [
    path("admin/", admin.site.urls),
    path("alipay/", include("django_alipay_cancel.urls")),
    path("alipay-notify/", payment_notification),
    path("alipay-notify/<str:merchant>/", payment_notification),
]
