"""The HTTP server: keep-alive, TLS, restarts, and a stop that leaves nothing behind."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests
import trustme

from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.testing.calling import CANCEL, call, client_of, connect, send, signed_headers

BODY = b'{"paymentId":"nobody"}'


def address(gateway) -> tuple[str, int]:
    parts = urlsplit(gateway.url)
    return parts.hostname, parts.port


def threads_of_gateways() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name.startswith("fake-alipay")]


def test_many_calls_share_one_connection(gateway):
    connection = connect(gateway)
    connection.connect()
    sock = connection.sock
    for _ in range(3):
        told = send(connection, CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
        assert told.code == "ORDER_NOT_EXIST"
    assert connection.sock is sock
    connection.close()


def test_a_client_that_asks_to_close_is_obeyed(gateway):
    connection = connect(gateway)
    headers = {**signed_headers(gateway, CANCEL, BODY), "Connection": "close"}
    assert send(connection, CANCEL, BODY, headers).headers["connection"] == "close"
    assert connection.sock is None


@pytest.mark.parametrize("fault", [Fault.SILENT_AFTER, Fault.SLOW_HEADERS, Fault.SLOW_BODY])
def test_stop_is_quick_and_leaves_no_thread_and_no_connection(fault):
    gateway = FakeAlipay()
    gateway.start()
    gateway.misbehave(fault, **({"seconds": 60} if fault is not Fault.SILENT_AFTER else {}))
    idle, busy = socket.create_connection(address(gateway)), connect(gateway)
    busy.request("POST", CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
    while not gateway.calls:
        time.sleep(0.01)
    started = time.monotonic()
    gateway.stop()
    assert time.monotonic() - started < 20
    assert threads_of_gateways() == []
    idle.settimeout(1)
    assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(gateway))
    idle.close()
    busy.close()


def test_latency_counts_from_the_request_and_not_from_when_it_was_carried_out(gateway):
    gateway.latency = 4
    gateway.before_answer = lambda call: time.sleep(3)
    began = time.monotonic()
    call(gateway, paymentId="nobody")
    assert 4 <= time.monotonic() - began < 7


def test_stop_interrupts_latency():
    with FakeAlipay(latency=60) as gateway:
        connection = connect(gateway)
        connection.request("POST", CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
        while not gateway.calls:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 20
    connection.close()
    assert threads_of_gateways() == []


def test_a_stopped_gateway_starts_again_on_its_port_and_remembers(gateway):
    gateway.add_payment(payment_request_id="order-1")
    url = gateway.url
    client = client_of(gateway)
    body = client.request_body(payment_request_id="order-1", payment_id=None)
    assert client.inquire(body).verified
    gateway.stop()
    gateway.stop()
    refused = client.cancel(body)
    assert (refused.error, refused.sent) == ("connection_failed", False)
    gateway.start()
    assert gateway.url == url
    assert client.cancel(body).result_status == "S"
    client.session.close()


def test_a_running_gateway_cannot_start_twice(gateway):
    with pytest.raises(RuntimeError, match="already serving"):
        gateway.start()


def test_a_port_that_is_taken_is_an_error(gateway):
    with pytest.raises(OSError, match="in use"):
        FakeAlipay(port=address(gateway)[1]).start()


def test_before_a_start_the_url_leads_nowhere():
    assert FakeAlipay().url == "https://fake-alipay.invalid"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_https_is_served_with_a_given_context(authority):
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    with FakeAlipay(tls=server_side) as gateway:
        assert gateway.url.startswith("https://127.0.0.1:")
        connection = connect(gateway, client_side)
        for _ in range(2):
            told = send(connection, CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
            assert told.code == "ORDER_NOT_EXIST"
        # Neither a handshake that never comes nor a silent answer holds up the others, or stop().
        dumb = socket.create_connection(address(gateway))
        gateway.misbehave(Fault.SILENT_AFTER)
        connection.request("POST", CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
        while len(gateway.calls) < 3:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 20
    assert threads_of_gateways() == []
    dumb.close()
    connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "x"}, 411),
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "99999999"}, 413),
    ],
)
def test_a_body_of_unclear_or_monstrous_length_is_turned_away(gateway, headers, status):
    connection = connect(gateway)
    connection.putrequest("POST", CANCEL)
    for name, text in headers.items():
        connection.putheader(name, text)
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == status
    response.read()
    connection.close()
    assert gateway.calls == ()


def test_a_request_that_is_cut_off_is_no_call(gateway):
    with socket.create_connection(address(gateway)) as sock:
        sock.sendall(f"POST {CANCEL} HTTP/1.1\r\nContent-Length: 9\r\n\r\n{{".encode())
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert gateway.calls == ()


def test_a_reset_is_a_reset(gateway):
    gateway.misbehave(Fault.RESET)
    connection = connect(gateway)
    connection.request("POST", CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()


def test_a_bug_in_a_test_s_own_hook_is_shown(gateway, capsys):
    def fail(call):
        raise RuntimeError("the hook is broken")

    gateway.before_answer = fail
    connection = connect(gateway)
    with pytest.raises(ConnectionError):
        send(connection, CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
    connection.close()
    gateway.stop()
    assert "the hook is broken" in capsys.readouterr().err


def test_clients_that_give_up_are_no_news(gateway, capsys):
    gateway.misbehave(Fault.SLOW_BODY, seconds=0.01)
    connection = connect(gateway)
    connection.request("POST", CANCEL, BODY, signed_headers(gateway, CANCEL, BODY))
    connection.getresponse().close()
    connection.close()
    time.sleep(0.1)
    gateway.stop()
    assert capsys.readouterr().err == ""


def test_many_threads_cancel_at_once_and_each_payment_once(gateway):
    payments = [gateway.add_payment() for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda each: call(gateway, paymentId=each.payment_id), payments * 3))
    assert {each.code for each in told} == {"SUCCESS"}
    assert [each.cancel_effects for each in payments] == [1] * 20
    assert len(gateway.calls) == 60


def test_the_adapter_serves_a_plain_requests_session():
    gateway = FakeAlipay()
    with requests.Session() as session:
        session.mount(gateway.url, gateway.adapter())
        headers = signed_headers(gateway, CANCEL, BODY)
        response = session.post(gateway.url + CANCEL, data=BODY, headers=headers)
        assert response.json()["result"]["resultCode"] == "ORDER_NOT_EXIST"
        gateway.misbehave(Fault.SILENT_AFTER)
        with pytest.raises(requests.ReadTimeout):
            session.post(gateway.url + CANCEL, data=BODY, headers=headers, timeout=None)
        gateway.misbehave(Fault.ANSWER_LOST_AFTER)
        with pytest.raises(requests.ConnectionError):
            session.post(gateway.url + CANCEL, data=BODY, headers=headers)


def test_what_becomes_of_the_keys_of_one_gateway_does_not_concern_another():
    one, other = FakeAlipay(), FakeAlipay()
    before = other.merchant_settings()
    assert one.merchant_settings()["ALIPAY_PUBLIC_KEY"] == before["ALIPAY_PUBLIC_KEY"]
    assert one.change_own_key("2") == one.merchant_settings()["ALIPAY_PUBLIC_KEY"]
    one.remove_key("1")
    assert other.merchant_settings() == before
    assert list(other.keys.accepted) == ["1"]
