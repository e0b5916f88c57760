"""Connections that obey one time limit per call, and tell when the request is being written.

requests and urllib3 limit the gap between two bytes, not the call, so a dripping server could hold
a worker for hours. The limit therefore lives here, around every single read and write.
"""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError

MAXIMUM_ANSWER_BYTES = 128 * 1024  # status line, headers and body together
MAXIMUM_IDLE_SECONDS = 30.0  # gateways and firewalls forget idle connections without a word


class Exchange:
    """The state of the call under way, shared by `post` and the connection that carries it.

    ``timeout`` is (connect, read) in seconds; their sum limits the whole call, except for the
    look-up of the host name, which the operating system does not let us limit. ``may_begin`` is
    asked right before the first byte of the request: False, and nothing is written.
    """

    def __init__(
        self, timeout: tuple[float, float], may_begin: Callable[[], bool] | None = None
    ) -> None:
        self.connect_timeout, self.read_timeout = timeout
        self._may_begin = may_begin
        self.deadline = time.monotonic() + sum(timeout)
        self.writing_began = False
        self.timed_out = False
        self.held_back = False
        self.received = 0
        self.detail = ""

    def time_left(self, at_most: float) -> float:
        """Return the seconds to wait for the next step; raise TimeoutError when none are left."""
        left = min(self.deadline - time.monotonic(), at_most)
        if left <= 0:
            raise TimeoutError("The time limit has passed.")
        return left

    def begin_writing(self) -> None:
        """Note that the request is being written, unless that is too late by now (OSError)."""
        if self.writing_began:
            return
        if self._may_begin is not None and not self._may_begin():
            self.held_back = True
            raise OSError("It was too late to send the request.")
        self.writing_began = True

    @property
    def answer_is_too_large(self) -> bool:
        return self.received > MAXIMUM_ANSWER_BYTES

    @contextmanager
    def limiting(self, sock: socket.socket) -> Iterator[None]:
        """Limit one read or write of ``sock``."""
        try:
            sock.settimeout(self.time_left(self.read_timeout))
            yield
        except TimeoutError:
            self.timed_out = True
            raise


_current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")


def current_exchange() -> Exchange:
    """Return the call under way; an adapter without sockets sets its ``writing_began``."""
    return _current_exchange.get()


@contextmanager
def begin_exchange(
    timeout: tuple[float, float], may_begin: Callable[[], bool] | None = None
) -> Iterator[Exchange]:
    """Make a new call the current one of this thread; the clock starts here."""
    call = Exchange(timeout, may_begin)
    token = _current_exchange.set(call)
    try:
        yield call
    finally:
        _current_exchange.reset(token)


class _LimitedReader(io.RawIOBase):
    """The bytes of one answer; every read is limited by what the call has left."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock
        self._call = current_exchange()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        with self._call.limiting(self._sock):
            count: int | None = self._raw.readinto(buffer)
        self._call.received += count or 0
        if self._call.answer_is_too_large:
            raise OSError("The answer is too large.")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _LimitedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_LimitedReader(self.fp.detach(), sock))


class _LimitedConnection(HTTPConnection):
    """A connection that obeys the current call and tells it when the request is being written."""

    response_class = _LimitedResponse
    # http.client would print every header, signature and token too, where somebody has set it.
    debuglevel = 0
    _connecting = False
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        idle = time.monotonic() - self._used_at
        # urllib3 looks at the socket only; the rest of an answer may wait in the TLS layer.
        unread = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
        return idle < MAXIMUM_IDLE_SECONDS and not unread and super().is_connected

    def connect(self) -> None:
        call = current_exchange()
        self._connecting = True
        try:
            super().connect()
        except ssl.SSLError as error:
            call.detail = getattr(error, "verify_message", "") or str(error)
            raise
        except (OSError, HTTPError, http.client.HTTPException) as error:
            call.detail = str(error).removeprefix(f"{self}: ")  # urllib3 puts itself first
            raise
        finally:
            self._connecting = False

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        call = current_exchange()
        with call.limiting(self.sock):
            # What connect() sends is the CONNECT for a proxy, not yet our request.
            if not self._connecting:
                call.begin_writing()
            super().send(data)

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used_at = time.monotonic()
        return response

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers, within one connect timeout for all of them.

        Each gets a fair share of what is left: one that swallows everything must not use up the
        time of those that answer. urllib3 would grant the whole timeout to each address anew.
        """
        connect_by = time.monotonic() + current_exchange().connect_timeout
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"the name cannot be resolved: {error}") from error
        failure = OSError("the name has no address")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            left = connect_by - time.monotonic()
            by = time.monotonic() + left / (len(addresses) - tried)
            try:
                sock = self._connect_to(socket.socket(family, kind, protocol), address, by)
            except OSError as error:
                failure = OSError(f"{address[0]}: {error}")
                continue
            # What is left limits the TLS handshake that follows.
            sock.settimeout(current_exchange().time_left(connect_by - time.monotonic()))
            return sock
        raise NewConnectionError(self, str(failure)) from failure

    def _connect_to(self, sock: socket.socket, address: Any, connect_by: float) -> socket.socket:
        call = current_exchange()
        try:
            for option in self.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(call.time_left(connect_by - time.monotonic()))
            sock.connect(address)
        except BaseException:  # Ctrl-C must not leave the socket open either
            sock.close()
            raise
        return sock


class _LimitedTLSConnection(_LimitedConnection, HTTPSConnection):
    """The same over TLS; the handshake is part of connecting."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _LimitedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _LimitedTLSConnection


POOLS = {"http": _Pool, "https": _TLSPool}
