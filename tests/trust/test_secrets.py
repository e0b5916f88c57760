"""Everything fails, and no secret is in any output, page, variable of a trace, or table."""

from __future__ import annotations

import base64
import contextlib
import io
import logging
import re
import socket
import ssl
import threading
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import django
import pytest
import trustme
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import connection, transaction
from django.test import Client
from django.urls import include, path
from django.views.debug import ExceptionReporter
from requests.adapters import HTTPAdapter

from django_alipay_cancel import conf, services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.admin.conftest import ADMIN, confirmation_of, page_of, route
from tests.servers import free_port
from tests.trust.test_notifications import message, post

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.slow]

# Put together, for a debug page shows lines of this file too.
MARKER = "".join(("m4", "rk", "3r"))
TESTS = str(Path(__file__).parent.parent)


@transaction.non_atomic_requests
def failing_view(request):
    """A view of the shop that lets everything of ours through."""
    services.cancel_payment(Payment.objects.get(pk=request.GET["payment"]))


urlpatterns = [
    path("failing/", failing_view),
    path("", include("tests.urls")),
]


class Seen:
    """All that came out anywhere, as text."""

    def __init__(self):
        self.texts = []

    def add(self, *texts):
        self.texts += map(str, texts)

    def add_response(self, response):
        self.add(response.serialize_headers(), response.content.decode())

    def add_error(self, error):
        """The message, the notes, and what debuggers and error trackers show of each frame."""
        while error is not None:
            self.add(repr(error), error, getattr(error, "__notes__", ""))
            trace = error.__traceback__
            while trace is not None:
                frame = trace.tb_frame
                if not frame.f_code.co_filename.startswith(TESTS):
                    self.add(*(repr(value) for value in frame.f_locals.values()))
                trace = trace.tb_next
            error = error.__cause__ or error.__context__

    @contextlib.contextmanager
    def errors(self, *kinds):
        """Whatever comes out of here came out; of these kinds."""
        with pytest.raises(kinds) as caught:
            yield
        self.add_error(caught.value)
        for is_email in (True, False):
            reporter = ExceptionReporter(None, caught.type, caught.value, caught.tb, is_email)
            self.add(reporter.get_traceback_text())


@pytest.fixture
def seen(caplog, capfd, settings):
    """Collects; at the end of the test it is searched, together with every table."""
    caplog.set_level(logging.DEBUG)
    settings.ROOT_URLCONF = __name__
    seen = Seen()
    secrets = [MARKER]
    seen.secrets = secrets
    yield seen
    seen.add(caplog.text, *capfd.readouterr())
    for record in caplog.get_records("call") + caplog.get_records("setup"):
        seen.add(record.getMessage(), record.args)
        if record.exc_info:
            seen.add_error(record.exc_info[1])
    seen.add(*rows_of_every_table())
    everything = "\n".join(seen.texts)
    assert len(everything) > 1000, "nothing was looked at"
    for secret in secrets:
        at = everything.find(secret)
        assert at < 0, everything[max(at - 300, 0) : at + 100]


def rows_of_every_table():
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            yield from map(repr, cursor.fetchall())


def pem(text, kind):
    """The key with a marked comment around it, which is part of the setting's text."""
    return f"{MARKER}\n-----BEGIN {kind} KEY-----\n{text}\n-----END {kind} KEY-----\n{MARKER}"


@pytest.fixture
def entry(gateway, seen):
    """Working settings with a marker in each secret."""
    entry = gateway.merchant_settings()
    seen.secrets += [entry["PRIVATE_KEY"][:40], entry["PRIVATE_KEY"][-40:]]
    return entry | {
        "PRIVATE_KEY": pem(entry["PRIVATE_KEY"], "PRIVATE"),
        "ALIPAY_PUBLIC_KEY": pem(entry["ALIPAY_PUBLIC_KEY"], "PUBLIC"),
        "AGENT_TOKEN": f"agent-{MARKER}",
        "PROXY_PASSWORD": f"proxy-{MARKER}",
    }


def asked(value):
    return lambda: value


@pytest.fixture(params=["written", "callables", "map", "map of callables"])
def use(request, settings):
    """Use these settings, the secrets among them written down, in a map, or given by callables."""

    def use(entry, **changes):
        given = entry | changes
        if "map" in request.param and not isinstance(given["ALIPAY_PUBLIC_KEY"], dict):
            given["ALIPAY_PUBLIC_KEY"] = {"1": given["ALIPAY_PUBLIC_KEY"]}
        if request.param == "callables":
            given = {name: asked(value) for name, value in given.items()}
        if request.param == "map of callables":
            keys = given["ALIPAY_PUBLIC_KEY"]
            given["ALIPAY_PUBLIC_KEY"] = {name: asked(value) for name, value in keys.items()}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": given}, "TIMEOUT": (0.5, 0.5)}

    return use


