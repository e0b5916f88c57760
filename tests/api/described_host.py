"""A shop with an OpenAPI document and a `status` of its own: `python -m tests.api.described_host`.

It prints the document, or fails as the shop's own gate would, at the first warning.
"""

from __future__ import annotations

import sys
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.urls import include, path

urlpatterns: list[Any] = []


def set_up() -> None:
    settings.configure(
        SECRET_KEY="only for tests",
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            "drf_spectacular",
            "django_alipay_cancel",
        ],
        REST_FRAMEWORK={
            "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
            "DEFAULT_AUTHENTICATION_CLASSES": [
                "rest_framework.authentication.SessionAuthentication"
            ],
        },
    )
    django.setup()


def add_routes() -> None:
    """The shop's orders, with words of the names that ours have too, and our routes."""
    from rest_framework import generics, serializers

    class OrderSerializer(serializers.Serializer[Any]):
        status = serializers.ChoiceField(choices=["placed", "sent"])
        source = serializers.ChoiceField(choices=["web", "till"])
        error = serializers.ChoiceField(choices=["address", "stock"])
        kind = serializers.ChoiceField(choices=["gift", "sale"])
        outcome = serializers.ChoiceField(choices=["kept", "returned"])
        next_step = serializers.ChoiceField(choices=["pack", "post"])

    class ParcelSerializer(serializers.Serializer[Any]):
        status = serializers.ChoiceField(choices=["placed", "sent"])

    class Orders(generics.CreateAPIView[Any]):
        serializer_class = OrderSerializer

    class Parcels(generics.CreateAPIView[Any]):
        serializer_class = ParcelSerializer

    urlpatterns.append(path("orders/", Orders.as_view()))
    urlpatterns.append(path("parcels/", Parcels.as_view()))
    urlpatterns.append(path("alipay/", include("django_alipay_cancel.urls")))


if __name__ == "__main__":
    set_up()
    add_routes()
    call_command("spectacular", "--fail-on-warn", *sys.argv[1:])
