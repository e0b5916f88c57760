"""Write openapi.yaml from the code: python docs/write_openapi.py. Needs the extra `openapi`.

With --check nothing is written, and the exit status tells whether the file is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

import django
from django.conf import settings

PAGE = Path(__file__).with_name("openapi.yaml")


def document() -> str:
    """Return the page: our routes alone, in English."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.renderers import OpenApiYamlRenderer

    schema = SchemaGenerator(urlconf="django_alipay_cancel.urls").get_schema(public=True)
    return OpenApiYamlRenderer().render(schema, renderer_context={}).decode()


def configure() -> None:
    """Set up a project of nothing but our routes, so that nothing of another one gets in."""
    from django_alipay_cancel import __version__

    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "rest_framework",
            "drf_spectacular",
            "django_alipay_cancel",
        ],
        LANGUAGE_CODE="en",
        TIME_ZONE="UTC",
        USE_TZ=True,
        REST_FRAMEWORK={
            "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
            "DEFAULT_AUTHENTICATION_CLASSES": [],
        },
        SPECTACULAR_SETTINGS={
            "OAS_VERSION": "3.1.0",
            "TITLE": "django-alipay-cancel",
            "VERSION": __version__,
            "DESCRIPTION": "Cancel Alipay payments. Authentication is the shop's own.",
            "SERVERS": [{"url": "/alipay", "description": "Where the shop includes the routes."}],
        },
    )
    django.setup()


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parent.parent))
    configure()
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text(encoding="utf-8") != document())
    PAGE.write_text(document(), encoding="utf-8")
