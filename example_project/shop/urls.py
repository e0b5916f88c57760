"""Addresses of the example shop."""

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path
from django.views.generic import RedirectView

from django_alipay_cancel.views import payment_notification
from shop import till_views, views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="orders"), name="home"),
    path("orders/", views.OrderList.as_view(), name="orders"),
    path("till/", till_views.start, name="till"),
    path("till/<str:number>/", till_views.sale, name="till-sale"),
    path("till/<str:number>/state/", till_views.state, name="till-state"),
    path("till/<str:number>/<str:what>/", till_views.act, name="till-act"),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("alipay/notify/", payment_notification, name="notify"),
    path("alipay/", include("django_alipay_cancel.urls")),
    path("admin/", admin.site.urls),
]
