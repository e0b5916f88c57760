"""The ALIPAY_CANCEL setting, read live, and one merchant's client made from it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext, gettext_noop, override

from django_alipay_cancel.alipay.client import AlipayClient, Credentials
from django_alipay_cancel.alipay.signing import InvalidKey, load_private_key, load_public_key
from django_alipay_cancel.alipay.traces import without_frames
from django_alipay_cancel.callables import answer, expire
from django_alipay_cancel.problems import MERCHANT_DEFAULTS, merchant_problems, setting_name

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
        raise ImproperlyConfigured(gettext_noop("ALIPAY_CANCEL must be a dictionary."))
    return value


def client_for(merchant: str) -> AlipayClient:
    """Return the client of one merchant alias, kept per process while its settings stay the same.

    Raises ImproperlyConfigured, naming the merchant and the setting, when they cannot work, and
    what a callable raises.
    """
    try:
        return _client(merchant, _credentials(merchant))
    except Exception as error:  # whatever it is goes on, without the frames that hold keys
        raise without_frames(error)  # noqa: B904 (the same error: its cause stays)


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
    _refuse(value_problems())
    entry = answered(merchant, merchant_entry(merchant))
    connect, read = settings.TIMEOUT
    options = {name.lower(): entry.get(name, MERCHANT_DEFAULTS[name]) for name in MERCHANT_DEFAULTS}
    options["key_version"] = str(options["key_version"])
    return Credentials(
        client_id=entry["CLIENT_ID"],
        private_key=_load(merchant, "PRIVATE_KEY", entry["PRIVATE_KEY"], load_private_key),
        alipay_public_keys=_public_keys(merchant, entry["ALIPAY_PUBLIC_KEY"]),
        gateway_url=entry["GATEWAY_URL"],
        timeout=(float(connect), float(read)),
        response_time_tolerance=settings.RESPONSE_TIME_TOLERANCE,
        **options,
    )


def answered(merchant: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry with each callable replaced by its answer; ImproperlyConfigured if wrong."""
    # Before they are called, and again with what they say.
    _refuse(merchant_problems(merchant, entry))
    given = {name: answer(value) for name, value in entry.items()}
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
        (str(version), _load(merchant, "ALIPAY_PUBLIC_KEY", answer(text), load_public_key))
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


def _timeout_problems(value: Any) -> Iterator[str]:
    """Yield what is wrong with TIMEOUT, a pair (connect, read) of seconds."""
    if (
        not isinstance(value, (tuple, list))
        or len(value) != 2
        or not all(is_seconds(part) and part > 0 for part in value)
    ):
        yield gettext("%(setting)s must be a pair (connect, read) of positive seconds.") % {
            "setting": "ALIPAY_CANCEL['TIMEOUT']"
        }


def value_problems() -> Iterator[str]:
    """Yield what is wrong with the settings that hold for all merchants."""
    yield from _timeout_problems(settings.TIMEOUT)
    delays = settings.RETRY_DELAYS
    if not isinstance(delays, (tuple, list)) or not delays or not all(map(is_seconds, delays)):
        yield gettext("%(setting)s must be a tuple of seconds, at least one.") % {
            "setting": "ALIPAY_CANCEL['RETRY_DELAYS']"
        }
    for name in ("CANCEL_UNRESOLVED_WITHIN", "BULK_INLINE_SECONDS"):
        if not is_seconds(getattr(settings, name)):
            yield gettext("%(setting)s must be a number of seconds.") % {
                "setting": f"ALIPAY_CANCEL[{name!r}]"
            }
    for name in ("CANCEL_UNRESOLVED_AFTER", "RESPONSE_TIME_TOLERANCE"):
        value = getattr(settings, name)
        if value is not None and not is_seconds(value):
            yield gettext("%(setting)s must be None or a number of seconds.") % {
                "setting": f"ALIPAY_CANCEL[{name!r}]"
            }
    if settings.REFUND_URL is not None and not isinstance(settings.REFUND_URL, str):
        yield gettext("%(setting)s must be None or the dotted path of a function.") % {
            "setting": "ALIPAY_CANCEL['REFUND_URL']"
        }
    if not isinstance(settings.CUSTOMERS_MAY_CANCEL, bool):
        yield gettext("%(setting)s must be True or False.") % {
            "setting": "ALIPAY_CANCEL['CUSTOMERS_MAY_CANCEL']"
        }


def is_seconds(value: Any) -> bool:
    """Return whether `value` is a number of seconds that is not negative."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
