"""The ALIPAY_CANCEL setting, read live, and one merchant's client made from it."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.alipay.signing import InvalidKey, load_private_key, load_public_key

Key = TypeVar("Key")

DEFAULTS: Mapping[str, Any] = {
    "MERCHANTS": {},
    "TIMEOUT": (3, 10),
    "RETRY_DELAYS": (2, 5, 15, 30, 60, 300, 900, 3600, 3600, 7200, 14400),
    "CANCEL_UNRESOLVED_AFTER": None,
    "CANCEL_UNRESOLVED_WITHIN": 86400,
    "BULK_INLINE_SECONDS": 10,
    "CUSTOMERS_MAY_CANCEL": False,
    "RESPONSE_TIME_TOLERANCE": None,
    "REFUND_URL": None,
}
REQUIRED_OF_MERCHANT = ("CLIENT_ID", "PRIVATE_KEY", "ALIPAY_PUBLIC_KEY", "GATEWAY_URL")
MERCHANT_DEFAULTS: Mapping[str, Any] = {
    "KEY_VERSION": "1",
    "SANDBOX_PATH": None,
    "AGENT_TOKEN": None,
    "MERCHANT_ACCOUNT_ID": None,
    "PROXY": None,
    "CA_BUNDLE": None,
}


class Settings:
    """ALIPAY_CANCEL as attributes, read at each use so that override_settings works."""

    def __getattr__(self, name: str) -> Any:
        if name not in DEFAULTS:
            raise AttributeError(f"ALIPAY_CANCEL has no setting {name!r}.")
        return configured().get(name, DEFAULTS[name])


settings = Settings()


def configured() -> Mapping[str, Any]:
    """Return what the shop wrote, or raise ImproperlyConfigured when it is no dictionary."""
    value = getattr(django_settings, "ALIPAY_CANCEL", {})
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured("ALIPAY_CANCEL must be a dictionary.")
    return value


def client_for(merchant: str) -> AlipayClient:
    """Return the client of one merchant alias, kept per process while its settings stay the same.

    Raises ImproperlyConfigured, naming the merchant and the setting, when they cannot work.
    """
    credentials = _credentials(merchant)
    with _lock:
        client = _clients.get(merchant)
        if client is not None and client.credentials == credentials:
            return client
        if client is not None:
            client.session.close()
        _clients[merchant] = client = _new_client(merchant, credentials)
    return client


def _new_client(merchant: str, credentials: Credentials) -> AlipayClient:
    try:
        return AlipayClient(credentials)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{setting_name(merchant, 'CA_BUNDLE')} cannot be read: {error}"
        ) from None


def forget_keys(merchant: str) -> None:
    """Ask the callables among this merchant's keys again at the next use (a vault has new ones)."""
    entry = settings.MERCHANTS.get(merchant, {})
    for name in ("PRIVATE_KEY", "ALIPAY_PUBLIC_KEY"):
        if callable(entry.get(name)):
            _answers_of_callables.pop(entry[name], None)


_clients: dict[str, AlipayClient] = {}
_answers_of_callables: dict[Callable[[], Any], Any] = {}
_lock = threading.Lock()


@sensitive_variables()
def _credentials(merchant: str) -> Credentials:
    entry = _merchant_entry(merchant)
    for problem in merchant_problems(merchant, entry):
        raise ImproperlyConfigured(problem)
    options = {name.lower(): entry.get(name, MERCHANT_DEFAULTS[name]) for name in MERCHANT_DEFAULTS}
    options["key_version"] = str(options["key_version"])
    return Credentials(
        client_id=entry["CLIENT_ID"],
        private_key=_load(merchant, "PRIVATE_KEY", entry["PRIVATE_KEY"], load_private_key),
        alipay_public_keys=_public_keys(merchant, entry["ALIPAY_PUBLIC_KEY"]),
        gateway_url=entry["GATEWAY_URL"].rstrip("/"),
        timeout=_timeout(),
        response_time_tolerance=settings.RESPONSE_TIME_TOLERANCE,
        **options,
    )


def _merchant_entry(merchant: str) -> Mapping[str, Any]:
    merchants = settings.MERCHANTS
    if not isinstance(merchants, Mapping) or not isinstance(merchants.get(merchant), Mapping):
        raise ImproperlyConfigured(
            f"ALIPAY_CANCEL['MERCHANTS'] has no dictionary for the merchant {merchant!r}."
        )
    entry: Mapping[str, Any] = merchants[merchant]
    return entry


def is_configured(merchant: str) -> bool:
    """Whether this merchant's settings look complete; no key is loaded, no callable called."""
    try:
        entry = _merchant_entry(merchant)
    except ImproperlyConfigured:
        return False
    return not any(merchant_problems(merchant, entry))


def setting_name(merchant: str, name: str) -> str:
    """Return how messages name one setting of one merchant."""
    return f"ALIPAY_CANCEL['MERCHANTS'][{merchant!r}][{name!r}]"


def _timeout() -> tuple[float, float]:
    for problem in timeout_problems(settings.TIMEOUT):
        raise ImproperlyConfigured(problem)
    connect, read = settings.TIMEOUT
    return float(connect), float(read)


