"""notifyPayment: a message from Alipay to the merchant, resent until it is acknowledged."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from django_alipay_cancel.testing.wire import JSON_TYPE, Seal

# Seconds before each of the 8 sends, from Alipay's notifyPayment page: 24 hours and 22 minutes.
RESEND_SECONDS = (0, 120, 600, 600, 3600, 7200, 21600, 54000)
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Sends:
    """How often a notification was sent, and whether the last one was acknowledged."""

    sends: int
    acknowledged: bool


def headers(seal: Seal, body: bytes) -> dict[str, str]:
    """Return the headers of a signed notification."""
    return {
        "content-type": JSON_TYPE,
        "client-id": seal.client_id,
        "request-time": seal.time,
        "signature": seal.signature(body),
    }


def post_until_acknowledged(
    url: str, message: Callable[[str], tuple[dict[str, str], bytes]], *, time_scale: float
) -> Sends:
    """Post ``message(path)``, made anew for each send, by Alipay's schedule times ``time_scale``.

    ``url`` should have no query: whether Alipay would sign it is not documented.
    """
    for sends, delay in enumerate(RESEND_SECONDS, start=1):
        time.sleep(delay * time_scale)
        if post_once(url, message):
            return Sends(sends=sends, acknowledged=True)
    return Sends(sends=len(RESEND_SECONDS), acknowledged=False)


def post_once(url: str, message: Callable[[str], tuple[dict[str, str], bytes]]) -> bool:
    """Post ``message(path)`` once; tell whether it was acknowledged."""
    try:
        path = requests.Request("POST", url).prepare().path_url
    except requests.RequestException:
        return False  # what the merchant calls its notify URL is none
    with requests.Session() as session:
        session.trust_env = False
        return _is_acknowledged(session, url, *message(path))


def _is_acknowledged(
    session: requests.Session, url: str, message_headers: dict[str, str], body: bytes
) -> bool:
    try:
        response = session.post(
            url,
            data=body,
            headers=message_headers,
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        result = response.json()["result"]
        answer = (response.status_code, result["resultCode"], result["resultStatus"])
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return False
    return answer == (200, "SUCCESS", "S")
