"""What is published: the wheel holds all of the package and nothing else, and works alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from django_alipay_cancel.wording import result_sentence

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).parent.parent
PACKAGE = "django_alipay_cancel"
SECONDS = 280

SETTINGS = """
SECRET_KEY = "only for this test"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_alipay_cancel",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
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
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "shop_urls"
STATIC_URL = "static/"
"""

URLS = """
from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
"""

SHOP = """
import json

import django

django.setup()

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import translation

import django_alipay_cancel
from django_alipay_cancel import services
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.wording import result_sentence

with FakeAlipay() as gateway:
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant_settings()}}
    gateway.add_payment(payment_request_id="order-1")
    payment = services.record_payment(payment_request_id="order-1")
    cancellation = services.cancel_payment(payment)

client = Client()
client.force_login(get_user_model().objects.create_superuser("anna"))
page = client.get(f"/admin/django_alipay_cancel/payment/{payment.pk}/change/")
with translation.override("zh-hans"):
    sentence = result_sentence("SUCCESS")
print(json.dumps({
    "package": django_alipay_cancel.__file__,
    "cancellation": cancellation.status,
    "payment": payment.status,
    "effects": gateway.payment("order-1").cancel_effects,
    "page": page.status_code,
    "page_names_it": "order-1" in page.content.decode(),
    "style_sheet": finders.find("django_alipay_cancel/admin.css"),
    "sentence": sentence,
}))
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command outside the repository, where nothing of it can be imported by accident."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build sdist and wheel from a copy that knows no earlier build; return their directory."""
    scratch = tmp_path_factory.mktemp("dist")
    source = scratch / "source"
    leave_out = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "__pycache__")
    shutil.copytree(ROOT, source, ignore=leave_out)
    run(sys.executable, "-m", "build", "--outdir", scratch / "dist", source, cwd=scratch)
    return scratch / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def in_an_empty_environment(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Install the wheel and what it requires, nothing else; return a way to run Python there."""
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", environment, cwd=environment)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=environment)

    def run_there(*arguments: str | Path, cwd: Path) -> str:
        return run(python, *arguments, cwd=cwd, DJANGO_SETTINGS_MODULE="shop_settings")

    return run_there


def files_of_the_package() -> set[str]:
    found = (path for path in (ROOT / PACKAGE).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == files_of_the_package()
    # Were one of these moved away in the source, the comparison alone would not notice.
    assert names >= {
        f"{PACKAGE}/py.typed",
        f"{PACKAGE}/migrations/0001_initial.py",
        f"{PACKAGE}/locale/zh_Hans/LC_MESSAGES/django.mo",
        f"{PACKAGE}/static/django_alipay_cancel/admin.css",
        f"{PACKAGE}/templates/admin/django_alipay_cancel/payment.html",
        f"{PACKAGE}/testing/gateway.py",
    }


def test_the_sdist_is_the_package_and_its_metadata(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        files = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert files >= files_of_the_package() | {"README.md", "LICENSE", "setup.cfg"}
    tops = {name.partition("/")[0] for name in files if "/" in name}
    assert tops == {PACKAGE, f"{PACKAGE}.egg-info"}


def test_the_wheel_passes_the_index_and_content_checks(dist: Path, wheel: Path) -> None:
    config = ROOT / "pyproject.toml"
    run(sys.executable, "-m", "check_wheel_contents", "--config", config, wheel, cwd=dist)
    told = run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir(), cwd=dist)
    assert told.count("PASSED") == 2, told


def test_a_project_with_the_wheel_alone_migrates_and_cancels(
    in_an_empty_environment: Callable[..., str], tmp_path: Path
) -> None:
    for name, source in {"shop_settings": SETTINGS, "shop_urls": URLS, "shop": SHOP}.items():
        (tmp_path / f"{name}.py").write_text(source)
    in_an_empty_environment("-m", "django", "migrate", "--verbosity", "0", cwd=tmp_path)
    in_an_empty_environment("-m", "django", "makemigrations", "--check", cwd=tmp_path)
    told: dict[str, Any] = json.loads(in_an_empty_environment("shop.py", cwd=tmp_path))
    installed = Path(told.pop("package"))
    assert "site-packages" in installed.parts
    with translation.override("zh-hans"):
        chinese = result_sentence("SUCCESS")
    assert not chinese.isascii()
    assert Path(told.pop("style_sheet")).is_relative_to(installed.parent)
    assert told == {
        "cancellation": "SUCCEEDED",
        "payment": "CANCELLED",
        "effects": 1,
        "page": 200,
        "page_names_it": True,
        "sentence": chinese,
    }
