"""What the tests know of real servers."""

from __future__ import annotations

import errno
import socket

import pytest

from tests.servers import free_port


def test_the_port_for_a_server_is_given_to_nobody_else_and_refuses_until_it_listens():
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with socket.socket() as other, pytest.raises(OSError) as taken:
        other.bind(("127.0.0.1", port))
    assert taken.value.errno == errno.EADDRINUSE
    with socket.create_server(("127.0.0.1", port)):
        socket.create_connection(("127.0.0.1", port)).close()
