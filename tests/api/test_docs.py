"""The code of docs/rest.md, run as it stands there."""

from __future__ import annotations

import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from django.contrib.auth import get_user_model, login
from django.contrib.auth.models import Group
from django.db import connection
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.test.utils import isolate_apps
from django.urls import include, path
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from django_alipay_cancel import services, signals
from django_alipay_cancel.api import errors, examples
from django_alipay_cancel.api.base import AlipayView
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.testing import Fault
from tests.api.conftest import ask, is_error

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rest.md"

pytestmark = pytest.mark.django_db


def code(heading, language="python"):
    """Return the blocks of code under this heading of the page."""
    page = PAGE.read_text("utf-8")
    (section,) = re.findall(rf"^##+ {heading}\n(.*?)(?=^##+ |\Z)", page, re.M | re.S)
    blocks = re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)
    assert blocks, f"{heading} has no {language}"
    return blocks


def run(block, **names):
    """Run a block as a module that knows these names; return all it knows afterwards."""
    # As if the module were of an app that is installed: a model has to be.
    known = {"__name__": "django_alipay_cancel.shop", **names}
    exec(compile(block, PAGE.name, "exec"), known)
    return known


def authenticate_as(settings, monkeypatch, block):
    """Use the REST_FRAMEWORK of a block: views keep what was set when they were imported."""
    settings.REST_FRAMEWORK = run(block)["REST_FRAMEWORK"]
    classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    monkeypatch.setattr(AlipayView, "authentication_classes", classes)


class TestSetUps:
    def test_a_back_office_with_a_token(self, settings, monkeypatch, pay):
        rest_framework, account = code("A back office with a token")
        authenticate_as(settings, monkeypatch, rest_framework)
        token = run(account)["token"]
        payment = pay()
        client = APIClient(headers={"authorization": f"Token {token}"})
        assert [row["can_cancel"] for row in client.get("/alipay/payments/").json()["results"]] == [
            True
        ]
        asked = ask(client, payment)
        assert (asked.status_code, asked.json()["requested_by_name"]) == (201, "back-office")
        assert client.get(asked["Location"]).status_code == 200
        assert is_error(ask(APIClient(), payment), 401, "not_authenticated")
        wrong = APIClient(headers={"authorization": "Token x"})
        assert is_error(ask(wrong, payment), 401, "authentication_failed")
        assert api_settings.DEFAULT_THROTTLE_RATES["alipay_cancel"] == "120/min"

    def test_permissions_by_object(self, settings, monkeypatch, gateway, pay, buyer):
        (backend,) = code("Permissions by object")
        monkeypatch.setattr(
            sys.modules[__name__], "MerchantGroups", run(backend)["MerchantGroups"], raising=False
        )
        settings.AUTHENTICATION_BACKENDS = [
            "django.contrib.auth.backends.ModelBackend",
            f"{__name__}.MerchantGroups",
        ]
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"eu": gateway.merchant_settings()}}
        buyer.groups.add(Group.objects.create(name="merchant:eu"))
        client = APIClient()
        client.force_login(buyer, backend="django.contrib.auth.backends.ModelBackend")
        assert ask(client, pay("order-1", merchant="eu")).status_code == 201
        assert is_error(ask(client, pay("order-2")), 404, "not_found")

    def test_buyers_cancel_their_own(self, settings, gateway, buyer, signed_in):
        allow, record = code("Buyers cancel their own")[:2]
        settings.ALIPAY_CANCEL = run(allow, ALIPAY_CANCEL={**settings.ALIPAY_CANCEL})[
            "ALIPAY_CANCEL"
        ]
        gateway.add_payment(payment_request_id="pay-1001")
        request = SimpleNamespace(user=buyer)
        run(record, services=services, request=request, paid_at=timezone.now())
        client = signed_in(buyer)
        (payment,) = client.get("/alipay/payments/").json()["results"]
        assert (payment["reference"], payment["can_cancel"]) == ("1001", True)
        asked = client.post(f"/alipay/payments/{payment['id']}/cancellations/")
        assert (asked.status_code, asked.json()["status"]) == (201, "SUCCEEDED")
        refused = client.post(f"/alipay/payments/{payment['id']}/refresh/")
        assert is_error(refused, 403, "permission_denied")

    def test_what_is_ones_own_is_decided_by_one_method(
        self, settings, gateway, pay, person, signed_in
    ):
        override = code("Buyers cancel their own")[2]
        settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": run(override)["urlpatterns"]})
        settings.ALIPAY_CANCEL = {
            "MERCHANTS": {name: gateway.merchant_settings() for name in ("seller", "default")},
            "CUSTOMERS_MAY_CANCEL": True,
        }
        sellers, others = pay("order-1", merchant="seller"), pay("order-2")
        client = signed_in(person("seller"))
        listed = client.get("/alipay/payments/").json()["results"]
        assert [row["reference"] for row in listed] == ["order-1"]
        assert ask(client, sellers).status_code == 201
        assert is_error(ask(client, others), 404, "not_found")


def chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None and os.environ.get("CI_REQUIRE_ALL") == "1":
        pytest.fail("chromium is missing")
    return found or pytest.skip("left out: no chromium")


