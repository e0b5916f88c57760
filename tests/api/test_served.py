"""The REST routes behind gunicorn (WSGI) and uvicorn (ASGI), in a project that makes it hard."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest
import requests
from django.db import connection
from rest_framework.test import APIClient

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.keys import throw_away_keys
from tests.api.conftest import UNKNOWN, cancellations_of, is_error
from tests.processes import environment
from tests.servers import ROOT, free_port, require, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CSRF = "x" * 32
SECONDS = 20


@pytest.fixture(scope="module")
def gateways():
    """Return how to make a gateway: always on the same port, since a server's settings name it."""
    return partial(FakeAlipay, port=free_port(), keys=throw_away_keys())


@pytest.fixture
def gateway(gateways):
    with gateways() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def project(gateways, django_db_setup, tmp_path_factory):
    """Return the environment of tests.served_project on the test database."""
    alipay = {"MERCHANTS": {"default": gateways().merchant_settings()}, "TIMEOUT": [2, 5]}
    named = {
        **environment(),
        "DJANGO_SETTINGS_MODULE": "tests.served_project",
        "TEST_ALIPAY_CANCEL": json.dumps(alipay),
        "TEST_REPLICA": str(tmp_path_factory.mktemp("replica") / "replica.sqlite3"),
        "TEST_UNDER_WAY": str(tmp_path_factory.mktemp("under-way")),
    }
    migrate = [sys.executable, "-m", "django", "migrate", "--database=replica", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT, env=named, check=True, timeout=120)
    return named


@pytest.fixture(scope="module", params=["gunicorn", "uvicorn"])
def site(request, project):
    require(request.param)
    with serving(request.param, project) as url:
        yield url


class Answer:
    """A response over the wire, read as the test client's are."""

    def __init__(self, response):
        self.status_code, self.headers, self.json = (
            response.status_code,
            response.headers,
            response.json,
        )

    def __getitem__(self, name):
        return self.headers[name]

    def __contains__(self, name):
        return name in self.headers


class Browser:
    """A signed-in person's requests, each over a connection of its own."""

    def __init__(self, site, user):
        client = APIClient()
        client.force_login(user)
        cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={CSRF}"
        self.site, self.headers = site, {"Cookie": cookies, "X-CSRFToken": CSRF}

    def request(self, method, address, **options):
        headers = {**self.headers, **options.pop("headers", {})}
        return Answer(
            requests.request(
                method, self.site + address, headers=headers, timeout=SECONDS, **options
            )
        )

    def get(self, address):
        return self.request("GET", address)

    def post(self, address, **options):
        return self.request("POST", address, **options)

    def bytes(self, method, address, headers, body=b"", *, hang_up=True):
        """Send these very bytes; return the status, or None when the server just closes."""
        lines = [f"{method} {address} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
        lines += [f"{name}: {text}" for name, text in {**self.headers, **headers}.items()]
        host = urlsplit(self.site)
        with socket.create_connection((host.hostname, host.port), timeout=SECONDS) as wire:
            answer = b""
            with contextlib.suppress(OSError):  # refused while it is still sent
                wire.sendall("\r\n".join([*lines, "", ""]).encode() + body)
                if hang_up:
                    wire.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: wire.recv(65536), b""))
        return int(answer.split()[1]) if answer else None


@pytest.fixture
def browser(site, person):
    return Browser(site, person("clerk", "view_payment", "cancel_payment"))


def test_a_payment_is_cancelled_and_followed_though_every_request_is_atomic(gateway, pay, browser):
    payment, seen = pay(), []
    # Over another connection while the call is under way: the attempt is committed.
    gateway.before_answer = lambda call: (
        seen.append(CancellationAttempt.objects.get().outcome),
        connection.close(),
    )
    asked = browser.post(cancellations_of(payment), json={"reason": "ordered twice"})
    assert (asked.status_code, asked.json()["status"]) == (201, "SUCCEEDED")
    assert seen == ["OPEN"]
    gateway.before_answer = None
    assert browser.get(asked["Location"]).json() == asked.json()
    refreshed = browser.post(f"/alipay/payments/{payment.pk}/refresh/")
    assert (refreshed.status_code, refreshed.json()["status"]) == (200, "CANCELLED")
    assert browser.post(cancellations_of(payment)).status_code == 200


