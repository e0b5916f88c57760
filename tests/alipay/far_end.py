"""A far end on real sockets whose every byte a test decides."""

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django_alipay_cancel.alipay.signing import (
    content_to_be_signed,
    load_private_key,
    load_public_key,
    signature_header,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
MERCHANT_KEY = load_private_key(VECTORS["merchant_key"]["private_pkcs8_base64"])
ALIPAY_KEY = load_private_key(VECTORS["alipay_key"]["private_pkcs8_base64"])
ALIPAY_PUBLIC_KEY = load_public_key(VECTORS["alipay_key"]["public_base64"])
CLIENT_ID = "5X00000000000000"

Script = Callable[[socket.socket, bytes], None]


def signed_headers(
    path: str, body: bytes, time: str = "2026-01-02T03:04:05+00:00"
) -> dict[str, str]:
    """Return the headers of a genuine answer."""
    content = content_to_be_signed(path=path, client_id=CLIENT_ID, time=time, body=body)
    return {
        "signature": signature_header(content, ALIPAY_KEY, "1"),
        "client-id": CLIENT_ID,
        "response-time": time,
    }


def http_answer(body: bytes, headers: dict[str, str], status: str = "200 OK") -> bytes:
    """Return the bytes of one HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def success(request: bytes, **extra: Any) -> bytes:
    """Return a genuine, signed S for ``request``."""
    path = request.split(b" ", 2)[1].decode()
    document = {
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success."},
        **json.loads(request.partition(b"\r\n\r\n")[2]),
        "cancelTime": "2026-01-02T11:04:05+08:00",
        **extra,
    }
    body = json.dumps(document).encode()
    return http_answer(body, signed_headers(path, body))


def send_success(sock: socket.socket, request: bytes) -> None:
    """Answer like Alipay on a good day."""
    sock.sendall(success(request))


class Server:
    """Reads one request after the other from each connection and lets a script answer it."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.peers: list[tuple[str, int]] = []
        self.connections = 0
        self._tls = tls
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://localhost:{self.port}"

    def wait_until_stopped(self, seconds: float) -> bool:
        """Sleep, so that a script that drips ends with its test."""
        return self._stopped.wait(seconds)

    def stop(self) -> None:
        self._stopped.set()
        # A blocked accept() keeps a closed listener alive; this wakes it.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, peer = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(sock, peer), daemon=True).start()

    def _serve(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        with contextlib.suppress(OSError), contextlib.closing(self._wrapped(sock)) as wrapped:
            while request := self._read_request(wrapped):
                self.requests.append(request)
                self.peers.append(peer)
                self.script(wrapped, request)

    def _wrapped(self, sock: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(sock, server_side=True) if self._tls else sock

    @staticmethod
    def _read_request(sock: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data and (chunk := sock.recv(65536)):
            data += chunk
        length = re.search(rb"content-length: (\d+)", data, re.IGNORECASE)
        total = data.find(b"\r\n\r\n") + 4 + int(length[1] if length else 0)
        while data and len(data) < total and (chunk := sock.recv(65536)):
            data += chunk
        return data
