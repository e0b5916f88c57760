"""RSA keys, the content to be signed, and the ``Signature`` header in both directions.

The rules are those of Alipay's "Sign a request and verify the signature" guide.
"""

import base64
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from django_alipay_cancel.alipay.key_text import InvalidKey, read_der
from django_alipay_cancel.alipay.translating import gettext_noop

ALGORITHM = "RSA256"
MINIMUM_KEY_BITS = 2048


class InvalidSignatureHeader(ValueError):
    """The ``Signature`` header cannot be used, so nothing it covers may be believed.

    `cause` is one of `causes.CAUSES`, `detail` what its sentence says besides.
    """

    def __init__(self, cause: str, detail: str = "") -> None:
        super().__init__(f"{cause}: {detail}" if detail else cause)
        self.cause = cause
        self.detail = detail


@dataclass(frozen=True)
class SignatureHeader:
    """A parsed ``Signature`` header; ``key_version`` is None when the header names none."""

    key_version: str | None
    signature: bytes


# The caches are keyed by the text, so a key is parsed (and RSA-checked, which is slow) once.
@lru_cache(maxsize=64)
def load_private_key(text: str) -> RSAPrivateKey:
    """Read an RSA private key of at least 2048 bits.

    ``text`` is PEM or the bare base64 of Alipay's console, PKCS#8 or PKCS#1; what `read_der` passes
    over, such as the literal ``\\n`` of environment variables, does no harm. Raises `InvalidKey`.
    """
    key = _key_of(read_der(text))
    if not isinstance(key, RSAPrivateKey):
        raise InvalidKey(
            gettext_noop("Expected an RSA private key, found %(found)s%(algorithm)s."),
            **_described(key),
        )
    _require_size(key)
    return key


@lru_cache(maxsize=64)
def load_public_key(text: str) -> RSAPublicKey:
    """Read an RSA public key of at least 2048 bits.

    ``text`` is PEM or bare base64, X.509 SubjectPublicKeyInfo as Alipay's console shows it, or
    PKCS#1; otherwise as in `load_private_key`. Raises `InvalidKey`.
    """
    key = _key_of(read_der(text))
    if not isinstance(key, RSAPublicKey):
        raise InvalidKey(
            gettext_noop("Expected an RSA public key, found %(found)s%(algorithm)s."),
            **_described(key),
        )
    _require_size(key)
    return key


def content_to_be_signed(*, path: str, client_id: str, time: str, body: bytes) -> bytes:
    """Return the exact bytes both sides sign.

    A response is signed over the *request's* path, with the ``response-time`` header as ``time``;
    both headers are taken as opaque text and ``body`` exactly as it travels.
    """
    return f"POST {path}\n{client_id}.{time}.".encode() + body


def sign(content: bytes, key: RSAPrivateKey) -> str:
    """Return the signature of ``content`` as URL-encoded base64, ready for the header."""
    signature = key.sign(content, PKCS1v15(), SHA256())
    return quote(base64.b64encode(signature).decode("ascii"), safe="")


def signature_header(content: bytes, key: RSAPrivateKey, key_version: str) -> str:
    """Return the value of the ``Signature`` header for ``content``."""
    return f"algorithm={ALGORITHM},keyVersion={key_version},signature={sign(content, key)}"


def parse_signature_header(value: str) -> SignatureHeader:
    """Take a ``Signature`` header apart: any order, spaces, and letter case of the names.

    Raises `InvalidSignatureHeader` for another algorithm, a repeated or missing part, or a
    signature that is not base64.
    """
    parts: dict[str, str] = {}
    for pair in value.split(","):
        # The first "=" only: a signature that was not URL-encoded ends in "=".
        name, _, text = pair.partition("=")
        name = name.strip().lower()
        if name in parts:
            raise InvalidSignatureHeader("part_doubled", name[:20])
        parts[name] = text.strip()
    if parts.get("algorithm", ALGORITHM).upper() != ALGORITHM:
        raise InvalidSignatureHeader("other_algorithm", repr(parts["algorithm"][:20]))
    encoded = parts.get("signature", "")
    try:
        # Only %XX is decoded: form decoding would turn the "+" of bare base64 into a space.
        signature = base64.b64decode(unquote_to_bytes(encoded), validate=True)
    except ValueError:
        raise InvalidSignatureHeader("blanks" if " " in encoded else "not_base64") from None
    if not signature:
        raise InvalidSignatureHeader("part_missing", "signature")
    return SignatureHeader(key_version=parts.get("keyversion") or None, signature=signature)


def verify(content: bytes, signature: bytes, key: RSAPublicKey) -> bool:
    """Tell whether ``signature`` is ``content`` signed with SHA-256 and PKCS#1 v1.5, no other."""
    try:
        key.verify(signature, content, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def recover(signature: bytes, key: RSAPublicKey) -> bytes | None:
    """Return what was signed (hash algorithm and digest), None when another key signed it.

    For telling why a signature does not verify; what may be believed is `verify`'s to say.
    """
    try:
        return key.recover_data_from_signature(signature, PKCS1v15(), None)
    except InvalidSignature:
        return None


def _key_of(der: bytes) -> object:
    """Return the key, certificate or certificate request that ``der`` holds."""
    try:
        return load_der_private_key(der, password=None)
    except TypeError:
        raise InvalidKey(
            gettext_noop("Expected a key without a password, found an encrypted private key.")
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        pass
    for read in (load_der_public_key, x509.load_der_x509_certificate, x509.load_der_x509_csr):
        try:
            return read(der)
        except (ValueError, UnsupportedAlgorithm):
            continue
    raise InvalidKey(
        gettext_noop("Expected a key, found base64 that holds no key; it may be cut off.")
    )


def _described(found: object) -> dict[str, str]:
    if isinstance(found, RSAPrivateKey):
        return _found(gettext_noop("an RSA private key"))
    if isinstance(found, RSAPublicKey):
        return _found(gettext_noop("an RSA public key"))
    if isinstance(found, x509.Certificate):
        return _found(gettext_noop("a certificate"))
    if isinstance(found, x509.CertificateSigningRequest):
        return _found(gettext_noop("a certificate request"))
    kind = type(found).__name__
    algorithm = kind.removesuffix("PrivateKey").removesuffix("PublicKey")
    if "Private" in kind:
        return _found(gettext_noop("a private key of another algorithm"), f" ({algorithm})")
    return _found(gettext_noop("a public key of another algorithm"), f" ({algorithm})")


def _found(what: str, algorithm: str = "") -> dict[str, str]:
    return {"found": what, "algorithm": algorithm}


def _require_size(key: RSAPrivateKey | RSAPublicKey) -> None:
    if key.key_size < MINIMUM_KEY_BITS:
        raise InvalidKey(
            gettext_noop("Expected an RSA key of at least %(least)d bits, found %(size)d bits."),
            least=MINIMUM_KEY_BITS,
            size=key.key_size,
        )
