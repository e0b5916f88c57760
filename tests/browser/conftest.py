"""Fixtures of the browser tests: Chromium, the sites, the gateway, and who sits in front of it."""

from __future__ import annotations

import contextlib
import subprocess
import time
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.browser import requirements, sites
from tests.browser.looks import PLAIN

PERMISSIONS = {
    "clerk": ["cancel_payment", "close_cancellation"],
    "viewer": ["view_payment", "view_cancellation"],
}
_ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


def pytest_collection_modifyitems(items):
    here = requirements.HERE
    for item in items:
        if item.path.parent == here:
            item.add_marker("browser")


@pytest.fixture(scope="package")
def chromium():
    """A running Chromium."""
    executable = requirements.chromium()
    from playwright.sync_api import sync_playwright

    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, in which nothing of ours runs.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def alipay_settings():
    """The setting ALIPAY_CANCEL of every process: one port and one pair of keys for all tests."""
    with FakeAlipay() as gateway:
        merchants = {"default": gateway.merchant_settings()}
    return {"MERCHANTS": merchants, "TIMEOUT": (2, 5)}


@pytest.fixture
def switched_on():
    """What the shop sets beside that, in every process; a file may override it."""
    return {}


@pytest.fixture
def gateway(settings, transactional_db, alipay_settings, switched_on):
    """A new FakeAlipay where every process expects it."""
    settings.ALIPAY_CANCEL = alipay_settings | switched_on
    url = alipay_settings["MERCHANTS"]["default"]["GATEWAY_URL"]
    with contextlib.ExitStack() as stack:
        yield _started(stack, port=int(url.rpartition(":")[2]))


def _started(stack, port):
    """Start the gateway; the port may be the near end of somebody's connection for a moment."""
    until = time.monotonic() + 60
    while True:
        try:
            return stack.enter_context(FakeAlipay(port=port))
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="package")
def admin_sites(django_db_setup, django_db_blocker, alipay_settings):
    """Return the address of the admin in a theme; its process is started when first asked for."""
    with contextlib.ExitStack() as stack:
        running = {}

        def site(host, switched_on):
            if host == "unfold":
                requirements.need("unfold", "django-unfold")
            kind = host, *switched_on.items()
            if kind not in running:
                alipay = alipay_settings | switched_on
                running[kind] = stack.enter_context(sites.admin_site(host, alipay))
            return running[kind]

        yield site


@pytest.fixture(scope="package")
def shops(tmp_path_factory):
    """Return the address of an example shop; each name is one, staged when first asked for."""
    with contextlib.ExitStack() as stack:
        running = {}

        def shop(name):
            if name not in running:
                scratch = tmp_path_factory.mktemp("shop")
                running[name] = stack.enter_context(sites.shop_site(scratch))
            return running[name]

        yield shop


@pytest.fixture
def look():
    """How the person looks at the pages; tests ask for others by parameter."""
    return PLAIN


@pytest.fixture
def window(chromium):
    """Open a window on a site; what the browser complains of there fails the test."""
    from tests.browser.listening import Complaints

    with contextlib.ExitStack() as stack:
        heard = []

        def open_window(site, look):
            context = chromium.new_context(
                base_url=site,
                locale=look.locale,
                viewport={"width": look.width, "height": 800},
                java_script_enabled=look.javascript,
                reduced_motion="reduce",
                color_scheme="dark" if look.dark else "light",
            )
            stack.callback(context.close)
            context.set_default_timeout(10_000)
            heard.append(Complaints(context, site))
            return context.new_page()

        yield open_window
        assert [text for complaints in heard for text in complaints.texts] == []


@pytest.fixture
def staff(gateway, admin_sites, switched_on, window, look):
    """Sit a person down in front of the admin, signed in unless told otherwise."""
    from tests.browser.admin_pages import AdminPages

    def sit_down(name, *, signed_in=True):
        user = get_user_model().objects.create_user(
            name, password=name, is_staff=True, is_superuser=name == "operator"
        )
        wanted = PERMISSIONS.get(name, [])
        user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
        pages = AdminPages(window(admin_sites(look.host, switched_on), look), look)
        if signed_in:
            pages.take_session_of(user)
        return pages

    return sit_down


@pytest.fixture
def pay(gateway):
    """Make a payment of 12.50 USD, paid unless told otherwise, known to shop and gateway."""

    def make(reference, *, status="SUCCESS", amount=1250):
        ids = {"payment_request_id": f"pay-{reference}", "payment_id": f"202611240100{reference}"}
        gateway.add_payment(**ids, status=status, amount_value=amount)
        fact = {"SUCCESS": "paid_at", "AUTHORIZED": "authorized_at"}.get(status)
        return services.record_payment(
            **ids,
            amount_value=amount,
            amount_currency="USD",
            reference=reference,
            **({fact: timezone.now()} if fact else {}),
        )

    return make


@pytest.fixture
def in_review(gateway, pay):
    """Make a cancellation that a person has to look at."""

    def make(reference):
        payment = pay(reference)
        gateway.misbehave(
            Fault.RESULT, api="cancel", calls=1, result_code="INVALID_SIGNATURE", signed=False
        )
        cancellation = services.cancel_payment(payment, reason="ordered twice")
        assert cancellation.status == "NEEDS_REVIEW"
        return cancellation

    return make


@pytest.fixture
def worker(alipay_settings, switched_on):
    """Run one pass of the worker as a process of its own, with everything that waits due."""

    def run():
        waiting = Cancellation.objects.filter(next_attempt_at__isnull=False)
        waiting.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        subprocess.run(
            sites.manage("process_cancellations"),
            env=sites.admin_environment("plain", alipay_settings | switched_on),
            check=True,
            capture_output=True,
        )

    return run
