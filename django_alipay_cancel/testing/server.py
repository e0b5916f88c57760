"""The fake gateway's HTTP server: keep-alive, a thread per connection, and a quick, clean stop."""

import contextlib
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django_alipay_cancel.testing.wire import Delivery, Manner, Request

_LONGEST_BODY = 1024 * 1024
_STOP_SECONDS = 5.0


class Server:
    """Serves ``answer`` on a loopback port (0: a free one) until it is stopped."""

    def __init__(
        self, answer: Callable[[Request], Delivery], *, port: int, tls: ssl.SSLContext | None
    ) -> None:
        self._sockets = _SocketServer(answer, port, tls)
        self.port: int = self._sockets.server_address[1]
        self._thread = threading.Thread(
            target=self._sockets.serve_forever,
            kwargs={"poll_interval": 0.02},
            name="fake-alipay",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Leave no thread and no connection behind."""
        self._sockets.stopping.set()
        self._sockets.shutdown()
        self._thread.join()
        self._sockets.close_connections()
        self._sockets.server_close()


class _SocketServer(ThreadingHTTPServer):
    daemon_threads = True  # a forgotten stop() must not keep the interpreter alive
    request_queue_size = 256

    def __init__(
        self, answer: Callable[[Request], Delivery], port: int, tls: ssl.SSLContext | None
    ) -> None:
        self.answer = answer
        self.stopping = threading.Event()
        self._tls = tls
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's full name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if self._tls:
            # The handshake is left to the connection's own thread: here it would hold up others.
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="fake-alipay-connection",
            daemon=True,
        )
        # Only this thread adds, so after shutdown() nothing is missing.
        self._connections[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.pop(threading.current_thread(), None)

    def close_connections(self) -> None:
        for thread, connection in list(self._connections.items()):
            with contextlib.suppress(OSError):
                # Not SSLSocket's shutdown: it takes the TLS state from under the other thread.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            thread.join(_STOP_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that give up are what this gateway is for; anything else is a bug.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _SocketServer

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: `FakeAlipay.calls` has it all."""

    def _serve(self) -> None:
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not length.isdecimal():
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            return
        if int(length) > _LONGEST_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return
        came = time.monotonic()
        headers = {name.lower(): text for name, text in self.headers.items()}
        request = Request(method=self.command, target=self.path, headers=headers, body=body)
        self._deliver(self.server.answer(request), came)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _deliver(self, delivery: Delivery, came: float) -> None:
        if self.server.stopping.wait(came + delivery.delay - time.monotonic()):
            self.close_connection = True
            return
        head, body = self._head(delivery), delivery.body
        match delivery.manner:
            case Manner.WHOLE:
                self.wfile.write(head + body)  # in one piece, as one packet where it fits
            case Manner.SLOW_HEADERS:
                self._drip(head, delivery.pace)
                self.wfile.write(body)
            case Manner.SLOW_BODY:
                self.wfile.write(head)
                self._drip(body, delivery.pace)
            case _:
                self.close_connection = True
                self._withhold(delivery.manner)

    def _withhold(self, manner: Manner) -> None:
        if manner is Manner.SILENCE:
            self.rfile.read(1)  # until the client gives up, or stop() ends the connection
        if manner is Manner.RESET:
            no_lingering = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_lingering)
            self.connection.close()  # becomes a reset once the reader lets go of it, too

    def _drip(self, data: bytes, pace: float) -> None:
        for byte in data:
            if self.server.stopping.wait(pace):
                raise ConnectionAbortedError("The gateway stops.")
            self.wfile.write(bytes((byte,)))

    def _head(self, delivery: Delivery) -> bytes:
        phrase = HTTPStatus(delivery.status).phrase if _is_known(delivery.status) else ""
        headers = {**delivery.headers, "content-length": str(len(delivery.body))}
        if self.close_connection:
            headers["connection"] = "close"
        lines = [f"HTTP/1.1 {delivery.status} {phrase}"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _is_known(status: int) -> bool:
    return status in HTTPStatus._value2member_map_
