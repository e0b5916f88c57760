"""The example shop as it would stand on the net: behind gunicorn, and a proxy that ends TLS.

    DJANGO_SETTINGS_MODULE=shop.production gunicorn shop.wsgi

SHOP_SECRET_KEY   required; the same in all processes
SHOP_HOSTS        required; the site's host names, separated by commas
SHOP_MAIL_HOST    the mail server that takes the mails to buyers; without it, this machine
SHOP_STATIC_ROOT  where collectstatic puts the files that the proxy serves under /static/
"""

import os

import django
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

# Seconds: a mail server that stands still holds up who told the buyer.
_mail_host, _mail_timeout = os.environ.get("SHOP_MAIL_HOST", "localhost"), 10
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"OPTIONS": {"host": _mail_host, "timeout": _mail_timeout}}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_TIMEOUT = _mail_host, _mail_timeout

# A buyer clicks a few times a minute at the most; each click may become a call to Alipay.
REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"alipay_cancel": "20/min"}}
