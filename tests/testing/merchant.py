"""A merchant's notify URL that keeps what it is told."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

from tests.testing.calling import Told

PATH = "/alipay/notify"
ACKNOWLEDGEMENT = {"result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "ok"}}


class Merchant(HTTPServer):
    """Records what it is told; answers from ``answers``, the last of them for good."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = [(200, json.dumps(ACKNOWLEDGEMENT).encode())]
        self.told: list[Told] = []
        super().__init__(("127.0.0.1", 0), MerchantHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{PATH}"


class MerchantHandler(BaseHTTPRequestHandler):
    server: Merchant

    def log_message(self, *args):
        """Stay silent."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): text for name, text in self.headers.items()}
        # As is_genuine() reads an answer's time.
        headers["response-time"] = headers["request-time"]
        self.server.told.append(Told(200, headers, body))
        answers = self.server.answers
        status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
