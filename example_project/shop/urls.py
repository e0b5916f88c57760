"""Addresses of the example shop."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.generic import RedirectView

from shop import views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="orders"), name="home"),
    path("orders/", views.OrderList.as_view(), name="orders"),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("alipay/", include("django_alipay_cancel.urls")),
    path("admin/", admin.site.urls),
]
