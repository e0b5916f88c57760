"""One HTTP call over requests: the bytes given are sent, a bounded answer comes back."""

import base64
import http.client
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPHeaderDict, PoolManager
from urllib3.exceptions import HTTPError

from django_alipay_cancel.alipay.connection import POOLS, Exchange, begin_exchange

MAXIMUM_BODY_BYTES = 64 * 1024
POOL_SIZE = 256  # as wide as any number of workers; an empty slot costs nothing


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of one call, nothing of it believed yet.

    ``error`` is empty when a whole HTTP answer came back, whatever its status; else one of
    connection_failed, tls_failed, configuration, abandoned (these four: not ``sent``), timeout,
    connection_lost, too_large.
    """

    sent: bool = True
    error: str = ""
    detail: str = ""
    status: int | None = None
    headers: HTTPHeaderDict = field(default_factory=HTTPHeaderDict)
    body: bytes = b""


def post(
    session: requests.Session,
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    timeout: tuple[float, float],
    may_begin: Callable[[], bool] | None = None,
) -> Reply:
    """Send ``body`` as it is and return what came of it; network trouble never raises.

    ``timeout`` is (connect, read) in seconds; their sum limits the whole call. ``may_begin`` is
    asked right before the first byte.
    """
    with begin_exchange(timeout, may_begin) as call:
        try:
            response = session.post(
                url,
                data=body,
                headers=headers,
                timeout=timeout,
                verify=True,
                allow_redirects=False,
                stream=True,
            )
            try:
                return _read(response)
            finally:
                response.close()
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            # The exception's own text is dropped: it may quote a header or the proxy's password.
            detail = call.detail or type(error).__name__
            return Reply(sent=call.writing_began, error=_error_name(call, error), detail=detail)


def new_session(
    *,
    proxy: str | None = None,
    proxy_login: tuple[str | None, str | None] = (None, None),
    ca_bundle: str | None = None,
) -> requests.Session:
    """Return a session that keeps connections alive and knows nothing but its arguments.

    ``proxy`` is an ``http://`` URL, ``proxy_login`` the user and password for it; ``ca_bundle`` the
    path of a PEM file that replaces the usual trust roots. Raises OSError when that file cannot be
    read or holds no certificate.
    """
    session = _Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    adapter = GatewayAdapter(ca_bundle, _proxy_headers(*proxy_login))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Even with allow_redirects=False requests would read, and decompress, a redirect's body.
        return None


class GatewayAdapter(HTTPAdapter):
    """requests' adapter with limited connections, verified TLS, and no sockets shared by forks."""

    def __init__(
        self, ca_bundle: str | None = None, proxy_headers: Mapping[str, str] | None = None
    ) -> None:
        self._tls_context = _tls_context(ca_bundle)
        self._proxy_headers = dict(proxy_headers or {})
        super().__init__(pool_maxsize=POOL_SIZE)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(
            connections, maxsize, block, ssl_context=self._tls_context, **pool_kwargs
        )
        self.poolmanager.pool_classes_by_scheme = POOLS
        self._pid = os.getpid()

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> PoolManager:
        # A SOCKS proxy, or TLS to the proxy, would bring sockets of its own past our limits.
        if not proxy.lower().startswith("http://"):
            raise requests.exceptions.InvalidProxyURL("A proxy must be an http:// URL.")
        manager: PoolManager = super().proxy_manager_for(
            proxy, ssl_context=self._tls_context, **proxy_kwargs
        )
        manager.pool_classes_by_scheme = POOLS
        return manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        # Not from the URL, which many a message quotes.
        return dict(self._proxy_headers)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context always verifies, and its roots were read only once."""

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        if self._pid != os.getpid():
            # We are a fork: the pooled sockets are the parent's. `_pid` is set last, so a second
            # thread that gets here meanwhile makes pools of its own rather than use the parent's.
            self.proxy_manager.clear()
            self.init_poolmanager(DEFAULT_POOLSIZE, POOL_SIZE)
        return super().send(*args, **kwargs)


def _proxy_headers(user: str | None, password: str | None) -> dict[str, str]:
    if not user and not password:
        return {}
    return {"Proxy-Authorization": f"Basic {basic_login(user, password)}"}


def basic_login(user: str | None, password: str | None) -> str:
    """Return user and password as Basic authentication spells them."""
    return base64.b64encode(f"{user or ''}:{password or ''}".encode()).decode()


def _read(response: requests.Response) -> Reply:
    # Raw and never decoded: the signature covers these bytes, and a small answer stays small.
    raw: urllib3.HTTPResponse = response.raw
    body = b""
    while len(body) <= MAXIMUM_BODY_BYTES:
        chunk = raw.read(MAXIMUM_BODY_BYTES + 1 - len(body), decode_content=False)
        if not chunk:
            break
        body += chunk
    return Reply(
        error="too_large" if len(body) > MAXIMUM_BODY_BYTES else "",
        status=response.status_code,
        headers=HTTPHeaderDict(raw.headers),
        body=body,
    )


def _error_name(call: Exchange, error: Exception) -> str:
    # Only the connection knows what was sent: a reset after sending is an SSLError, too.
    if call.writing_began:
        if call.answer_is_too_large:
            return "too_large"
        timed_out = call.timed_out or isinstance(error, requests.Timeout)
        return "timeout" if timed_out else "connection_lost"
    if call.held_back:
        return "abandoned"
    if isinstance(error, requests.exceptions.SSLError):
        return "tls_failed"
    return "configuration" if isinstance(error, ValueError) else "connection_failed"


@lru_cache(maxsize=8)  # reading the trust roots takes 20 ms
def _tls_context(ca_bundle: str | None) -> ssl.SSLContext:
    # ssl.create_default_context() would obey SSL_CERT_FILE and SSLKEYLOGFILE of the environment.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca_bundle or DEFAULT_CA_BUNDLE_PATH)
    return context
