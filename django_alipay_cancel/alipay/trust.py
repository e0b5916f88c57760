"""Whether Alipay signed these headers and this body for this client: the one place that decides.

Stricter than Alipay's SDKs, which accept an unsigned F: somebody on the line could fake "not
cancelled" with it. The rules are those of Alipay's "Sign a request and verify the signature" guide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.signing import (
    InvalidSignatureHeader,
    SignatureHeader,
    content_to_be_signed,
    parse_signature_header,
    recover,
    verify,
)

PublicKeys = Sequence[tuple[str, RSAPublicKey]]

# What precedes the digest in a PKCS#1 v1.5 signature that was made with SHA-256.
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclass(frozen=True, kw_only=True)
class Distrust:
    """Why a message is not to be believed.

    ``error`` is one of unsigned, wrong_client, bad_signature; ``cause`` one of `causes.CAUSES`, ""
    for unsigned; ``detail`` what its sentence says besides, as it came from the far end.
    """

    error: str = "bad_signature"
    cause: str = ""
    detail: str = ""


def distrust(
    headers: HTTPHeaderDict,
    body: bytes,
    *,
    time_header: str,
    path: str,
    client_id: str,
    public_keys: PublicKeys,
) -> Distrust | None:
    """Return why the message is not to be believed, None when Alipay signed it for ``client_id``.

    ``time_header`` names the header with the time that is signed, ``path`` is what was signed with
    it; ``public_keys`` are (keyVersion, key).
    """
    names = ("signature", time_header, "client-id")
    if doubled := [name for name in names if len(headers.getlist(name)) > 1]:
        return Distrust(cause="header_doubled", detail=", ".join(doubled))
    signature = headers.get("signature", "").strip()
    time = headers.get(time_header, "").strip()
    if not signature and not time:
        return Distrust(error="unsigned")
    theirs = headers.get("client-id", client_id).strip()
    if theirs != client_id:
        return Distrust(error="wrong_client", cause="other_client", detail=theirs)
    if not signature or not time:
        missing = time_header if signature else "signature"
        return Distrust(cause="header_missing", detail=missing)
    # Bytes that are no ASCII would be read otherwise than they were signed.
    if not time.isascii() or not path.isascii():
        return Distrust(cause="not_ascii", detail="path" if time.isascii() else time_header)
    try:
        header = parse_signature_header(signature)
    except InvalidSignatureHeader as problem:
        return Distrust(cause=problem.cause, detail=problem.detail)
    content = content_to_be_signed(path=path, client_id=client_id, time=time, body=body)
    # The named key first, then the others: which keyVersion a response carries is not documented,
    # and Alipay's SDKs ignore it. It gives nothing away: the merchant trusts each of these keys.
    named_first = sorted(public_keys, key=lambda pair: pair[0] != header.key_version)
    if any(verify(content, header.signature, key) for _, key in named_first):
        return None
    versions = _key_versions(header, public_keys)
    # The path last: it may be long, and is what is cut off then.
    verified = f"{versions}, client ID {client_id}, {time_header} {time}, path {path}"
    return _cause(header, public_keys, verified)


def _cause(header: SignatureHeader, public_keys: PublicKeys, verified: str) -> Distrust:
    """Tell a wrong key from a changed text: only the right key recovers what was signed."""
    for _, key in public_keys:
        signed = recover(header.signature, key)
        if signed is not None:
            is_sha256 = signed.startswith(_SHA256_INFO)
            return Distrust(cause="changed_text" if is_sha256 else "other_hash", detail=verified)
    sizes = {key.key_size // 8 for _, key in public_keys}
    if len(header.signature) not in sizes:
        made, wanted = len(header.signature), " or ".join(map(str, sorted(sizes)))
        return Distrust(cause="other_length", detail=f"{made} bytes instead of {wanted}")
    return Distrust(cause="other_key", detail=verified)


def _key_versions(header: SignatureHeader, public_keys: PublicKeys) -> str:
    named = f"keyVersion {header.key_version or 'not named'}"
    known = [version for version, _ in public_keys if version]
    if not known or header.key_version in known:
        return named
    return f"{named} (in ALIPAY_PUBLIC_KEY: {', '.join(known)})"
