"""The admin and the REST routes, where a shop would put them."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("alipay/", include("django_alipay_cancel.urls")),
]