class Page:
    """A page of the shop that runs the script of the documentation and tells what came of it."""

    def __init__(self, payment, script):
        self.payment, self.script = payment, script
        self.told, self.came = None, threading.Event()
        self.urlpatterns = [
            path("alipay/", include("django_alipay_cancel.urls")),
            path("page/", self.show),
            path("told/", self.tell),
        ]

    def show(self, request):
        login(request, get_user_model().objects.get(username="buyer"))
        call = f'cancelPayment("{self.payment.pk}", "{get_token(request)}")'
        return HttpResponse(
            f"<script>{self.script}; {call}.then((answer) => JSON.stringify(answer), String)"
            '.then((text) => fetch("/told/?" + encodeURIComponent(text)));</script>'
        )

    def tell(self, request):
        self.told = unquote(request.META["QUERY_STRING"])
        self.came.set()
        return HttpResponse()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fault", "allowed", "told"),
    [
        (None, True, "SUCCEEDED"),
        (Fault.ANSWER_LOST_AFTER, True, "SUCCEEDED"),  # after having waited for the worker
        (None, False, "Error: You do not have permission"),
    ],
)
def test_a_frontend_on_the_same_site(
    settings, monkeypatch, tmp_path, live_server, gateway, pay, buyer, fault, allowed, told
):
    (rest_framework,) = code("A frontend on the same site")
    (script,) = code("A frontend on the same site", "js")
    authenticate_as(settings, monkeypatch, rest_framework)
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CUSTOMERS_MAY_CANCEL": allowed}
    if fault:
        gateway.misbehave(fault, api="cancel", calls=1)
    page = settings.ROOT_URLCONF = Page(pay(customer=buyer), script)
    browser = subprocess.Popen(
        [
            *(chromium(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path}", f"{live_server.url}/page/"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = timezone.now().timestamp() + 60
        while not page.came.wait(0.5) and timezone.now().timestamp() < give_up:
            services.process_due_cancellations()
    finally:
        browser.terminate()
        browser.wait(20)
    assert page.told is not None
    if allowed:
        answer = json.loads(page.told)
        assert answer["status"] == told
        assert answer["message"].startswith("Your payment is cancelled.")
        assert CancellationAttempt.objects.count() == (2 if fault else 1)
    else:
        assert page.told.startswith(told)


class Receiver(ThreadingHTTPServer):
    """The far end of a webhook: refuses the first message, takes the others."""

    def __init__(self):
        self.got = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((body, self.headers["Webhook-Signature"]))
        self.send_response(500 if len(self.server.got) == 1 else 204)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.mark.django_db(transaction=True)
def test_a_webhook_is_sent_until_it_has_arrived_and_written_once(settings, gateway, pay, clerk):
    (outbox,) = code("Tell others: webhooks and messages")
    with isolate_apps("django_alipay_cancel"), Receiver() as far_end:
        shop = run(outbox)
        settings.WEBHOOK_URL = f"http://127.0.0.1:{far_end.server_address[1]}/"
        settings.WEBHOOK_KEY = b"only for tests"
        with connection.schema_editor() as editor:
            editor.create_model(shop["Webhook"])
        try:
            asked = ask(clerk, pay()).json()
            # The signal comes at least once: here once more.
            cancellation = Cancellation.objects.get()
            signals.cancellation_succeeded.send(
                None, cancellation=cancellation, payment=cancellation.payment
            )
            for _ in range(3):
                shop["deliver_webhooks"]()
        finally:
            signals.cancellation_succeeded.disconnect(shop["write_webhook"])
            with connection.schema_editor() as editor:
                editor.delete_model(shop["Webhook"])
        far_end.shutdown()
    assert len(far_end.got) == 2  # refused, then taken; and nothing after that
    assert far_end.got[0] == far_end.got[1]
    body, signature = far_end.got[1]
    assert signature == hmac.new(b"only for tests", body, "sha256").hexdigest()
    event = json.loads(body)
    assert event == {
        "id": asked["id"],
        "type": "cancellation.succeeded",
        "reference": "order-1",
        "payment": asked["payment"],
        "money_returned": True,
        "finished_at": event["finished_at"],
    }


NAME = errors.__name__
WITH_EXAMPLES = (400, 401, 403, 404, 406, 409, 411, 413, 415, 429, 503)


def test_every_code_is_in_the_table_with_its_status():
    (table,) = re.findall(r"^\| HTTP \| `code` \|.*?\n\n", PAGE.read_text("utf-8"), re.M | re.S)
    rows = re.findall(r"^\| ([\d or]+) \| (.*?) \|", table, re.M)
    documented = {
        (int(status), name)
        for statuses, names in rows
        for status in statuses.split(" or ")
        for name in re.findall(r"`(\w+)`", names)
    }
    ours = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == NAME
    ]
    known = [
        *(kind() for kind in ours if issubclass(kind, exceptions.APIException)),
        *(error for status in WITH_EXAMPLES for error in examples.refusals(status)),
        exceptions.AuthenticationFailed(),
        exceptions.MethodNotAllowed("PUT"),
    ]
    assert len(known) > 20
    for error in known:
        answered = error.status_code, examples.error_document(error)["code"]
        assert answered in documented, answered
