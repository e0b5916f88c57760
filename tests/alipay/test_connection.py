"""Parts of a connection that a whole call does not show."""

import socket
from collections.abc import Callable

import pytest
import requests
from far_end import Server

from django_alipay_cancel.alipay.connection import POOLS, Exchange, begin_exchange
from django_alipay_cancel.alipay.transport import GatewayAdapter


def test_no_time_is_left_after_the_limit() -> None:
    call = Exchange((0.0, 0.0))
    with pytest.raises(TimeoutError) as told:
        call.time_left(1.0)
    assert str(told.value) == "The time limit has passed."


def test_small_requests_are_not_held_back_to_be_sent_together(
    serve: Callable[..., Server],
) -> None:
    host, _, port = serve().url.removeprefix("http://").partition(":")
    connection = POOLS["http"].ConnectionCls(host, int(port), timeout=2)
    with begin_exchange((2, 2)):
        connection.connect()
    assert connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    connection.close()


@pytest.mark.parametrize("proxy", ["https://localhost:1", "socks5://localhost:1"])
def test_a_proxy_that_would_bring_its_own_sockets_is_refused(proxy: str) -> None:
    with pytest.raises(requests.exceptions.InvalidProxyURL) as refused:
        GatewayAdapter().proxy_manager_for(proxy)
    assert str(refused.value) == "A proxy must be an http:// URL."
