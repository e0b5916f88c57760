"""What is wrong or doubtful in one merchant's settings, told from the values alone: no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.checks import CheckMessage, Error, Info, Warning
from django.utils.translation import gettext, gettext_lazy

from django_alipay_cancel.alipay.client import SANDBOX_PREFIX
from django_alipay_cancel.alipay.key_text import InvalidKey
from django_alipay_cancel.alipay.signing import load_private_key, load_public_key
from django_alipay_cancel.known_settings import setting_name
from django_alipay_cancel.settings_rules import is_loopback

# https://docs.antom.com/ac/ams/api_fund.md; each region also has an older name.
REGIONS = {
    gettext_lazy("North America"): ("open-na-global.alipay.com", "open-na.alipay.com"),
    gettext_lazy("Asia"): ("open-sea-global.alipay.com", "open-sea.alipay.com"),
    gettext_lazy("Europe"): ("open-de-global.alipay.com", "open-eu.alipay.com"),
    gettext_lazy("merchants in the US"): ("open.antglobal-us.com",),
}
_OTHER_HOSTS = {
    "open-global.alipay.com": gettext_lazy(
        "%(setting)s is %(host)s, which Alipay withdrew in November 2023."
    ),
    "openapi.alipay.com": gettext_lazy(
        "%(setting)s is %(host)s, which serves another product of Alipay."
    ),
}
_NO_GATEWAY = gettext_lazy("%(setting)s is %(host)s, which is none of Alipay's gateways.")


def of_keys(merchant: str, entry: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """Tell what the keys are, and whether they are the ones that belong there.

    Callables in `entry` are passed over.
    """
    own = _load(merchant, ("PRIVATE_KEY",), entry.get("PRIVATE_KEY"), load_private_key)
    yield from own.findings(entry)
    for names, text in _public_texts(entry.get("ALIPAY_PUBLIC_KEY")):
        public = _load(merchant, names, text, load_public_key)
        yield from public.findings(entry)
        if own.fingerprint and public.fingerprint == own.fingerprint:
            yield Error(
                id="django_alipay_cancel.E008",
                msg=gettext("%(setting)s is your own public key.") % {"setting": public.name},
                hint=gettext(
                    "It is the public half of PRIVATE_KEY, which you upload to Alipay. Copy "
                    "Alipay's public key from its console and put that here."
                ),
            )


def of_address(merchant: str, entry: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """Tell what is doubtful about host and path; callables are passed over."""
    given = {name: value for name, value in entry.items() if not callable(value)}
    host = _host(given.get("GATEWAY_URL"))
    known = [name for names in REGIONS.values() for name in names]
    if host and host not in known and not is_loopback(host):
        yield Warning(
            id="django_alipay_cancel.W003",
            msg=_OTHER_HOSTS.get(host, _NO_GATEWAY)
            % {"setting": setting_name(merchant, "GATEWAY_URL"), "host": host},
            hint=gettext("Alipay's gateways: %(gateways)s.")
            % {
                "gateways": ", ".join(
                    f"https://{names[0]} ({region})" for region, names in REGIONS.items()
                )
            },
        )
    if path := _doubtful_path(given.get("CLIENT_ID"), given.get("SANDBOX_PATH")):
        yield Warning(
            id="django_alipay_cancel.W004",
            msg=gettext("%(setting)s does not fit CLIENT_ID: %(what)s.")
            % {"setting": setting_name(merchant, "SANDBOX_PATH"), "what": path},
            hint=gettext(
                "Set it to None, unless Alipay told you otherwise (in-store merchants keep the "
                "production path in the sandbox). check_alipay --live tries both."
            ),
        )


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """A key by the name of its setting, or the problem with it; neither when nothing is given."""

    name: str
    problem: str = ""
    description: str = ""
    fingerprint: str = ""

    def findings(self, entry: Mapping[str, Any]) -> Iterator[CheckMessage]:
        if self.problem:
            text = f"{self.name}: {self.problem}"
            yield Error(text, hint=_swapped(entry), id="django_alipay_cancel.E005")
        elif self.description:
            yield Info(f"{self.name}: {self.description}")


def _load(
    merchant: str,
    names: tuple[str, ...],
    text: Any,
    load: Callable[[str], RSAPrivateKey | RSAPublicKey],
) -> _Loaded:
    name = setting_name(merchant, *names)
    if not text or callable(text):
        return _Loaded(name=name)
    if not isinstance(text, str):
        return _Loaded(name=name, problem=gettext("It must be text or a callable."))
    try:
        key = load(text)
    except InvalidKey as problem:
        return _Loaded(name=name, problem=_in_words(problem))
    is_private = isinstance(key, RSAPrivateKey)
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    fingerprint = sha256(
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()
    return _Loaded(
        name=name,
        description=(
            gettext("RSA private key, %(size)d bits, SHA-256 of its public half %(fingerprint)s")
            if is_private
            else gettext("RSA public key, %(size)d bits, SHA-256 %(fingerprint)s")
        )
        % {"size": key.key_size, "fingerprint": fingerprint},
        fingerprint=fingerprint,
    )


def _in_words(problem: InvalidKey) -> str:
    facts = dict(problem.facts)
    if "found" in facts:
        facts["found"] = gettext(str(facts["found"]))
    return gettext(problem.sentence) % facts


def _public_texts(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, Mapping):
        yield ("ALIPAY_PUBLIC_KEY",), value
        return
    for version, text in value.items():
        yield ("ALIPAY_PUBLIC_KEY", version), text


def _swapped(entry: Mapping[str, Any]) -> str:
    publics = [text for _, text in _public_texts(entry.get("ALIPAY_PUBLIC_KEY"))]
    here_public = _loads(entry.get("PRIVATE_KEY"), load_public_key)
    there_private = any(_loads(text, load_private_key) for text in publics)
    if here_public and there_private:
        return gettext("PRIVATE_KEY and ALIPAY_PUBLIC_KEY are swapped.")
    if here_public:
        return gettext("PRIVATE_KEY needs the private half of the key that you uploaded to Alipay.")
    if there_private:
        return gettext(
            "ALIPAY_PUBLIC_KEY needs the public key that Alipay's console shows as Alipay's."
        )
    return ""


def _loads(text: Any, load: Callable[[str], object]) -> bool:
    try:
        return isinstance(text, str) and bool(load(text))
    except InvalidKey:
        return False


def _host(url: Any) -> str:
    try:
        return urlsplit(url).hostname or ""
    except (ValueError, TypeError, AttributeError):
        return ""  # `problems` says so


def _doubtful_path(client_id: Any, sandbox_path: Any) -> str:
    is_sandbox = isinstance(client_id, str) and client_id.startswith(SANDBOX_PREFIX)
    if not client_id or sandbox_path is None or bool(sandbox_path) is is_sandbox:
        return ""
    what = (
        gettext("%(value)s with a client ID of the sandbox")
        if is_sandbox
        else gettext("%(value)s with a client ID of the production environment")
    )
    return what % {"value": bool(sandbox_path)}