def signatures(gateway):
    """The signatures that went over the wire, in each spelling."""
    for call in gateway.calls:
        value = call.headers["signature"].rpartition("signature=")[2]
        yield from (value[:40], unquote(value)[:40])


def everything_people_do(seen, payment, operator):
    """Cancel in each way, look at each page, run each command; `payment` may be in any state."""
    try:
        services.request_cancellation(payment)
    except Exception as error:  # whatever it is, it is searched for secrets
        seen.add_error(error)
    Cancellation.objects.filter(status="PENDING").update(next_attempt_at=payment.created_at)
    services.process_due_cancellations()
    seen.add_response(operator.post(confirmation_of(payment), {"reason": ""}))
    seen.add_response(operator.post(route(payment, "refresh")))
    for cancellation in Cancellation.objects.all():
        seen.add_response(operator.post(route(cancellation, "retry")))
        seen.add_response(operator.get(page_of(cancellation)))
    for address in (page_of(payment), f"{ADMIN}payment/", f"{ADMIN}cancellation/"):
        seen.add_response(operator.get(address))
    for method, address in (
        ("post", f"/alipay/payments/{payment.pk}/cancellations/"),
        ("post", f"/alipay/payments/{payment.pk}/refresh/"),
        ("get", f"/alipay/payments/{payment.pk}/"),
        ("get", "/alipay/payments/"),
    ):
        seen.add_response(getattr(operator, method)(address, content_type="application/json"))
    for command in (["check_alipay"], ["check_alipay", "--live"], ["check"]):
        output = io.StringIO()
        try:
            call_command(*command, stdout=output, stderr=output)
        except (CommandError, SystemCheckError, RuntimeError) as problem:
            seen.add_error(problem)
        seen.add(output.getvalue())
    seen.add(repr(conf.settings), repr(payment))


def reprs(client):
    parts = (client, client.credentials, client.session, client.session.adapters)
    return [f(part) for part in parts for f in (repr, str)]


# --- what cannot work -----------------------------------------------------------------------------

BAD = {
    "no base64": {"PRIVATE_KEY": f"{MARKER}!"},
    "no key in the base64": {"PRIVATE_KEY": base64.b64encode(MARKER.encode() * 20).decode()},
    "cut off": {"PRIVATE_KEY": lambda entry: entry["PRIVATE_KEY"][:700]},
    "two blocks": {"PRIVATE_KEY": lambda entry: entry["PRIVATE_KEY"] * 2},
    "a public key": {"PRIVATE_KEY": lambda entry: entry["ALIPAY_PUBLIC_KEY"]},
    "bytes": {"PRIVATE_KEY": MARKER.encode()},
    "private key as Alipay's": {"ALIPAY_PUBLIC_KEY": lambda entry: entry["PRIVATE_KEY"]},
    "bad key by version": {"ALIPAY_PUBLIC_KEY": {"1": MARKER}},
    "bad token": {"AGENT_TOKEN": f"{MARKER}\r\nX: 1"},
    "bad proxy": {"PROXY": "socks5://127.0.0.1"},
    "bad password": {"PROXY_PASSWORD": f"{MARKER}\r\nX: 1"},
    "bad roots": {"CA_BUNDLE": "/nowhere", "PROXY": "http://127.0.0.1:9"},
}


@pytest.mark.parametrize("name", BAD)
def test_settings_that_cannot_work_show_nobody_a_secret(
    name, seen, use, entry, pay, admin_client, settings
):
    payment = pay()
    settings.DEBUG = True
    changes = {n: v(entry) if callable(v) else v for n, v in BAD[name].items()}
    use(entry, **changes)
    with seen.errors(Exception):
        services.cancel_payment(payment)
    headers = {"signature": "x", "request-time": "x"}
    with seen.errors(Exception):
        services.verify_notification(headers=headers, body=b"", path="/")
    everything_people_do(seen, payment, admin_client)
    page = Client(raise_request_exception=False).get(f"/failing/?payment={payment.pk}")
    assert page.status_code == 500
    assert "ImproperlyConfigured" in page.content.decode()
    seen.add_response(page)


def test_a_callable_that_raises_shows_nobody_the_other_secrets(
    seen, use, entry, pay, admin_client, settings
):
    payment = pay()
    settings.DEBUG = True

    def ask():
        raise ConnectionError("the vault is away")

    use(entry)
    merchants = settings.ALIPAY_CANCEL["MERCHANTS"]["default"] | {"ALIPAY_PUBLIC_KEY": ask}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": merchants}}
    with seen.errors(ConnectionError):
        services.cancel_payment(payment)
    everything_people_do(seen, payment, admin_client)
    page = Client(raise_request_exception=False).get(f"/failing/?payment={payment.pk}")
    assert "the vault is away" in page.content.decode()
    assert "in ask" in page.content.decode(), "where it was raised is still told"
    seen.add_response(page)


