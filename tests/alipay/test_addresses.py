"""A name with several addresses: one that swallows everything does not hide the others."""

from __future__ import annotations

import socket
import time

import pytest

from django_alipay_cancel.testing import FakeAlipay
from tests.testing.calling import client_of


@pytest.fixture
def swallowing():
    """An address of loopback whose queue is full: connecting to it never ends."""
    listener = socket.create_server(("127.0.0.2", 0), backlog=0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    yield listener.getsockname()
    for each in (*fillers, listener):
        each.close()


def test_the_second_address_is_reached_when_the_first_swallows_everything(swallowing, monkeypatch):
    with FakeAlipay() as gateway:
        gateway.add_payment(payment_request_id="order-1")
        real = ("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *args, **kwargs: [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
                for address in (swallowing, real)
            ],
        )
        client = client_of(gateway, timeout=(2.0, 60.0))
        began = time.monotonic()
        answer = client.cancel(client.request_body(payment_request_id="order-1", payment_id=None))
    assert (answer.error, answer.result_status) == ("", "S")
    assert 0.8 < time.monotonic() - began < 20


def test_the_message_names_the_address(swallowing, monkeypatch):
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *args, **kwargs: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", swallowing)],
    )
    with FakeAlipay() as gateway:
        client = client_of(gateway, timeout=(0.5, 1.0))
    answer = client.cancel(client.request_body(payment_request_id="order-1", payment_id=None))
    assert (answer.sent, answer.error) == (False, "connection_failed")
    assert "127.0.0.2" in answer.detail
