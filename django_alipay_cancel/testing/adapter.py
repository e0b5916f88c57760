"""The fake gateway as a requests adapter: the same answers, without a socket."""

import io
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from django_alipay_cancel.alipay.connection import current_exchange
from django_alipay_cancel.testing.wire import Delivery, Manner, Request

_SLOW = {
    Manner.SLOW_HEADERS: lambda delivery: sum(map(len, delivery.headers.values())),
    Manner.SLOW_BODY: lambda delivery: len(delivery.body),
}


class FakeAlipayAdapter(HTTPAdapter):
    """Hands each request to ``handle`` and delivers its answer.

    Lost and reset answers raise requests' ConnectionError; silence, and whatever takes longer than
    the timeout, raises ReadTimeout at once.
    """

    def __init__(self, handle: Callable[[Request], Delivery]) -> None:
        super().__init__()
        self._handle = handle

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        with suppress(LookupError):  # a session used on its own has no call
            current_exchange().writing_began = True
        delivery = self._handle(_request(request))
        if delivery.manner in (Manner.CLOSE, Manner.RESET):
            raise requests.ConnectionError("The answer was lost.", request=request)
        seconds = _seconds(delivery)
        if delivery.manner is Manner.SILENCE or seconds > _limit(timeout):
            raise requests.ReadTimeout("No answer in time.", request=request)
        time.sleep(seconds)
        raw = urllib3.HTTPResponse(
            io.BytesIO(delivery.body),
            headers=delivery.headers,
            status=delivery.status,
            preload_content=False,
        )
        return self.build_response(request, raw)


def _request(request: requests.PreparedRequest) -> Request:
    body = request.body or b""
    return Request(
        method=request.method or "",
        target=request.path_url,
        headers={name.lower(): str(text) for name, text in request.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def _seconds(delivery: Delivery) -> float:
    slow_bytes = _SLOW[delivery.manner](delivery) if delivery.manner in _SLOW else 0
    return delivery.delay + delivery.pace * slow_bytes


def _limit(timeout: float | tuple[float | None, float | None] | None) -> float:
    read = timeout[1] if isinstance(timeout, tuple) else timeout
    return float("inf") if read is None else read
