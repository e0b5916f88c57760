"""The smallest project that uses the app, on the database that TEST_DATABASE_URL names."""

import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for sqlite://, postgres://user@host/name or mysql://..."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        # A file, since threads and processes share it; one per run, since runs share a machine.
        own = Path(tempfile.gettempdir()) / f"alipay-cancel-tests-{os.getpid()}.sqlite3"
        name = parts.path or str(own)
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name,
            # What a killed process wrote is there all the same; no test pulls the plug.
            "OPTIONS": {"timeout": 30, "init_command": "PRAGMA synchronous=OFF"},
            "TEST": {"NAME": name},
        }
    engines = {"postgres": "postgresql", "mysql": "mysql"}
    settings: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{engines[parts.scheme]}",
        "HOST": parts.hostname,
        "PORT": parts.port or "",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": parts.path.lstrip("/"),
        "TEST": {"NAME": f"test_alipay_cancel_{os.getpid()}"},
    }
    if parts.scheme == "mysql":
        settings["OPTIONS"] = {"charset": "utf8mb4"}
    return settings


SECRET_KEY = "only for tests"
USE_TZ = os.environ.get("TEST_USE_TZ", "1") == "1"
TIME_ZONE = os.environ.get("TEST_TIME_ZONE", "UTC")
DATABASES = {"default": database(os.environ.get("TEST_DATABASE_URL", "sqlite://"))}
DATABASES["default"]["ATOMIC_REQUESTS"] = os.environ.get("TEST_ATOMIC_REQUESTS") == "1"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "django_alipay_cancel",
    "tests.shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
ROOT_URLCONF = "tests.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
