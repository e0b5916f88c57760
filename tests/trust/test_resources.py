"""Answers that are meant to exhaust us: unknown within the time limit, and little memory."""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
import time
import tracemalloc

import pytest

from django_alipay_cancel import conf, services
from django_alipay_cancel.models import CancellationAttempt, Payment
from django_alipay_cancel.testing.wire import Seal
from tests.alipay.far_end import Server, http_answer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

CONNECT, READ = 0.5, 0.7
# Around a call, on a machine that does other things too: without a limit each lasts for minutes.
SECONDS_OF_OURS = 10
MEMORY = 20_000_000

OK = b"HTTP/1.1 200 OK\r\n"
PIECE = b"x" * 65536


def forever(head, piece, pause=0.0):
    """Send `piece` after `head` until nobody listens any more."""

    def script(sock, request, server, seal):
        sock.sendall(head)
        while not server.wait_until_stopped(pause):
            sock.sendall(piece)

    return script


def drip(data):
    """Send one byte every 50 ms."""

    def script(sock, request, server, seal):
        for byte in data:
            if server.wait_until_stopped(0.05):
                return
            sock.sendall(bytes([byte]))

    return script


def signed(make_body, **headers):
    """Send a body with Alipay's own signature over exactly its bytes."""

    def script(sock, request, server, seal):
        body = make_body(request)
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        path = request.split(b" ")[1].decode()
        sock.sendall(http_answer(body, {**dict(seal(path).answer(body).headers), **more}))

    return script


def a_success(request, **fields):
    ids = json.loads(request.partition(b"\r\n\r\n")[2])
    result = {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success."}
    return json.dumps({"result": result, "paymentStatus": "CANCELLED", **ids, **fields}).encode()


def reset(sock, request, server, seal):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(sock.detach())


# Members of a gzip file may stand one after another.
TEN_MEGABYTES = gzip.compress(b" " * 10_000_000)
SMALL_BOMB, LARGE_BOMB = TEN_MEGABYTES * 5, TEN_MEGABYTES * 20

ATTACKS = {
    "1 GB body": (forever(OK + b"content-length: 1000000000\r\n\r\n", PIECE), "too_large"),
    "endless body": (forever(OK + b"\r\n", PIECE), "too_large"),
    "endless chunks": (
        forever(OK + b"transfer-encoding: chunked\r\n\r\n", b"10000\r\n" + PIECE + b"\r\n"),
        "too_large",
    ),
    "one chunk of 4 GB": (
        forever(OK + b"transfer-encoding: chunked\r\n\r\nffffffff\r\n", PIECE),
        "too_large",
    ),
    "endless header": (forever(OK + b"x: ", PIECE), "connection_lost"),
    "endless headers": (forever(OK, b"x: y\r\n" * 10_000), "connection_lost"),
    "long headers": (forever(OK, b"x: " + b"y" * 60_000 + b"\r\n"), "too_large"),
    "endless status line": (forever(b"HTTP/1.1 200 ", PIECE), "connection_lost"),
    "endless 100 Continue": (forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "too_large"),
    "small gzip bomb": (
        signed(lambda request: SMALL_BOMB, content_encoding="gzip"),
        "invalid_body",
    ),
    "large gzip bomb": (
        signed(lambda request: LARGE_BOMB, content_encoding="gzip"),
        "too_large",
    ),
    "gzip of a genuine answer": (
        signed(lambda request: gzip.compress(a_success(request)), content_encoding="gzip"),
        "invalid_body",
    ),
    "drip of a body": (drip(OK + b"content-length: 9999\r\n\r\n" + b" " * 9999), "timeout"),
    "drip of a header": (drip(OK + b"x: " + b"y" * 9999), "timeout"),
    "silence": (lambda sock, request, server, seal: server.wait_until_stopped(5), "timeout"),
    "nesting": (signed(lambda request: b"[" * 60_000), "invalid_body"),
    "a very long number": (
        signed(lambda request: a_success(request)[:-1] + b',"a":' + b"9" * 60_000 + b"}"),
        "invalid_body",
    ),
    "very many names": (
        signed(lambda request: b"{" + b'"a":1,' * 10_000 + b'"a":1}'),
        "invalid_body",
    ),
    "reset after the request was read": (reset, "connection_lost"),
}


@pytest.fixture
def serve(settings, gateway):
    """Let a script answer our calls; it can sign with Alipay's own key."""
    servers = []

    def seal(path):
        return Seal(
            uri=path,
            client_id=gateway.client_id,
            time="2026-01-02T11:04:05+08:00",
            key=gateway.keys.alipay,
        )

    def start(script):
        servers.append(Server(lambda sock, request: script(sock, request, servers[0], seal)))
        entry = gateway.merchant_settings() | {"GATEWAY_URL": servers[0].url}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}, "TIMEOUT": (CONNECT, READ)}

    yield start
    for server in servers:
        server.stop()


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("call", ["cancel", "refresh"])
def test_an_answer_cannot_exhaust_us(serve, pay, name, call):
    script, error = ATTACKS[name]
    payment = pay()
    serve(script)
    conf.client_for("default")  # keys and trust roots are loaded once
    try:
        tracemalloc.start()
        started = time.monotonic()
        if call == "cancel":
            services.cancel_payment(payment)
        else:
            services.refresh_payment(payment)
        seconds = time.monotonic() - started
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < CONNECT + READ + SECONDS_OF_OURS
    # The server runs in this process: its bombs were made before, its pieces count as ours.
    assert peak < MEMORY
    if call == "refresh":
        stored = Payment.objects.get(pk=payment.pk)
        assert (stored.status, stored.checked_at) == ("PROCESSING", None)
        return
    attempt = CancellationAttempt.objects.get()
    assert (attempt.outcome, attempt.error) == ("UNKNOWN", error)
    assert attempt.cancellation.status == "PENDING"
    assert attempt.cancellation.payment.status == "CANCELLING"
    assert len(attempt.response_body) <= 4096


def test_the_same_server_is_believed_when_it_answers_as_alipay_does(serve, pay):
    """The attacks above fail for what they are, and not for how the server is made."""
    serve(signed(a_success))
    assert services.cancel_payment(pay()).status == "SUCCEEDED"
