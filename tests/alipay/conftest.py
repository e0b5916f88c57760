"""Servers to call and clients to call them with."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from far_end import ALIPAY_PUBLIC_KEY, CLIENT_ID, MERCHANT_KEY, Script, Server, send_success

from django_alipay_cancel.alipay.client import AlipayClient, Credentials


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers that stop with the test."""
    servers: list[Server] = []

    def start(script: Script = send_success, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(script, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def client_for() -> Iterator[Callable[..., AlipayClient]]:
    """Make clients whose sessions are closed with the test."""
    clients: list[AlipayClient] = []

    def make(url: str, *, session: requests.Session | None = None, **changes: Any) -> AlipayClient:
        values: dict[str, Any] = {
            "client_id": CLIENT_ID,
            "private_key": MERCHANT_KEY,
            "alipay_public_keys": (("1", ALIPAY_PUBLIC_KEY),),
            "gateway_url": url,
            "timeout": (2, 2),
        }
        clients.append(AlipayClient(Credentials(**values | changes), session=session))
        return clients[-1]

    yield make
    for client in clients:
        client.session.close()