# --- what fails on the way ------------------------------------------------------------------------


@pytest.fixture
def angry_proxy():
    """A proxy that repeats what it was sent and lets nobody through."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = SimpleNamespace(
        port=listener.getsockname()[1], heard=[], status=b"407 Proxy Authentication Required"
    )

    def serve():
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with contextlib.closing(sock):
                    request = sock.recv(65536)
                    proxy.heard.append(request)
                    body = b"You sent: " + request
                    sock.sendall(
                        b"HTTP/1.1 "
                        + proxy.status
                        + b"\r\ncontent-length: "
                        + str(len(body)).encode()
                        + b"\r\nconnection: close\r\n\r\n"
                        + body
                    )

    threading.Thread(target=serve, daemon=True).start()
    yield proxy
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize("trouble", ["refused", "refused proxy", "proxy says no", "TLS"])
def test_a_way_that_is_barred_shows_nobody_a_secret(
    trouble, seen, use, entry, pay, admin_client, angry_proxy
):
    payment = pay()
    if trouble == "refused":
        use(entry, GATEWAY_URL=f"http://127.0.0.1:{free_port()}")
    elif trouble == "refused proxy":
        use(entry, PROXY=f"http://127.0.0.1:{free_port()}")
    elif trouble == "proxy says no":
        proxy = f"http://127.0.0.1:{angry_proxy.port}"
        use(entry, PROXY=proxy, PROXY_USER="us", GATEWAY_URL="https://open-na-global.alipay.com")
        login = base64.b64encode(f"us:proxy-{MARKER}".encode()).decode()
        angry_proxy.status += f", you sent {login}".encode()
        seen.secrets.append(login)
    else:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with FakeAlipay(tls=tls) if trouble == "TLS" else contextlib.nullcontext() as other:
        if other:
            use(entry, GATEWAY_URL=other.url)
        assert services.cancel_payment(payment).error in ("connection_failed", "tls_failed")
        everything_people_do(seen, payment, admin_client)
    seen.add(*reprs(conf.client_for("default")))
    if trouble == "proxy says no":
        assert seen.secrets[-1].encode() in angry_proxy.heard[0], "the proxy was told who asks"


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad Request"])
def test_a_server_that_repeats_the_request_brings_no_secret_into_rows_or_log(
    seen, use, entry, pay, admin_client, angry_proxy, status
):
    payment = pay()
    angry_proxy.status = status
    use(entry, GATEWAY_URL=f"http://127.0.0.1:{angry_proxy.port}")
    assert services.cancel_payment(payment).status == "PENDING"
    everything_people_do(seen, payment, admin_client)
    attempt = CancellationAttempt.objects.first()
    assert attempt.response_body.startswith("You sent: POST")
    assert "[hidden]" in attempt.response_body
    for request in angry_proxy.heard:
        [signature] = re.findall(rb"signature=([^\r]*)", request)
        seen.secrets += [signature.decode()[:40], unquote(signature.decode())[:40], "signature="]


BUYER = "buyer@shop.example"


def test_a_page_of_an_error_is_in_no_log(seen, use, entry, gateway, pay, caplog):
    payment = pay()
    use(entry)
    gateway.misbehave(Fault.HTTP_STATUS, status=502, body=f'{{"id": "{BUYER}"}}\u202e\u200b')
    assert services.cancel_payment(payment).error == "http_status"
    assert "HTTP 502" in caplog.text
    assert "bytes of" in caplog.text
    for record in caplog.records:
        assert BUYER not in record.getMessage()
        assert "\u202e" not in record.getMessage()
    assert BUYER in CancellationAttempt.objects.get(kind="cancel").response_body


@pytest.mark.parametrize(
    "fault", [Fault.SILENT_AFTER, Fault.RESET, Fault.WRONG_KEY, Fault.NOT_JSON]
)
def test_an_answer_that_goes_wrong_shows_nobody_a_secret(
    fault, seen, use, entry, gateway, pay, admin_client
):
    payment = pay()
    use(entry)
    gateway.misbehave(fault, calls=None)
    assert services.cancel_payment(payment).status == "PENDING"
    headers, body = message(gateway, payment.payment_id)
    seen.add_response(post(headers | {"signature": "x"}, body))
    everything_people_do(seen, payment, admin_client)
    seen.add(*reprs(conf.client_for("default")))
    assert gateway.calls[0].headers["agent-token"] == f"agent-{MARKER}"
    seen.secrets += signatures(gateway)


def test_all_going_well_leaves_no_secret_either(seen, use, entry, gateway, pay, admin_client):
    payment = pay()
    use(entry)
    everything_people_do(seen, payment, admin_client)
    assert Payment.objects.get().status == "CANCELLED"
    headers, body = message(gateway, payment.payment_id)
    seen.add_response(post(headers, body))
    seen.secrets += [*signatures(gateway), headers["signature"][-40:]]


class Broken(HTTPAdapter):
    """A defect at the worst place: the headers, the proxy and the keys are all at hand."""

    def __init__(self, error):
        self.error = error
        super().__init__()

    def send(self, request, **kwargs):
        headers = dict(request.headers)
        try:
            raise OSError(f"the line broke, with {len(headers)} headers at hand")
        except OSError:
            raise self.error  # noqa: B904 (what is behind it has frames too)


class TimeIsUp(BaseException):
    """As gevent's, or what a signal handler raises: no Exception."""


