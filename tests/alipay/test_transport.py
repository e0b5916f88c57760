"""One call over real sockets, on good days and on bad ones."""

import base64
import contextlib
import datetime
import errno
import gzip
import ipaddress
import os
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from far_end import (
    MERCHANT_KEY,
    Server,
    http_answer,
    send_success,
    signed_headers,
    success,
)

from django_alipay_cancel.alipay import connection
from django_alipay_cancel.alipay.answers import Answer
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.connection import current_exchange
from tests.servers import free_port

Serve = Callable[..., Server]
ClientFor = Callable[..., AlipayClient]

BODY = '{"paymentId":"2019"}'
# Seconds: a busy machine does not take so long, and what nothing bounds takes longer.
LONG = 15


def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    started = time.monotonic()
    return call(), time.monotonic() - started


def reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(sock.detach())


def dripping(server: list[Server], data: Callable[[bytes], bytes]) -> Callable[..., None]:
    """Send one byte every 50 ms for ever."""

    def drip(sock: socket.socket, request: bytes) -> None:
        for byte in data(request):
            if server[0].wait_until_stopped(0.05):
                return
            sock.sendall(bytes([byte]))

    return drip


# --- the time limit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        lambda request: b"HTTP/1.1 200 OK\r\nx: " + b"y" * 10_000,
        lambda request: b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        lambda request: b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + b" " * 9999,
        lambda request: (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000
        ),
    ],
    ids=["header", "continue", "body", "chunks"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dripping_answer_cannot_stretch_the_call(
    serve: Serve,
    client_for: ClientFor,
    certificates: "Certificates",
    data: Callable[[bytes], bytes],
    scheme: str,
) -> None:
    servers: list[Server] = []
    tls = certificates.server() if scheme == "https" else None
    servers.append(serve(dripping(servers, data), tls=tls))
    client = client_for(servers[0].url, timeout=(0.4, 0.4), ca_bundle=certificates.bundle)
    answer, seconds = timed(lambda: client.cancel(BODY))
    assert (answer.error, answer.sent) == ("timeout", True)
    assert 0.7 < seconds < LONG


def test_a_silent_server_is_waited_for_no_longer_than_the_read_timeout(
    serve: Serve, client_for: ClientFor
) -> None:
    servers: list[Server] = []
    servers.append(serve(lambda sock, request: servers[0].wait_until_stopped(4 * LONG)))
    client = client_for(servers[0].url, timeout=(2 * LONG, 0.3))
    answer, seconds = timed(lambda: client.cancel(BODY))
    assert (answer.error, answer.sent) == ("timeout", True)
    assert 0.2 < seconds < LONG


def test_a_server_that_never_shakes_hands_is_given_up_unsent(client_for: ClientFor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        client = client_for(url, timeout=(0.3, 2 * LONG))
        answer, seconds = timed(lambda: client.cancel(BODY))
    assert (answer.error, answer.sent) == ("connection_failed", False)
    assert 0.2 < seconds < LONG


def test_many_addresses_share_one_connect_timeout(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(address)  # a full backlog: further connects hang
        entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [entry] * 100)
        client = client_for(f"http://localhost:{address[1]}", timeout=(0.4, 2 * LONG))
        answer, seconds = timed(lambda: client.cancel(BODY))
        for filler in fillers:
            filler.close()
    assert (answer.error, answer.sent) == ("connection_failed", False)
    assert 0.3 < seconds < LONG


# --- sent or not sent -------------------------------------------------------------------------


def test_a_refused_connection_is_not_sent(client_for: ClientFor) -> None:
    answer = client_for(f"http://127.0.0.1:{free_port()}").cancel(BODY)
    assert (answer.error, answer.sent, answer.http_status) == ("connection_failed", False, None)
    refused = f"[Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}"
    assert answer.detail == f"127.0.0.1: {refused}"


def test_an_unknown_host_is_not_sent(client_for: ClientFor) -> None:
    answer = client_for("http://nowhere.invalid").cancel(BODY)
    assert (answer.error, answer.sent) == ("connection_failed", False)
    assert answer.detail.startswith("the name cannot be resolved: ")


def test_a_host_without_an_address_is_not_sent(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [])
    answer = client_for("http://localhost").cancel(BODY)
    assert (answer.error, answer.sent) == ("connection_failed", False)
    assert answer.detail == "the name has no address"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_reset_after_the_request_was_read_counts_as_sent(
    serve: Serve, client_for: ClientFor, certificates: "Certificates", scheme: str
) -> None:
    tls = certificates.server() if scheme == "https" else None
    server = serve(lambda sock, request: reset(sock), tls=tls)
    answer = client_for(server.url, ca_bundle=certificates.bundle).cancel(BODY)
    assert (answer.error, answer.sent) == ("connection_lost", True)
    assert len(server.requests) == 1, "never repeated by itself"


def test_an_answer_cut_short_is_a_lost_connection(serve: Serve, client_for: ClientFor) -> None:
    def cut(sock: socket.socket, request: bytes) -> None:
        sock.sendall(success(request)[:-10])
        sock.shutdown(socket.SHUT_RDWR)

    answer = client_for(serve(cut).url).cancel(BODY)
    assert (answer.error, answer.sent) == ("connection_lost", True)
    assert answer.detail == "ProtocolError", "what it was, without a text that may quote a header"


def test_what_is_no_http_is_a_lost_connection(serve: Serve, client_for: ClientFor) -> None:
    server = serve(lambda sock, request: sock.sendall(b"SSH-2.0-OpenSSH\r\n\r\n"))
    answer = client_for(server.url).cancel(BODY)
    assert (answer.error, answer.sent) == ("connection_lost", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"gateway_url": "ftp://localhost"},
        {"gateway_url": "localhost"},
        pytest.param({"agent_token": "token\r\nX-Injected: 1"}, id="line end in agent_token"),
        pytest.param({"agent_token": "口令"}, id="agent_token beyond ASCII"),
        {"proxy": "socks5://localhost:1"},
        {"proxy": "https://localhost:1"},
    ],
    ids=str,
)
def test_what_cannot_be_sent_as_configured_is_said_so(
    serve: Serve, client_for: ClientFor, changes: dict[str, str]
) -> None:
    server = serve()
    answer = client_for(server.url, **changes).cancel(BODY)
    assert (answer.error, answer.sent) == ("configuration", False)
    assert not server.requests
    assert "oken" not in answer.detail


