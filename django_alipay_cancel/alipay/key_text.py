"""From the text of a setting to the bytes of a key; and what the text is instead, never the text.

What people paste in place of a key is in `tests/alipay/test_key_text.py`.
"""

import base64
import re
import string
import unicodedata

from django_alipay_cancel.alipay.translating import gettext_noop

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
# They come with a text from a web page or an editor, and are never part of a key.
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_AROUND = " \t\r\n\"'`\u2018\u2019\u201c\u201d"
_ALPHABET = frozenset(string.ascii_letters + string.digits + "+/")
# TEST or PROD stands in it; base64 has no underscore.
_API_KEY = re.compile("i[sr]ak_")
# No RSA key is that short.
_SHORT = 200
_PATH = re.compile(
    r"~?[/\\]|\.{1,2}/|file:|[A-Za-z]:\\|.*\.(pem|key|txt|der|crt|cer|p8|p12|pfx)$",
    re.IGNORECASE | re.DOTALL,
)
_PLACEHOLDER = re.compile(
    r"[<\[{$%]|\.{3}|x{3,}$|.*(your|todo|change|replace|placeholder|insert|private_?key|public_?key)",
    re.IGNORECASE | re.DOTALL,
)


class InvalidKey(ValueError):
    """The text is not the key that belongs there; the message names what it is, never its text.

    `sentence` is that message before the `facts` are put into it: for who translates it, and the
    fact `found`, into another language.
    """

    def __init__(self, sentence: str, **facts: object) -> None:
        super().__init__(sentence % facts)
        self.sentence = sentence
        self.facts = facts


def read_der(text: str) -> bytes:
    """Return the bytes that the PEM or base64 in ``text`` holds.

    Literal ``\\n``, quotes and blanks around it and invisible characters are passed over. Raises
    `InvalidKey`.
    """
    if re.search(r"\\\\[nr]", text):
        raise InvalidKey(
            gettext_noop(
                "Expected a key, found line ends that were escaped twice: a backslash too many "
                "before each n."
            )
        )
    key = text.translate(_INVISIBLE).replace("\\r", "\n").replace("\\n", "\n").strip(_AROUND)
    if not key:
        raise InvalidKey(gettext_noop("Expected a key, found an empty text."))
    body = _body(key)
    joined = "".join(body.split())
    if problem := _what_instead(joined) or _foreign(joined, text, key):
        raise problem
    digits = joined.rstrip("=")
    blanks = len(body.strip().replace("\n", "")) - len(joined)
    return _decoded(digits, padding=len(joined) - len(digits), blanks=blanks)


def _body(key: str) -> str:
    """Return what is between the PEM lines, if there are any."""
    blocks: list[tuple[str, str]] = _PEM_BLOCK.findall(key)
    if len(blocks) > 1:
        labels = ", ".join(label for label, _ in blocks)
        raise InvalidKey(
            gettext_noop("Expected one key, found %(count)d PEM blocks: %(labels)s."),
            count=len(blocks),
            labels=labels,
        )
    if not blocks and re.search("-----|BEGIN [A-Z ]+KEY", key):
        dash = next((each for each in key if unicodedata.category(each) == "Pd" != each), "-")
        if dash == "-":
            raise InvalidKey(
                gettext_noop(
                    "Expected a key, found PEM whose BEGIN or END line is missing or damaged."
                )
            )
        raise InvalidKey(
            gettext_noop("Expected five hyphens on both sides of BEGIN and END, found %(char)s."),
            char=_named(dash),
        )
    label, body = blocks[0] if blocks else ("", key)
    if label == "OPENSSH PRIVATE KEY":
        raise InvalidKey(
            gettext_noop("Expected PKCS#8 or PKCS#1, found a key in OpenSSH's own format.")
        )
    if "Proc-Type:" in body:
        raise InvalidKey(
            gettext_noop("Expected a key without a password, found an encrypted private key.")
        )
    # The label says no more: Alipay's SDKs put PKCS#8 under "RSA PRIVATE KEY" and vice versa.
    return body