def test_a_defect_in_the_middle_of_a_call_shows_nobody_a_secret(
    seen, use, entry, gateway, pay, admin_client, settings
):
    settings.DEBUG = True
    payment, second = pay("a"), pay("b")
    use(entry, PROXY=f"http://127.0.0.1:{free_port()}")
    conf.client_for("default").session.mount("http://", Broken(RuntimeError("a defect")))
    with seen.errors(RuntimeError):
        services.cancel_payment(payment)
    page = Client(raise_request_exception=False).get(f"/failing/?payment={second.pk}")
    assert "a defect" in page.content.decode()
    assert "transport.py" in page.content.decode(), "where it was raised is still told"
    seen.add_response(page)
    everything_people_do(seen, payment, admin_client)


@pytest.mark.parametrize("kind", [TimeIsUp, KeyboardInterrupt, SystemExit])
def test_a_time_out_that_is_no_exception_takes_no_secret_along(seen, use, entry, pay, kind):
    payment = pay()
    use(entry)
    conf.client_for("default").session.mount("http://", Broken(kind("time is up")))
    try:
        raise LookupError("what the shop was handling")
    except LookupError as outside:
        with seen.errors(kind):
            services.cancel_payment(payment)
        assert outside.__traceback__ is not None, "that trace is the shop's own"


def test_a_vault_that_is_interrupted_takes_no_secret_along(seen, use, entry, pay, settings):
    def interrupted():
        raise TimeIsUp

    payment = pay()
    use(entry)
    merchant = settings.ALIPAY_CANCEL["MERCHANTS"]["default"] | {"KEY_VERSION": interrupted}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": merchant}}
    with seen.errors(TimeIsUp):
        services.cancel_payment(payment)


def test_the_debug_output_of_the_libraries_shows_no_secret(
    seen, use, entry, gateway, pay, monkeypatch
):
    payment = pay()
    use(entry)
    monkeypatch.setattr("http.client.HTTPConnection.debuglevel", 1)
    assert services.cancel_payment(payment).status == "SUCCEEDED"
    seen.secrets += signatures(gateway)


# --- errors that are not ours ---------------------------------------------------------------------


def failing_shop(request):
    """Any view of the shop, with an error that has nothing to do with this app."""
    raise RuntimeError("a bug of the shop")


urlpatterns.append(path("shop/", failing_shop))


@pytest.mark.filterwarnings("ignore:Django 2028 will not have a default mailer")
@pytest.mark.parametrize("debug", [True, False])
def test_an_error_of_the_shop_shows_nobody_our_settings(
    seen, use, entry, settings, mailoutbox, debug
):
    settings.DEBUG = debug
    address = "ops@shop.example"
    settings.ADMINS = [address if django.VERSION >= (6, 0) else ("ops", address)]
    use(entry, PROXY="http://127.0.0.1:9", PROXY_USER="shop")
    page = Client(raise_request_exception=False).get("/shop/")
    assert page.status_code == 500
    assert ("ALIPAY_CANCEL" in page.content.decode()) is debug
    seen.add_response(page)
    if not debug:
        [mail] = mailoutbox
        assert "ALIPAY_CANCEL" in mail.body
        seen.add(mail.body, mail.alternatives, mail.message())


def test_a_command_that_prints_the_settings_shows_nothing_that_a_function_gives(
    seen, entry, settings
):
    given = {name: asked(value) for name, value in entry.items()}
    given["ALIPAY_PUBLIC_KEY"] = {"1": asked(entry["ALIPAY_PUBLIC_KEY"])}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": given}}
    output = io.StringIO()
    call_command("diffsettings", stdout=output)
    assert "ALIPAY_CANCEL" in output.getvalue()
    seen.add(output.getvalue(), "." * 1000)
