"""Whether Alipay signed these headers and this body for this client: the one place that decides.

Stricter than Alipay's SDKs, which accept an unsigned F: somebody on the line could fake "not
cancelled" with it. The rules are those of Alipay's "Sign a request and verify the signature" guide.
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.signing import (
    InvalidSignatureHeader,
    content_to_be_signed,
    parse_signature_header,
    verify,
)

PublicKeys = Sequence[tuple[str, RSAPublicKey]]


def distrust(
    headers: HTTPHeaderDict,
    body: bytes,
    *,
    time_header: str,
    path: str,
    client_id: str,
    public_keys: PublicKeys,
) -> str:
    """Return why the message is not to be believed, "" when Alipay signed it for ``client_id``.

    One of unsigned, wrong_client, bad_signature. ``time_header`` names the header with the time
    that is signed, ``path`` is what was signed with it; ``public_keys`` are (keyVersion, key).
    """
    if any(len(headers.getlist(name)) > 1 for name in ("signature", time_header, "client-id")):
        return "bad_signature"
    signature = headers.get("signature", "").strip()
    time = headers.get(time_header, "").strip()
    if not signature and not time:
        return "unsigned"
    if headers.get("client-id", client_id).strip() != client_id:
        return "wrong_client"
    # Bytes that are no ASCII would be read otherwise than they were signed.
    if not signature or not time.isascii() or not path.isascii():
        return "bad_signature"
    content = content_to_be_signed(path=path, client_id=client_id, time=time, body=body)
    return "" if _is_signed(content, signature, public_keys) else "bad_signature"


def _is_signed(content: bytes, signature: str, public_keys: PublicKeys) -> bool:
    try:
        header = parse_signature_header(signature)
    except InvalidSignatureHeader:
        return False
    keys = dict(public_keys)
    # Which keyVersion a response carries is not documented, and Alipay's SDKs ignore it. Trying
    # every key for an unknown one gives nothing away: the merchant trusts each of them.
    named = keys.get(header.key_version or "")
    candidates = [named] if named else list(keys.values())
    return any(verify(content, header.signature, key) for key in candidates)
