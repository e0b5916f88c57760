"""Why a signature does not verify: the cause by name, and the sentence that tells it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from django_alipay_cancel.alipay.translating import gettext_noop

CAUSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "header_missing": gettext_noop(
            "The header %(detail)s is missing: something on the way took it out."
        ),
        "header_doubled": gettext_noop(
            "The header %(detail)s came more than once: something on the way added one."
        ),
        "part_doubled": gettext_noop("The part %(detail)s of the header signature came twice."),
        "part_missing": gettext_noop("The header signature has no part %(detail)s."),
        "other_algorithm": gettext_noop(
            "The header signature names the algorithm %(detail)s instead of RSA256."
        ),
        "blanks": gettext_noop(
            "The signature holds blanks: something on the way took each + of it for one."
        ),
        "not_base64": gettext_noop("The signature is not base64; it may be cut off."),
        "other_length": gettext_noop(
            "The signature was cut off, or made with a key of another size: %(detail)s."
        ),
        "not_ascii": gettext_noop("The %(detail)s holds other characters than those of ASCII."),
        "other_client": gettext_noop("It is for the client ID %(detail)s instead of CLIENT_ID."),
        "other_key": gettext_noop(
            "No key in ALIPAY_PUBLIC_KEY made this signature. Check ALIPAY_PUBLIC_KEY in the "
            "settings. It must be Alipay's key for this client ID. Verified: %(detail)s."
        ),
        "changed_text": gettext_noop(
            "ALIPAY_PUBLIC_KEY is right, but another text was signed: something on the way changed "
            "the body, the path, the time or the client ID. Verified: %(detail)s."
        ),
        "other_hash": gettext_noop(
            "ALIPAY_PUBLIC_KEY is right, but the signature is not over a SHA-256. "
            "Verified: %(detail)s."
        ),
    }
)
"""By the cause: the sentence, in which `detail` is what else is known."""


def in_english(cause: str, detail: str) -> str:
    """Return the sentence for a log; "" without a cause."""
    return CAUSES[cause] % {"detail": detail} if cause else ""