def test_a_replica_that_lags_makes_a_list_old_and_no_answer_wrong(gateway, pay, browser):
    payment = pay()
    asked = browser.post(cancellations_of(payment))
    assert asked.status_code == 201
    assert browser.get(f"/alipay/payments/{payment.pk}/").json()["status"] == "CANCELLED"
    assert len(browser.get(cancellations_of(payment)).json()["results"]) == 1
    assert browser.get("/alipay/payments/").json()["results"] == []


@pytest.mark.once
def test_a_caller_of_another_class_cancels_by_permission(site, gateway, pay):
    payment = pay()
    headers = {"Authorization": "Member Li-Lei"}
    asked = requests.post(site + cancellations_of(payment), headers=headers, timeout=SECONDS)
    assert asked.status_code == 201
    assert asked.json()["requested_by_name"] == "Li-Lei"
    stranger = Answer(requests.post(site + cancellations_of(payment), timeout=SECONDS))
    assert is_error(stranger, 401, "not_authenticated")
    assert stranger["WWW-Authenticate"] == "Member"


JSON = {"Content-Type": "application/json"}
# Servers take in so much of a refused body, for a client that sends all before it reads.
LARGE = b'{"reason": "' + b"x" * 60_000 + b'"}'


@pytest.mark.once
@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        (JSON, LARGE, 413, "body_too_large"),
        ({"Content-Type": "text/plain"}, LARGE, 415, "unsupported_media_type"),
        (JSON, b'{"reason": ', 400, "parse_error"),
        (JSON, '{"reason": "\u9000\u6b3e"}'.encode("gb18030"), 400, "parse_error"),
        ({"Content-Type": "application/json; charset=gb18030"}, b'{"x": 1}', 400, "unknown"),
        (JSON, b'{"reason": "a\\u0000b"}', 400, "null_characters_not_allowed"),
        (JSON, b'{"reason": "a\x00b"}', 400, "parse_error"),
        ({}, b"reason=x", 415, "unsupported_media_type"),
    ],
)
def test_a_bad_body_is_refused_in_the_documented_shape(
    gateway, pay, browser, headers, body, status, code
):
    address = cancellations_of(pay())
    assert is_error(browser.post(address, headers=headers, data=body), status, code)
    # A client that sends all before it reads gets the answer too, not a broken connection.
    length = {"Content-Length": str(len(body))}
    assert browser.bytes("POST", address, {**headers, **length}, body, hang_up=False) == status
    assert not Cancellation.objects.exists() and not gateway.calls


