"""Who may not use the control routes: web pages, which a browser lets post to loopback too."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from urllib.parse import urlsplit

from django_alipay_cancel.testing.wire import Request

_OWN_SITE = ("", "none", "same-origin")


def stranger_refusal(request: Request) -> tuple[HTTPStatus, str] | None:
    """Return the status and the reason with which a control request is refused; None when not."""
    # A page whose name was made to lead here is of the same origin; its Host tells.
    if not _is_loopback(request.headers.get("host", "")):
        return HTTPStatus.FORBIDDEN, "The Host must be a loopback name or address."
    site = request.headers.get("sec-fetch-site", "")
    if "origin" in request.headers or site not in _OWN_SITE:
        return HTTPStatus.FORBIDDEN, "Control is for programs, not for web pages."
    # What a form or a script of another site may send without asking first is never JSON.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != "application/json":
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The Content-Type must be application/json."
    return None


def _is_loopback(authority: str) -> bool:
    if "@" in authority:
        return False
    try:
        host = urlsplit(f"//{authority}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
