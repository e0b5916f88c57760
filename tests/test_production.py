"""The example shop as it would stand on the net: nothing to object to, and it answers."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from django_alipay_cancel.testing import FakeAlipay
from tests.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.once]

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "example_project"
HTTPS = {"Host": "shop.example", "X-Forwarded-Proto": "https"}


@pytest.fixture
def production(tmp_path):
    """The environment of a shop in production; its database is new."""
    settings_file = tmp_path / "alipay.json"
    merchant = FakeAlipay().merchant_settings()
    merchant["GATEWAY_URL"] = "https://open-na-global.alipay.com"
    settings_file.write_text(json.dumps({"MERCHANTS": {"default": merchant}}))
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "shop.production",
        "PYTHONPATH": str(ROOT),
        "SHOP_ALIPAY_SETTINGS": str(settings_file),
        "SHOP_DATABASE": str(tmp_path / "shop.sqlite3"),
        "SHOP_HOSTS": "shop.example,www.shop.example",
        "SHOP_SECRET_KEY": secrets.token_urlsafe(64),
        "SHOP_STATIC_ROOT": str(tmp_path / "static"),
    }


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "manage.py", *arguments],
        cwd=EXAMPLE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def site(production):
    """Gunicorn with two processes; yields its address."""
    assert manage(production, "migrate", "--verbosity=0").returncode == 0
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--workers=2", f"--bind={address}", "shop.wsgi"],
        cwd=EXAMPLE,
        env=production,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                break
        assert server.poll() is None, server.communicate()[1]
        time.sleep(0.1)
    yield f"http://{address}"
    server.terminate()
    server.communicate(timeout=30)


def test_the_deployment_check_finds_nothing(production):
    done = manage(production, "check", "--deploy", "--fail-level=INFO")
    assert done.stdout == "System check identified no issues (0 silenced).\n", done.stderr
    assert (done.returncode, done.stderr) == (0, "")


def test_the_development_settings_would_not_pass_it(production):
    development = {**production, "DJANGO_SETTINGS_MODULE": "shop.settings"}
    done = manage(development, "check", "--deploy", "--fail-level=INFO")
    assert done.returncode == 1
    assert "security.W018" in done.stderr  # DEBUG


@pytest.mark.parametrize("name", ["SHOP_SECRET_KEY", "SHOP_HOSTS"])
def test_what_production_needs_is_asked_for_by_name(production, name):
    done = manage({**production, name: ""}, "check")
    assert done.returncode == 1
    assert f"The environment variable {name} is required in production." in done.stderr


def test_the_static_files_are_collected_for_the_proxy(production, tmp_path):
    done = manage(production, "collectstatic", "--noinput", "--verbosity=0")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static/django_alipay_cancel/admin.css").exists()
    assert (tmp_path / "static/shop/orders.js").exists()


def test_gunicorn_serves_it_over_https_alone(site):
    plain = requests.get(f"{site}/login/", headers={"Host": "shop.example"}, allow_redirects=False)
    assert (plain.status_code, plain.headers["Location"]) == (301, "https://shop.example/login/")
    page = requests.get(f"{site}/login/", headers=HTTPS, allow_redirects=False)
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert all(cookie.secure for cookie in page.cookies)
    assert page.cookies


def test_gunicorn_refuses_another_host(site):
    other = {**HTTPS, "Host": "evil.example"}
    assert requests.get(f"{site}/login/", headers=other).status_code == 400


def test_a_missing_page_tells_nothing_of_the_code(site):
    page = requests.get(f"{site}/nothing/", headers=HTTPS)
    assert page.status_code == 404
    assert "urlconf" not in page.text.lower()
