"""What is wrong with one merchant's settings, in words; no key is loaded, no callable called.

The words are in the language that is active: checks and commands speak that of the settings,
`conf` makes exceptions of them in English.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext

REQUIRED_OF_MERCHANT = ("CLIENT_ID", "PRIVATE_KEY", "ALIPAY_PUBLIC_KEY", "GATEWAY_URL")
MERCHANT_DEFAULTS: Mapping[str, Any] = {
    "KEY_VERSION": "1",
    "SANDBOX_PATH": None,
    "AGENT_TOKEN": None,
    "MERCHANT_ACCOUNT_ID": None,
    "PROXY": None,
    "CA_BUNDLE": None,
}


def setting_name(merchant: str, *names: str) -> str:
    """Return how messages name one setting of one merchant, or a part of it."""
    keys = "".join(f"[{name!r}]" for name in names)
    return f"ALIPAY_CANCEL['MERCHANTS'][{merchant!r}]{keys}"


def missing_settings(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the required settings this merchant does not have."""
    for name in REQUIRED_OF_MERCHANT:
        if not entry.get(name):
            yield gettext("%(setting)s is missing.") % {"setting": setting_name(merchant, name)}


def malformed_settings(merchant: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield what cannot work in this merchant's settings; what a callable says is not judged."""
    for name in entry:
        if name not in MERCHANT_DEFAULTS and name not in REQUIRED_OF_MERCHANT:
            yield gettext("%(setting)s is unknown.") % {"setting": setting_name(merchant, name)}
    entry = {name: value for name, value in entry.items() if not callable(value)}
    for name, limit in (("CLIENT_ID", 64), ("KEY_VERSION", 16), ("AGENT_TOKEN", 128)):
        if entry.get(name) and not _is_header_text(str(entry[name]), limit):
            yield gettext(
                "%(setting)s must be printable ASCII without blanks, at most %(limit)d characters."
            ) % {"setting": setting_name(merchant, name), "limit": limit}
    if entry.get("CLIENT_ID") and not isinstance(entry["CLIENT_ID"], str):
        yield gettext("%(setting)s must be text.") % {
            "setting": setting_name(merchant, "CLIENT_ID")
        }
    if entry.get("MERCHANT_ACCOUNT_ID") and len(str(entry["MERCHANT_ACCOUNT_ID"])) > 32:
        yield gettext("%(setting)s is longer than 32 characters.") % {
            "setting": setting_name(merchant, "MERCHANT_ACCOUNT_ID")
        }
    if entry.get("SANDBOX_PATH") not in (None, True, False):
        yield gettext("%(setting)s must be None, True or False.") % {
            "setting": setting_name(merchant, "SANDBOX_PATH")
        }
    if entry.get("GATEWAY_URL"):
        yield from _url_problems(setting_name(merchant, "GATEWAY_URL"), entry["GATEWAY_URL"])
    if entry.get("PROXY") and not _is_proxy(entry["PROXY"]):
        yield gettext("%(setting)s must be an http:// address with host and port.") % {
            "setting": setting_name(merchant, "PROXY")
        }


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
        yield gettext("%(setting)s is no address.") % {"setting": name}
        return
    if parts.scheme not in ("https", "http") or not host:
        yield gettext(
            "%(setting)s must be an https:// address such as https://open-na-global.alipay.com."
        ) % {"setting": name}
        return
    if parts.username or parts.password or parts.query or parts.fragment:
        yield gettext(
            "%(setting)s must be scheme and host alone, without user, query or fragment."
        ) % {"setting": name}
    if parts.path not in ("", "/"):
        yield gettext(
            "%(setting)s must be without a path (%(path)r); the path is added and signed."
        ) % {"setting": name, "path": parts.path}
    if parts.scheme == "http" and not is_loopback(host):
        yield gettext(
            "%(setting)s must be https://: http:// is allowed for loopback hosts only."
        ) % {"setting": name}


def _is_proxy(url: Any) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.scheme == "http" and parts.hostname and parts.port)
    except (ValueError, TypeError, AttributeError):
        return False


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