@pytest.mark.once
@pytest.mark.parametrize(
    ("headers", "length", "status"),
    [(JSON, 60_000, 401), (JSON, 10_000_000, 401), ({"Content-Type": "text/plain"}, 60_000, 415)],
)
def test_a_body_that_drips_and_is_refused_holds_no_worker(project, headers, length, status):
    """One process with one thread: whoever holds it keeps everybody else out, here for an hour."""
    require("gunicorn")
    address = cancellations_of(Payment(pk=UNKNOWN))
    lines = [f"POST {address} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    stopped = Event()
    with serving("gunicorn", project, threads=1) as url, ThreadPoolExecutor() as pool:
        host = urlsplit(url)
        requests.get(f"{url}/alipay/payments/", timeout=SECONDS)  # the first one imports everything
        with socket.create_connection((host.hostname, host.port), timeout=SECONDS) as wire:

            def drip():
                with contextlib.suppress(OSError):
                    while not stopped.wait(0.1):
                        wire.sendall(b" ")

            began = time.monotonic()
            wire.sendall("\r\n".join([*lines, "", ""]).encode())
            pool.submit(drip)
            try:
                assert int(wire.recv(65536).split()[1]) == status
                assert requests.get(f"{url}/alipay/payments/", timeout=SECONDS).status_code == 401
                assert time.monotonic() - began < SECONDS
            finally:
                stopped.set()


@pytest.mark.once
def test_a_body_in_chunks_is_refused_whether_they_are_well_formed_or_not(gateway, pay, browser):
    address = cancellations_of(pay())
    chunked = {**JSON, "Transfer-Encoding": "chunked"}
    well_formed = browser.post(address, headers=JSON, data=iter([b'{"reasn": ', b'"x"}']))
    assert is_error(well_formed, 411, "length_required")
    for body in (b"ZZZ\r\n{}\r\n0\r\n\r\n", b"5\r\n{}\r\n", b"", b"FFFFFFFFFFFFFFFFF\r\n{}"):
        status = browser.bytes("POST", address, chunked, body)
        assert status is None or 400 <= status < 500, body
    assert not Cancellation.objects.exists() and not gateway.calls


@pytest.mark.once
def test_a_body_that_breaks_off_is_refused(gateway, pay, browser):
    address = cancellations_of(pay())
    for length in ("500", "99999999999999999999999", "-1", "many"):
        for body in (b"", b'{"rea', b"{}"):
            status = browser.bytes("POST", address, {**JSON, "Content-Length": length}, body)
            assert status is None or 400 <= status < 500, (length, body)
    assert not Cancellation.objects.exists() and not gateway.calls


@pytest.mark.parametrize("key", ["x", "%00", "%2e%2e", "%ff", "a" * 2000, UNKNOWN, "'; --"])
def test_an_id_that_is_none_is_404(gateway, browser, key):
    assert is_error(browser.post(f"/alipay/payments/{key}/cancellations/"), 404, "not_found")
    assert is_error(browser.get(f"/alipay/cancellations/{key}/"), 404, "not_found")


@pytest.mark.once
def test_a_request_target_that_no_server_passes_on_is_a_4xx(browser):
    for target in ("/alipay/payments/?reference=" + "a" * 100_000, "/alipay/payments/\x00/"):
        status = browser.bytes("GET", target, {})
        assert status is None or 400 <= status < 500


def test_a_client_that_hangs_up_during_the_call_leaves_no_doubt_behind(
    gateway, pay, browser, project
):
    payment, called, go_on = pay(), Event(), Event()
    gateway.before_answer = lambda call: (called.set(), go_on.wait(SECONDS))
    host = urlsplit(browser.site)
    with socket.create_connection((host.hostname, host.port), timeout=SECONDS) as wire:
        lines = [f"POST {cancellations_of(payment)} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {text}" for name, text in browser.headers.items()]
        wire.sendall("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        assert called.wait(SECONDS)
    under_way = Path(project["TEST_UNDER_WAY"])
    assert any(under_way.iterdir())
    go_on.set()
    give_up = time.monotonic() + SECONDS
    # The answer, too, that nobody takes: what the server reads for it must be there.
    while any(under_way.iterdir()):
        assert time.monotonic() < give_up, "The request does not end."
        time.sleep(0.05)
    assert Cancellation.objects.get().status == "SUCCEEDED"
    assert CancellationAttempt.objects.get().outcome == "SUCCEEDED"
    assert Payment.objects.get().status == "CANCELLED"


def test_32_requests_at_once_cancel_once_and_all_get_the_same_id(project, gateway, pay, person):
    require("gunicorn")
    payment = pay()
    gateway.latency = 0.3
    with serving("gunicorn", project, workers=4, threads=8) as url:
        browser = Browser(url, person("clerk", "cancel_payment"))
        with ThreadPoolExecutor(32) as people:
            asked = list(people.map(lambda _: browser.post(cancellations_of(payment)), range(32)))
    told = [answer.json() for answer in asked]
    assert [answer.status_code for answer in asked if answer.status_code > 202] == []
    assert {body["id"] for body in told} == {str(Cancellation.objects.get().pk)}
    for answer, body in zip(asked, told, strict=True):
        is_open = body["status"] == "PENDING"
        assert (answer.status_code == 202) == is_open == ("Retry-After" in answer)
    assert [call.api for call in gateway.calls] == ["cancel"]
    assert CancellationAttempt.objects.get().outcome == "SUCCEEDED"
    assert gateway.payment("payment-order-1").status == "CANCELLED"