@sensitive_variables()
def _public_keys(merchant: str, value: Any) -> tuple[tuple[str, RSAPublicKey], ...]:
    value = _answer(value)
    if not isinstance(value, Mapping):
        # Not known by a version: the one key there is.
        return (("", _load(merchant, "ALIPAY_PUBLIC_KEY", value, load_public_key)),)
    return tuple(
        (str(version), _load(merchant, "ALIPAY_PUBLIC_KEY", text, load_public_key))
        for version, text in value.items()
    )


@sensitive_variables()
def _load(merchant: str, name: str, value: Any, load: Callable[[str], Key]) -> Key:
    text = _answer(value)
    if not isinstance(text, str):
        raise ImproperlyConfigured(
            f"{setting_name(merchant, name)} must be text, not {type(text).__name__}."
        )
    try:
        return load(text)
    except InvalidKey as error:
        raise ImproperlyConfigured(f"{setting_name(merchant, name)}: {error}") from None


@sensitive_variables()
def _answer(value: Any) -> Any:
    if not callable(value):
        return value
    if value not in _answers_of_callables:
        _answers_of_callables[value] = value()
    return _answers_of_callables[value]


def missing_settings(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the required settings this merchant does not have."""
    for name in REQUIRED_OF_MERCHANT:
        if not entry.get(name):
            yield f"{setting_name(merchant, name)} is missing."


def malformed_settings(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what cannot work in this merchant's settings, without calling a callable."""
    for name in entry:
        if name not in MERCHANT_DEFAULTS and name not in REQUIRED_OF_MERCHANT:
            yield f"{setting_name(merchant, name)} is unknown."
    for name, limit in {"CLIENT_ID": 64, "KEY_VERSION": 16, "AGENT_TOKEN": 128}.items():
        if entry.get(name) and not _is_header_text(str(entry[name]), limit):
            yield (
                f"{setting_name(merchant, name)} must be printable ASCII without blanks,"
                f" at most {limit} characters."
            )
    if entry.get("CLIENT_ID") and not isinstance(entry["CLIENT_ID"], str):
        yield f"{setting_name(merchant, 'CLIENT_ID')} must be text."
    if entry.get("MERCHANT_ACCOUNT_ID") and len(str(entry["MERCHANT_ACCOUNT_ID"])) > 32:
        yield f"{setting_name(merchant, 'MERCHANT_ACCOUNT_ID')} is longer than 32 characters."
    if entry.get("SANDBOX_PATH") not in (None, True, False):
        yield f"{setting_name(merchant, 'SANDBOX_PATH')} must be None, True or False."
    if entry.get("GATEWAY_URL"):
        yield from _url_problems(setting_name(merchant, "GATEWAY_URL"), entry["GATEWAY_URL"])


def merchant_problems(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything that stands between this merchant and a call, keys themselves excepted."""
    yield from missing_settings(merchant, entry)
    yield from malformed_settings(merchant, entry)


def _is_header_text(text: str, limit: int) -> bool:
    return len(text) <= limit and all("!" <= character <= "~" for character in text)


def _url_problems(name: str, url: Any) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except (ValueError, TypeError, AttributeError):
        yield f"{name} is no address."
        return
    if parts.scheme not in ("https", "http") or not host:
        yield f"{name} must be an https:// address such as https://open-na-global.alipay.com."
        return
    if parts.username or parts.password or parts.query or parts.fragment:
        yield f"{name} must be scheme and host alone, without user, query or fragment."
    if parts.path not in ("", "/"):
        yield f"{name} must be without a path ({parts.path!r}); the path is added and signed."
    if parts.scheme == "http" and not _is_loopback(host):
        yield f"{name} must be https://: http:// is allowed for loopback hosts only."


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def timeout_problems(value: Any) -> Iterator[str]:
    """Yield what is wrong with TIMEOUT, a pair (connect, read) of seconds."""
    if (
        not isinstance(value, (tuple, list))
        or len(value) != 2
        or not all(is_seconds(part) and part > 0 for part in value)
    ):
        yield "ALIPAY_CANCEL['TIMEOUT'] must be a pair (connect, read) of positive seconds."


def value_problems() -> Iterator[str]:
    """Yield what is wrong with the settings that hold for all merchants."""
    yield from timeout_problems(settings.TIMEOUT)
    delays = settings.RETRY_DELAYS
    if not isinstance(delays, (tuple, list)) or not delays or not all(map(is_seconds, delays)):
        yield "ALIPAY_CANCEL['RETRY_DELAYS'] must be a tuple of seconds, at least one."
    for name in ("CANCEL_UNRESOLVED_WITHIN", "BULK_INLINE_SECONDS"):
        if not is_seconds(getattr(settings, name)):
            yield f"ALIPAY_CANCEL[{name!r}] must be a number of seconds."
    for name in ("CANCEL_UNRESOLVED_AFTER", "RESPONSE_TIME_TOLERANCE"):
        value = getattr(settings, name)
        if value is not None and not is_seconds(value):
            yield f"ALIPAY_CANCEL[{name!r}] must be None or a number of seconds."
    if settings.REFUND_URL is not None and not isinstance(settings.REFUND_URL, str):
        yield "ALIPAY_CANCEL['REFUND_URL'] must be None or the dotted path of a function."
    if not isinstance(settings.CUSTOMERS_MAY_CANCEL, bool):
        yield "ALIPAY_CANCEL['CUSTOMERS_MAY_CANCEL'] must be True or False."


def is_seconds(value: Any) -> bool:
    """Return whether `value` is a number of seconds that is not negative."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
