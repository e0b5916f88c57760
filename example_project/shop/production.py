"""The example shop as it would stand on the net: behind gunicorn, and a proxy that ends TLS.

    DJANGO_SETTINGS_MODULE=shop.production gunicorn shop.wsgi

SHOP_SECRET_KEY   required; the same in all processes
SHOP_HOSTS        required; the site's host names, separated by commas
SHOP_STATIC_ROOT  where collectstatic puts the files that the proxy serves under /static/
"""

import os

from django.core.exceptions import ImproperlyConfigured

from shop.settings import *  # noqa: F403
from shop.settings import BASE_DIR


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ImproperlyConfigured(f"The environment variable {name} is required in production.")
    return value


DEBUG = False
SECRET_KEY = _required("SHOP_SECRET_KEY")
ALLOWED_HOSTS = _required("SHOP_HOSTS").split(",")
STATIC_ROOT = os.environ.get("SHOP_STATIC_ROOT", BASE_DIR / "static")

# The proxy sets this header on every request and drops what a client sent under its name.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
