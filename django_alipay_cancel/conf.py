"""The ALIPAY_CANCEL setting, read live, and one merchant's client made from it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_noop, override

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.alipay.key_text import InvalidKey
from django_alipay_cancel.alipay.signing import load_private_key, load_public_key
from django_alipay_cancel.alipay.traces import keeping_frames_back
from django_alipay_cancel.known_settings import (
    COMMON,
    MERCHANT,
    common_problems,
    merchant_problems,
    setting_name,
    values,
)
from django_alipay_cancel.vault_cache import current_value, expire

Key = TypeVar("Key")

DEFAULTS: Mapping[str, Any] = values(COMMON, {})


class Settings:
    """ALIPAY_CANCEL as attributes, read at each use so that override_settings works."""

    def __getattr__(self, name: str) -> Any:
        if name not in DEFAULTS:
            raise AttributeError(f"ALIPAY_CANCEL has no setting {name!r}.")
        value = configured().get(name)
        return DEFAULTS[name] if value is None else value


settings = Settings()


def configured() -> Mapping[str, Any]:
    """Return what the shop wrote, or raise ImproperlyConfigured when it is no dictionary."""
    value = getattr(django_settings, "ALIPAY_CANCEL", {})
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(gettext_noop("ALIPAY_CANCEL must be a dictionary."))
    return value


@keeping_frames_back
def client_for(merchant: str) -> AlipayClient:
    """Return the client of one merchant alias, kept per process while its settings stay the same.

    Raises ImproperlyConfigured, naming the merchant and the setting, when they cannot work, and
    what a callable raises.
    """
    return _client(merchant, _credentials(merchant))


def _client(merchant: str, credentials: Credentials) -> AlipayClient:
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


def forget_keys(merchant: str, *, older_than: float = 0.0) -> None:
    """Ask this merchant's callables again at the next use, for a vault may have new keys.

    `older_than`: only those whose answer is older than so many seconds.
    """
    entry = settings.MERCHANTS.get(merchant, {})
    for value in entry.values():
        for each in _each(value):
            expire(each, older_than=older_than)


_clients: dict[str, AlipayClient] = {}
_lock = threading.Lock()


def _credentials(merchant: str) -> Credentials:
    _refuse(common_problems(configured()))
    entry = values(MERCHANT, answered(merchant, merchant_entry(merchant)))
    connect, read = settings.TIMEOUT
    private_key = _load(merchant, "PRIVATE_KEY", entry.pop("PRIVATE_KEY"), load_private_key)
    public_keys = _public_keys(merchant, entry.pop("ALIPAY_PUBLIC_KEY"))
    return Credentials(
        private_key=private_key,
        alipay_public_keys=public_keys,
        key_version=str(entry.pop("KEY_VERSION")),
        timeout=(float(connect), float(read)),
        response_time_tolerance=settings.RESPONSE_TIME_TOLERANCE,
        **{name.lower(): value for name, value in entry.items()},
    )


def answered(merchant: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry with each callable replaced by its answer; ImproperlyConfigured if wrong."""
    # Before they are called, and again with what they say.
    _refuse(merchant_problems(merchant, entry))
    given = {name: current_value(value) for name, value in entry.items()}
    _refuse(merchant_problems(merchant, given))
    return given


def _refuse(problems: Iterator[str]) -> None:
    # The same words as in the checks; but a log is English, whatever the request's language.
    with override("en"):
        for problem in problems:
            raise ImproperlyConfigured(problem)


def merchant_entry(merchant: str) -> Mapping[str, Any]:
    """Return what the shop wrote for a merchant; ImproperlyConfigured when that is nothing."""
    merchants = settings.MERCHANTS
    if not isinstance(merchants, Mapping) or not isinstance(merchants.get(merchant), Mapping):
        raise ImproperlyConfigured(
            f"ALIPAY_CANCEL['MERCHANTS'] has no dictionary for the merchant {merchant!r}."
        )
    entry: Mapping[str, Any] = merchants[merchant]
    return entry


def is_named(merchant: str) -> bool:
    """Whether MERCHANTS names this merchant, whatever its settings."""
    merchants = settings.MERCHANTS
    return isinstance(merchants, Mapping) and merchant in merchants


def is_configured(merchant: str) -> bool:
    """Whether this merchant's settings look complete; no key is loaded, no callable called."""
    try:
        entry = merchant_entry(merchant)
    except ImproperlyConfigured:
        return False
    return not any(merchant_problems(merchant, entry))


def _public_keys(merchant: str, value: Any) -> tuple[tuple[str, RSAPublicKey], ...]:
    if not isinstance(value, Mapping):
        # Not known by a version: the one key there is.
        return (("", _load(merchant, "ALIPAY_PUBLIC_KEY", value, load_public_key)),)
    return tuple(
        (str(version), _load(merchant, "ALIPAY_PUBLIC_KEY", current_value(text), load_public_key))
        for version, text in value.items()
    )


def _load(merchant: str, name: str, text: Any, load: Callable[[str], Key]) -> Key:
    if not isinstance(text, str):
        raise ImproperlyConfigured(
            f"{setting_name(merchant, name)} must be text, not {type(text).__name__}."
        )
    try:
        return load(text)
    except InvalidKey as error:
        raise ImproperlyConfigured(f"{setting_name(merchant, name)}: {error}") from None


def _each(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else [value]