# --- TLS --------------------------------------------------------------------------------------


class Certificates:
    """An authority, the file that trusts it, and server contexts of every kind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.bundle = str(folder / "authority.pem")
        self._authority.cert_pem.write_to_path(self.bundle)

    def server(self, host: str = "localhost", **options: Any) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(host, **options).configure_cert(context)
        return context

    def self_signed(self) -> ssl.SSLContext:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = (
            x509.CertificateBuilder(name, name, MERCHANT_KEY.public_key(), 1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .sign(MERCHANT_KEY, hashes.SHA256())
        )
        file = self._folder / "self_signed.pem"
        key = MERCHANT_KEY.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(key + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_a_trusted_server_is_called_over_tls(
    serve: Serve, client_for: ClientFor, certificates: Certificates
) -> None:
    server = serve(tls=certificates.server())
    client = client_for(server.url, ca_bundle=certificates.bundle)
    assert client.cancel(BODY).verified
    assert client.cancel(BODY).verified
    assert server.connections == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("wrong host", "Hostname mismatch"),
        ("expired", "expired"),
        ("self-signed", "self-signed certificate"),
        ("old protocol", "protocol"),
    ],
)
def test_an_untrusted_server_gets_nothing_and_the_reason_is_told(
    serve: Serve, client_for: ClientFor, certificates: Certificates, kind: str, reason: str
) -> None:
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    if kind == "wrong host":
        tls = certificates.server("elsewhere.example")
    elif kind == "expired":
        tls = certificates.server(not_after=yesterday)
    elif kind == "self-signed":
        tls = certificates.self_signed()
    else:
        tls = certificates.server()
        tls.set_ciphers("DEFAULT:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    server = serve(tls=tls)
    answer = client_for(server.url, ca_bundle=certificates.bundle).cancel(BODY)
    assert (answer.error, answer.sent) == ("tls_failed", False)
    assert reason in answer.detail
    assert "CERTIFICATE_VERIFY_FAILED" not in answer.detail, "the reason, not the kind of it"
    assert not server.requests


def test_the_usual_roots_do_not_trust_a_private_authority(
    serve: Serve,
    client_for: ClientFor,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, certificates.bundle)
    server = serve(tls=certificates.server())
    assert client_for(server.url).cancel(BODY).error == "tls_failed"


def test_verification_cannot_be_switched_off(
    serve: Serve, client_for: ClientFor, certificates: Certificates
) -> None:
    server = serve(tls=certificates.server("elsewhere.example"))
    client = client_for(server.url, ca_bundle=certificates.bundle)
    client.session.verify = False  # what must have no effect
    assert client.cancel(BODY).error == "tls_failed"


def test_a_missing_trust_root_file_is_an_error_at_once(
    client_for: ClientFor, tmp_path: Path
) -> None:
    with pytest.raises(OSError):
        client_for("https://localhost", ca_bundle=str(tmp_path / "missing.pem"))


# --- bounded, undecoded answers -----------------------------------------------------------------


def test_an_encoded_answer_is_never_decompressed(serve: Serve, client_for: ClientFor) -> None:
    def answer_gzip(sock: socket.socket, request: bytes) -> None:
        body = gzip.compress(success(request).partition(b"\r\n\r\n")[2])
        path = request.split(b" ")[1].decode()
        sock.sendall(http_answer(body, signed_headers(path, body) | {"content-encoding": "gzip"}))

    answer = client_for(serve(answer_gzip).url).cancel(BODY)
    assert (answer.error, answer.sent) == ("invalid_body", True)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (http_answer(b" " * 1_000_000, {}), "too_large"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1_000_000, "too_large"),
        (b"HTTP/1.1 200 OK\r\n" + (b"x: " + b"y" * 60_000 + b"\r\n") * 90, "too_large"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 40_000, "too_large"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200_000, "connection_lost"),
    ],
    ids=["length", "no length", "long headers", "continue", "many headers"],
)
def test_a_large_answer_is_given_up_early(
    serve: Serve, client_for: ClientFor, data: bytes, error: str
) -> None:
    client = client_for(serve(lambda sock, request: sock.sendall(data)).url)
    tracemalloc.start()
    answer = client.cancel(BODY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (answer.error, answer.sent) == (error, True)
    assert peak < 3_000_000
    assert len(answer.response_body) <= 4096


def test_an_answer_of_64_kib_is_read_and_one_byte_more_is_not(
    serve: Serve, client_for: ClientFor
) -> None:
    sizes = iter([65536, 65537])

    def pad(sock: socket.socket, request: bytes) -> None:
        body = success(request).partition(b"\r\n\r\n")[2].ljust(next(sizes))
        sock.sendall(http_answer(body, signed_headers(request.split(b" ")[1].decode(), body)))

    client = client_for(serve(pad).url)
    assert client.cancel(BODY).verified
    answer = client.cancel(BODY)
    assert (answer.error, answer.http_status) == ("too_large", 200)


def test_another_status_than_200_is_never_believed(serve: Serve, client_for: ClientFor) -> None:
    def unavailable(sock: socket.socket, request: bytes) -> None:
        sock.sendall(success(request).replace(b"200 OK", b"503 Busy", 1))

    answer = client_for(serve(unavailable).url).cancel(BODY)
    assert (answer.error, answer.http_status, answer.sent) == ("http_status", 503, True)
    assert not answer.result_status


# --- nothing from outside -----------------------------------------------------------------------


def test_a_redirect_is_not_followed(serve: Serve, client_for: ClientFor) -> None:
    target = serve()
    bomb = gzip.compress(b" " * 50_000_000)
    headers = {"location": f"{target.url}/ams/api/v1/payments/cancel", "content-encoding": "gzip"}
    redirect = http_answer(bomb, headers, "307 Temporary Redirect")
    client = client_for(serve(lambda sock, request: sock.sendall(redirect)).url)
    tracemalloc.start()
    answer = client.cancel(BODY)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (answer.error, answer.http_status) == ("http_status", 307)
    assert not target.requests
    assert peak < 3_000_000, "the body of a redirect was decompressed"


def test_cookies_are_not_kept(serve: Serve, client_for: ClientFor) -> None:
    def set_cookie(sock: socket.socket, request: bytes) -> None:
        sock.sendall(success(request).replace(b"\r\n", b"\r\nset-cookie: a=1; path=/\r\n", 1))

    server = serve(set_cookie)
    client = client_for(server.url)
    assert client.cancel(BODY).verified
    assert client.cancel(BODY).verified
    assert b"cookie" not in server.requests[1].lower()


def test_proxies_and_netrc_of_the_environment_are_ignored(
    serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve()
    assert client_for(server.url).cancel(BODY).verified
    assert b"authorization" not in server.requests[0].lower()


def tunnel(sock: socket.socket, request: bytes) -> None:
    """Be a proxy: connect to the host named, then pass bytes on in both directions."""
    host, _, port = request.split(b" ")[1].decode().partition(":")
    with socket.create_connection((host, int(port))) as far:
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

        def pass_on(source: socket.socket, target: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)

        threading.Thread(target=pass_on, args=(far, sock), daemon=True).start()
        pass_on(sock, far)


def test_a_configured_proxy_is_used_and_sees_only_a_tunnel(
    serve: Serve, client_for: ClientFor, certificates: Certificates
) -> None:
    server, proxy = serve(tls=certificates.server()), serve(tunnel)
    client = client_for(
        server.url,
        ca_bundle=certificates.bundle,
        proxy=proxy.url,
        proxy_user="shop",
        proxy_password="päss:word",
    )
    assert client.cancel(BODY).verified
    assert client.cancel(BODY).verified
    assert proxy.requests[0].startswith(b"CONNECT localhost:")
    login = base64.b64encode("shop:päss:word".encode())
    assert b"Proxy-Authorization: Basic " + login in proxy.requests[0]
    assert (len(proxy.requests), proxy.connections, server.connections) == (1, 1, 1)
    assert b"Proxy-Authorization" not in server.requests[0]


def test_what_a_proxy_refuses_is_not_sent(
    serve: Serve, client_for: ClientFor, certificates: Certificates
) -> None:
    refusal = http_answer(b"", {}, "407 Proxy Authentication Required")
    proxy = serve(lambda sock, request: sock.sendall(refusal))
    server = serve(tls=certificates.server())
    answer = client_for(server.url, proxy=proxy.url).cancel(BODY)
    assert (answer.error, answer.sent) == ("connection_failed", False)
    assert "407" in answer.detail


def test_a_dripping_proxy_cannot_stretch_the_call(
    serve: Serve, client_for: ClientFor, certificates: Certificates
) -> None:
    servers: list[Server] = []
    servers.append(serve(dripping(servers, lambda request: b"HTTP/1.1 200 " + b"x" * 9999)))
    server = serve(tls=certificates.server())
    client = client_for(server.url, proxy=servers[0].url, timeout=(0.3, 0.3))
    answer, seconds = timed(lambda: client.cancel(BODY))
    assert (answer.error, answer.sent) == ("connection_failed", False)
    assert seconds < LONG


# --- kept-alive connections ---------------------------------------------------------------------


def test_a_connection_is_kept_alive(serve: Serve, client_for: ClientFor) -> None:
    server = serve()
    client = client_for(server.url)
    assert [client.cancel(BODY).verified for _ in range(3)] == [True] * 3
    assert server.connections == 1


def test_a_connection_the_server_has_closed_is_replaced_before_anything_is_sent(
    serve: Serve, client_for: ClientFor
) -> None:
    def answer_and_close(sock: socket.socket, request: bytes) -> None:
        send_success(sock, request)
        sock.shutdown(socket.SHUT_RDWR)

    server = serve(answer_and_close)
    client = client_for(server.url)
    assert client.cancel(BODY).verified
    time.sleep(0.1)
    assert client.cancel(BODY).verified
    assert server.connections == 2


def test_an_idle_connection_is_replaced(
    serve: Serve, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection.MAXIMUM_IDLE_SECONDS == 30
    monkeypatch.setattr(connection, "MAXIMUM_IDLE_SECONDS", 0.2)
    server = serve()
    client = client_for(server.url)
    client.cancel(BODY)
    client.cancel(BODY)
    assert server.connections == 1
    time.sleep(0.3)
    assert client.cancel(BODY).verified
    assert server.connections == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_with_something_left_in_it_is_not_used_again(
    serve: Serve, client_for: ClientFor, certificates: Certificates, scheme: str
) -> None:
    def answer_and_go_on(sock: socket.socket, request: bytes) -> None:
        # In one TLS record, of which only the first half fits the reader's buffer.
        sock.sendall(success(request) + success(request, pad="x" * 9000))

    server = serve(answer_and_go_on, tls=certificates.server() if scheme == "https" else None)
    client = client_for(server.url, ca_bundle=certificates.bundle)
    assert client.cancel(BODY).verified
    time.sleep(0.1)
    assert client.cancel(BODY).verified
    assert server.connections == 2


def test_many_threads_share_a_client_and_all_their_connections_are_kept(
    serve: Serve, client_for: ClientFor
) -> None:
    barrier = threading.Barrier(20)

    def meet(sock: socket.socket, request: bytes) -> None:
        barrier.wait(5)
        send_success(sock, request)

    server = serve(meet)
    client = client_for(server.url, timeout=(5, 5))
    answers: list[Answer] = []
    for _ in range(2):
        threads = [
            threading.Thread(target=lambda: answers.append(client.cancel(BODY))) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [answer.verified for answer in answers] == [True] * 40
    assert server.connections == 20


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_does_not_use_the_sockets_of_its_parent(serve: Serve, client_for: ClientFor) -> None:
    server = serve()
    client = client_for(server.url)
    assert client.cancel(BODY).verified
    child = os.fork()
    if child == 0:
        verified = client.cancel(BODY).verified
        os._exit(0 if verified else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.cancel(BODY).verified
    first, of_the_child, last = server.peers
    assert first == last != of_the_child


# --- adapters without sockets -------------------------------------------------------------------


class Mute(requests.adapters.BaseAdapter):
    """Breaks the call before or after the request would have been written."""

    def __init__(self, *, writes: bool, error: Exception) -> None:
        super().__init__()
        self._writes = writes
        self._error = error

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        current_exchange().writing_began = self._writes
        raise self._error

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("writes", "error", "name"),
    [
        (False, requests.ConnectionError(), "connection_failed"),
        (False, requests.ConnectTimeout(), "connection_failed"),
        (False, requests.exceptions.SSLError(), "tls_failed"),
        (True, requests.ReadTimeout(), "timeout"),
        (True, requests.ConnectionError(), "connection_lost"),
        (True, requests.exceptions.SSLError(), "connection_lost"),
    ],
)
def test_an_adapter_without_sockets_can_tell_that_writing_began(
    client_for: ClientFor, writes: bool, error: Exception, name: str
) -> None:
    client = client_for("http://localhost")
    client.session.mount("http://localhost", Mute(writes=writes, error=error))
    answer = client.cancel(BODY)
    assert (answer.error, answer.sent) == (name, writes)
