"""What may have been signed in place of what came. For diagnosis only: nothing is believed by it.

Only a text that Alipay signed is found, for its digest is recovered from the signature.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import product
from urllib.parse import quote, unquote

from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.signing import (
    InvalidSignatureHeader,
    content_to_be_signed,
    parse_signature_header,
    recover,
)
from django_alipay_cancel.alipay.translating import gettext_noop
from django_alipay_cancel.alipay.trust import PublicKeys

# Where proxies put the address, or the part of it, that they took away.
_WHOLE_PATH = (
    "x-original-uri",
    "x-original-url",
    "x-forwarded-uri",
    "x-rewrite-url",
    "x-envoy-original-path",
)
_PREFIX = ("x-forwarded-prefix", "x-script-name")
# What encoders of paths leave as it is, from the most careful one to the least.
_SAFE = ("/", "/:@!$&'()*+,;=")


@dataclass(frozen=True)
class Variant:
    """A text that was signed: ``body`` says how it differs from what came, "" when it does not."""

    path: str
    client_id: str
    body: str = ""


def signed_variants(
    headers: HTTPHeaderDict,
    body: bytes,
    *,
    path: str,
    client_id: str,
    public_keys: PublicKeys,
    prefixes: Iterable[str] = (),
) -> Iterator[Variant]:
    """Yield each variant of a notification that Alipay signed; the fewest changes come first."""
    try:
        signature = parse_signature_header(headers.get("signature", "")).signature
    except InvalidSignatureHeader:
        return
    recovered = (recover(signature, key) for _, key in public_keys)
    digests = {signed[-32:] for signed in recovered if signed}
    if not digests:
        return
    time = headers.get("request-time", "").strip()
    clients = dict.fromkeys((client_id, headers.get("client-id", client_id).strip()))
    paths = _paths(path, headers, prefixes)
    for (change, text), client, signed_path in product(_bodies(body), clients, paths):
        content = content_to_be_signed(path=signed_path, client_id=client, time=time, body=text)
        if sha256(content).digest() in digests:
            yield Variant(path=signed_path, client_id=client, body=change)


def _paths(path: str, headers: HTTPHeaderDict, prefixes: Iterable[str]) -> list[str]:
    origins = [path, *(headers[name] for name in _WHOLE_PATH if name in headers)]
    ends = [end for origin in origins for end in (origin, origin.partition("?")[0])]
    told = [*prefixes, *(headers[name] for name in _PREFIX if name in headers)]
    found = [*ends]
    for prefix in filter(None, (prefix.strip("/ ") for prefix in told)):
        found += [f"/{prefix}{end}" for end in ends]
    for end in ends:
        found += _without_first_segments(end)
    found += [f"{each}/" for each in found] + [each.removesuffix("/") for each in found]
    for each in [*found]:
        quoted = [quote(unquote(each), safe=f"{safe}?") for safe in _SAFE]
        found += [*quoted, quoted[0].replace("~", "%7E"), _in_small_hex(each), unquote(each)]
    return list(dict.fromkeys(found))


def _without_first_segments(path: str) -> Iterator[str]:
    while "/" in path[1:].partition("?")[0]:
        path = path[path.index("/", 1) :]
        yield path


def _in_small_hex(path: str) -> str:
    head, *escaped = path.split("%")
    return head + "".join(f"%{each[:2].lower()}{each[2:]}" for each in escaped)


def _bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", body
    for change, text in _LINE_ENDS.items():
        yield change, text(body)
    try:
        document = json.loads(body)
    except ValueError:
        return
    for change, write in _JSON.items():
        yield change, write(document).encode("utf-8", "surrogatepass")


def _with_crlf(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _escaped(text: str) -> str:
    return text.replace("/", "\\/")


_compact_ascii = partial(json.dumps, separators=(",", ":"))
_compact = partial(_compact_ascii, ensure_ascii=False)

_LINE_ENDS: Mapping[str, Callable[[bytes], bytes]] = {
    gettext_noop("without the line ends and blanks around it"): bytes.strip,
    gettext_noop("with LF at its end"): lambda body: body.rstrip() + b"\n",
    gettext_noop("with CRLF at its end"): lambda body: body.rstrip() + b"\r\n",
    gettext_noop("with LF in place of CRLF"): lambda body: body.replace(b"\r\n", b"\n"),
    gettext_noop("with CRLF in place of LF"): _with_crlf,
    gettext_noop("without its byte order mark"): lambda body: body.removeprefix(BOM_UTF8),
}
_JSON: Mapping[str, Callable[[object], str]] = {
    gettext_noop("as compact JSON"): _compact,
    gettext_noop("as compact JSON in ASCII"): _compact_ascii,
    gettext_noop("as compact JSON with escaped slashes"): lambda document: _escaped(
        _compact(document)
    ),
    gettext_noop("as compact JSON in ASCII with escaped slashes"): lambda document: _escaped(
        _compact_ascii(document)
    ),
    gettext_noop("as JSON with blanks"): partial(json.dumps, ensure_ascii=False),
    gettext_noop("as JSON with blanks in ASCII"): json.dumps,
    gettext_noop("as JSON indented by 2"): partial(json.dumps, indent=2, ensure_ascii=False),
    gettext_noop("as JSON indented by 4"): partial(json.dumps, indent=4, ensure_ascii=False),
}
