"""A project of somebody else's with the routes in it: `python -m tests.api.host NAME`.

REST framework reads most of its settings once, at import; so each host is a process of its own. It
prints as JSON what one signed-in person is answered.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import Any

import django
from django.conf import settings
from django.urls import include, path

HERE = "tests.api.host"
DRF = "rest_framework"

# What each host sets in REST_FRAMEWORK, what stands before our routes, and how that is called.
HOSTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({}, "", ""),
    "camelCase": (
        {
            "DEFAULT_RENDERER_CLASSES": [f"{HERE}_parts.CamelCase"],
            "DEFAULT_PARSER_CLASSES": [f"{HERE}_parts.NoParser"],
        },
        "",
        "",
    ),
    "errors of its own": ({"EXCEPTION_HANDLER": f"{HERE}_parts.errors_in_a_list"}, "", ""),
    "pagination": (
        {"DEFAULT_PAGINATION_CLASS": f"{DRF}.pagination.PageNumberPagination", "PAGE_SIZE": 1},
        "",
        "",
    ),
    "version in the path": (
        {
            "DEFAULT_VERSIONING_CLASS": f"{DRF}.versioning.URLPathVersioning",
            "ALLOWED_VERSIONS": ["v1"],
        },
        "<version>/",
        "v1/",
    ),
    "version in Accept": (
        {"DEFAULT_VERSIONING_CLASS": f"{DRF}.versioning.AcceptHeaderVersioning"},
        "",
        "",
    ),
    "version in the query": (
        {"DEFAULT_VERSIONING_CLASS": f"{DRF}.versioning.QueryParameterVersioning"},
        "",
        "",
    ),
    "filters": ({"DEFAULT_FILTER_BACKENDS": [f"{DRF}.filters.OrderingFilter"]}, "", ""),
    "throttles": (
        {
            "DEFAULT_THROTTLE_CLASSES": [f"{DRF}.throttling.UserRateThrottle"],
            "DEFAULT_THROTTLE_RATES": {"user": "6/hour"},
        },
        "",
        "",
    ),
    "prefix": ({}, "<slug:shop>/", "eu/"),
    "times of its own": ({"DATETIME_FORMAT": "%d.%m.%Y", "TIME_FORMAT": "%H"}, "", ""),
}

urlpatterns: list[Any] = []


def set_up(name: str) -> str:
    """Make this process that host; return what its addresses begin with."""
    rest, route, prefix = HOSTS[name]
    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF=HERE,
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "rest_framework",
            "django_alipay_cancel",
        ],
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [f"{DRF}.authentication.SessionAuthentication"],
            **rest,
        },
    )
    django.setup()
    urlpatterns.append(path(f"{route}alipay/", include("django_alipay_cancel.urls")))
    sys.modules[HERE] = sys.modules["__main__"]
    return f"/{prefix}alipay/"


def answers(root: str) -> list[dict[str, Any]]:
    """Ask for everything once and return what was answered."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client
    from django.utils import timezone

    from django_alipay_cancel import services
    from django_alipay_cancel.testing import FakeAlipay, Fault

    call_command("migrate", verbosity=0)
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("operator"))
    with ExitStack() as stack:
        gateway = stack.enter_context(FakeAlipay())
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant_settings()}}
        payments = []
        for number in ("1", "2"):
            gateway.add_payment(payment_request_id=number)
            payment = services.record_payment(payment_request_id=number, paid_at=timezone.now())
            payments.append(payment)
        gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
        address = f"{root}payments/{payments[0].pk}/"
        query = {"version": "1.0"} if "query" in sys.argv[1] else {}
        accept = {"accept": "application/json; version=1.0"}
        told = [
            client.get(f"{root}payments/", query),
            client.get(address, headers=accept),
            client.post(f"{address}cancellations/", content_type="application/json"),
        ]
        told.append(client.get(told[2].headers.get("Location", "/nowhere/")))
        told.append(client.get(f"{root}payments/", {"colour": "red"}))
        told.append(client.post(f"{address}refresh/", content_type="application/json"))
        told.append(client.get(f"{address}cancellations/", query))
    return [
        {"status": each.status_code, "body": json.loads(each.content or "null")} for each in told
    ]


if __name__ == "__main__":
    print(json.dumps(answers(set_up(sys.argv[1]))))