def _what_instead(joined: str) -> InvalidKey | None:
    """Return what somebody gave in place of a key, where that can be told."""
    characters = set(joined)
    if len(joined) < _SHORT:
        if _API_KEY.match(joined):
            return InvalidKey(
                gettext_noop(
                    "Expected an RSA key, found an API key of Alipay's (isak_ or irak_), which "
                    "signs nothing: make an RSA key pair in Alipay's console."
                )
            )
        if _PATH.match(joined):
            return InvalidKey(
                gettext_noop("Expected a key, found the path of a file; give what is in the file.")
            )
        if _PLACEHOLDER.match(joined):
            return InvalidKey(
                gettext_noop(
                    "Expected a key, found a placeholder: nothing has put the key in its place."
                )
            )
        if len(joined) == 32 and characters <= set(string.hexdigits):
            return InvalidKey(
                gettext_noop(
                    "Expected a key, found 32 hexadecimal digits: the secret of another product "
                    "of Alipay."
                )
            )
        if not characters <= _ALPHABET | {"="}:
            return InvalidKey(
                gettext_noop("Expected a key, found a text that is neither PEM nor base64.")
            )
        return None
    half = len(joined) // 2
    if joined[:half] == joined[half:]:
        return InvalidKey(gettext_noop("Expected one key, found the same text twice."))
    if characters <= set(string.hexdigits):
        return InvalidKey(gettext_noop("Expected base64, found hexadecimal digits."))
    if re.search("%(2B|2F|3D|0A)", joined, re.IGNORECASE):
        return InvalidKey(gettext_noop("Expected base64, found percent-encoded text; decode it."))
    if "=3D" in joined:
        return InvalidKey(gettext_noop("Expected base64, found quoted-printable text; decode it."))
    if characters - _ALPHABET - {"="} and characters <= _ALPHABET | set("=-_"):
        return InvalidKey(
            gettext_noop("Expected base64, found URL-safe base64: with - for + and _ for /.")
        )
    return None


def _foreign(joined: str, text: str, key: str) -> InvalidKey | None:
    digits = joined.rstrip("=")
    foreign = next((each for each in digits if each not in _ALPHABET and each != "="), "=")
    if foreign not in digits:
        return None
    # Counted as it stands in the setting, quotes and PEM lines included.
    begin = max(text.find(key[:8]), 0)
    facts = {
        "char": _named(foreign),
        "position": text.index(foreign, begin) + 1,
        "length": len(text),
    }
    if "\uff01" <= foreign <= "\uff5e":
        return InvalidKey(
            gettext_noop(
                "Expected base64, found %(char)s at position %(position)d of %(length)d: type it "
                "in half width."
            ),
            **facts,
        )
    return InvalidKey(
        gettext_noop("Expected base64, found %(char)s at position %(position)d of %(length)d."),
        **facts,
    )


def _decoded(digits: str, *, padding: int, blanks: int) -> bytes:
    """Return the bytes, if they are as many as they say: a key begins with its length."""
    found = len(digits) * 3 // 4
    der = base64.b64decode(digits[: len(digits) // 4 * 4])
    if der.startswith(b"-----BEGIN"):
        raise InvalidKey(
            gettext_noop(
                "Expected a key, found base64 of PEM, as Kubernetes keeps a secret; decode it once."
            )
        )
    whole = _length(der)
    if whole is None or (len(digits) % 4 == 1 and whole <= found):
        raise InvalidKey(
            gettext_noop("Expected a key, found base64 that holds no key; it may be cut off.")
        )
    if found < whole == (len(digits) + blanks) * 3 // 4:
        raise InvalidKey(
            gettext_noop("Expected base64, found blanks in it: each may have been a +.")
        )
    if found < whole:
        raise InvalidKey(
            gettext_noop("Expected a key, found %(found)d of its %(whole)d bytes: it is cut off."),
            found=found,
            whole=whole,
        )
    if found > whole:
        raise InvalidKey(
            gettext_noop(
                "Expected one key of %(whole)d bytes, found %(found)d: something follows it."
            ),
            found=found,
            whole=whole,
        )
    missing = -len(digits) % 4
    if padding < missing:
        raise InvalidKey(
            gettext_noop("Expected base64, found it without the %(padding)s at its end."),
            padding="=" * missing,
        )
    return base64.b64decode(digits + "=" * missing)


def _length(der: bytes) -> int | None:
    """Return how many bytes a DER sequence has by its own account; None for anything else."""
    if len(der) < 4 or der[0] != 0x30:
        return None
    if der[1] < 0x80:
        return 2 + der[1]
    size = der[1] - 0x80
    return 2 + size + int.from_bytes(der[2 : 2 + size]) if size <= 3 else None


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
