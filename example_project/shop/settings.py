"""Settings of the example shop: a development site on loopback, nothing to copy into production.

Environment variables say where its data is:
SHOP_DATABASE         the SQLite file, or postgres://user:password@host:port/name, or mysql://...;
                      without it, shop.sqlite3 beside manage.py
SHOP_ALIPAY_SETTINGS  a JSON file with the ALIPAY_CANCEL settings, as `run_fake_alipay
                      --settings-file` writes it; without it, or until it is there, nothing can
                      be cancelled
SHOP_MAILS            a directory for the mails to buyers; without it they are printed
SHOP_DEBUG            0 for a server that answers errors as a real one does
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import django
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("SHOP_DEBUG", "1") != "0"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
# serve.py hands one key to the site's processes; alone, a new one per start signs everybody out.
SECRET_KEY = os.environ.get("SHOP_SECRET_KEY") or get_random_secret_key()

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_alipay_cancel",
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "shop.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database(place: str) -> dict[str, Any]:
    parts = urlsplit(place)
    engine = {"postgres": "postgresql", "mysql": "mysql"}.get(parts.scheme)
    if engine is None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": place,
            # The site and the worker write to one file: wait for each other, begin with the write
            # lock.
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL;",
            },
        }
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": parts.hostname,
        "PORT": parts.port or "",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": parts.path.lstrip("/"),
        "CONN_MAX_AGE": 60,
        "OPTIONS": {"charset": "utf8mb4"} if engine == "mysql" else {},
    }


DATABASES = {"default": _database(os.environ.get("SHOP_DATABASE", str(BASE_DIR / "shop.sqlite3")))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "orders"
LOGOUT_REDIRECT_URL = "login"

DEFAULT_FROM_EMAIL = "Tea shop <help@shop.example>"
_mails = os.environ.get("SHOP_MAILS")
_backend = f"django.core.mail.backends.{'filebased' if _mails else 'console'}.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {"BACKEND": _backend, "OPTIONS": {"file_path": _mails} if _mails else {}},
    }
else:
    EMAIL_BACKEND, EMAIL_FILE_PATH = _backend, _mails

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "django_alipay_cancel": {
            "handlers": ["console"],
            "level": os.environ.get("SHOP_LOG_LEVEL", "INFO"),
        }
    },
}

_alipay_settings = Path(os.environ.get("SHOP_ALIPAY_SETTINGS", ""))
ALIPAY_CANCEL = {
    # FakeAlipay makes new keys at each start, so that none is kept in this repository.
    **(json.loads(_alipay_settings.read_text()) if _alipay_settings.is_file() else {}),
    "CUSTOMERS_MAY_CANCEL": True,
}
