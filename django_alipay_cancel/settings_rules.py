"""What the values of settings must be; no key is loaded, no callable called.

A rule takes the name of a setting, as messages say it, and a value that is not None, and yields
what is wrong with it, in the language that is active.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext

from django_alipay_cancel.alipay.client import SANDBOX_PREFIX

SettingRule = Callable[[str, Any], Iterator[str]]

CENTURY = 36_525 * 86_400  # seconds; what is longer overflows a date
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"


def anything(name: str, value: Any) -> Iterator[str]:
    """Yield nothing: what the value must be is said elsewhere."""
    yield from ()


def seconds(name: str, value: Any) -> Iterator[str]:
    if not _is_number(value) or value < 0:
        yield gettext("%(setting)s must be a number of seconds.") % {"setting": name}
    else:
        yield from _too_long(name, value)


def seconds_or_none(name: str, value: Any) -> Iterator[str]:
    if not _is_number(value) or value < 0:
        yield gettext("%(setting)s must be None or a number of seconds.") % {"setting": name}
    else:
        yield from _too_long(name, value)


def pair_of_seconds(name: str, value: Any) -> Iterator[str]:
    parts = value if isinstance(value, (tuple, list)) else ()
    if len(parts) != 2 or not all(_is_number(part) and part > 0 for part in parts):
        yield gettext("%(setting)s must be a pair (connect, read) of positive seconds.") % {
            "setting": name
        }
    else:
        yield from _too_long(name, *parts)


def some_seconds(name: str, value: Any) -> Iterator[str]:
    parts = value if isinstance(value, (tuple, list)) else ()
    if not parts or not all(_is_number(part) and part >= 0 for part in parts):
        yield gettext("%(setting)s must be a tuple of seconds, at least one.") % {"setting": name}
    else:
        yield from _too_long(name, *parts)


def truth(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield gettext("%(setting)s must be True or False.") % {"setting": name}


def truth_or_none(name: str, value: Any) -> Iterator[str]:
    if value not in (True, False):
        yield gettext("%(setting)s must be None, True or False.") % {"setting": name}


def path_of_function(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield gettext("%(setting)s must be None or the dotted path of a function.") % {
            "setting": name
        }


def header_text(limit: int) -> SettingRule:
    """Return the rule for text that goes into a header, of at most so many characters."""

    def rule(name: str, value: Any) -> Iterator[str]:
        if not isinstance(value, str):
            yield gettext("%(setting)s must be text.") % {"setting": name}
        elif len(value) > limit or not all("!" <= character <= "~" for character in value):
            yield gettext(
                "%(setting)s must be printable ASCII without blanks, at most %(limit)d characters."
            ) % {"setting": name, "limit": limit}

    return rule


def client_id(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.strip(_QUOTES) != value:
        yield gettext("%(setting)s is in quotes; take them off.") % {"setting": name}
        return
    yield from header_text(64)(name, value)
    begin = value[: len(SANDBOX_PREFIX)] if isinstance(value, str) else ""
    if begin.upper() == SANDBOX_PREFIX != begin:
        yield gettext(
            "%(setting)s begins with %(begin)s; a client ID of the sandbox begins with SANDBOX_."
        ) % {"setting": name, "begin": begin}


def key_version(name: str, value: Any) -> Iterator[str]:
    if value == "":
        yield gettext("%(setting)s is empty; leave it out for version 1.") % {"setting": name}
        return
    yield from header_text(16)(name, str(value) if type(value) is int else value)


def keys_by_version(name: str, value: Any) -> Iterator[str]:
    """A key, or a mapping of keys that are all there and whose versions differ as text too."""
    if not isinstance(value, Mapping):
        return
    for version, times in Counter(map(str, value)).items():
        if times > 1:
            yield gettext(
                "%(setting)s has the key version %(version)s twice, as a number and as text."
            ) % {"setting": name, "version": version}
        if not version.strip():
            yield gettext("%(setting)s has a key without a version.") % {"setting": name}
    for version, key in value.items():
        if key in (None, ""):
            yield gettext("%(setting)s is empty; take the key version out until it has a key.") % {
                "setting": f"{name}[{version!r}]"
            }


def at_most_32(name: str, value: Any) -> Iterator[str]:
    if len(str(value)) > 32:
        yield gettext("%(setting)s is longer than 32 characters.") % {"setting": name}


def path_of_file(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, (str, PathLike)):
        yield gettext("%(setting)s must be None or the path of a file.") % {"setting": name}


def gateway_url(name: str, value: Any) -> Iterator[str]:
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except (ValueError, TypeError, AttributeError):
        yield gettext("%(setting)s is no address.") % {"setting": name}
        return
    if "".join(value.split()) != value:
        yield gettext("%(setting)s must be without blanks and line ends.") % {"setting": name}
        return
    if parts.scheme not in ("https", "http") or not host:
        yield gettext(
            "%(setting)s must be an https:// address such as https://open-na-global.alipay.com."
        ) % {"setting": name}
        return
    # An empty query or fragment leaves no trace in the parts.
    if parts.username or parts.password or "?" in value or "#" in value:
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


def notify_url(name: str, value: Any) -> Iterator[str]:
    """Accept an absolute https:// address; http:// for loopback hosts only."""
    fits = isinstance(value, str) and _is_printable(value) and len(value) <= 1024
    parts = urlsplit(value) if fits else None
    host = parts.hostname if parts else None
    secure = bool(parts and (parts.scheme == "https" or is_loopback(host or "")))
    if not (host and secure):
        yield gettext("%(setting)s must be an https:// address of at most 1024 characters.") % {
            "setting": name
        }


def proxy(name: str, value: Any) -> Iterator[str]:
    try:
        parts = urlsplit(value)
        fits = bool(parts.scheme == "http" and parts.hostname and parts.port)
    except (ValueError, TypeError, AttributeError):
        fits = False
    if not fits:
        yield gettext("%(setting)s must be an http:// address with host and port.") % {
            "setting": name
        }
    elif "@" in parts.netloc:
        # Django hides no setting of this name, on its debug page and in its mails.
        yield gettext(
            "%(setting)s must be without user and password: they are PROXY_USER and PROXY_PASSWORD."
        ) % {"setting": name}


def proxy_user(name: str, value: Any) -> Iterator[str]:
    if not _is_printable(value) or ":" in value:
        yield gettext("%(setting)s must be printable text without a colon.") % {"setting": name}


def printable(name: str, value: Any) -> Iterator[str]:
    if not _is_printable(value):
        yield gettext("%(setting)s must be printable text.") % {"setting": name}


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_printable(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _too_long(name: str, *values: float) -> Iterator[str]:
    for value in values:
        if value > CENTURY:
            yield gettext("%(setting)s must be at most a century (%(limit)d seconds).") % {
                "setting": name,
                "limit": CENTURY,
            }
