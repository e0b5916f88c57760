"""Why a notification that was kept is not believed, and what of it would have been."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Info, Warning
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.client import Credentials
from django_alipay_cancel.alipay.notifications import Unbelievable, read_message
from django_alipay_cancel.alipay.variants import Variant, signed_variants
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.wording import cause_sentence, joined

_WITHOUT_CAUSE = {
    "unsigned": _(
        "The headers signature and request-time are both missing: it is not from Alipay, or "
        "something on the way took them out."
    ),
    "too_large": _("The body is larger than any notification of Alipay."),
    "invalid_body": _("Alipay signed it, but the body is no JSON object."),
}


def trace_notification(
    *, headers: HTTPHeaderDict, body: bytes, path: str, merchant: str = "default"
) -> Iterator[CheckMessage]:
    """Yield whether a notification verifies, why not, and what would have; nothing is recorded.

    Raises ImproperlyConfigured when the merchant's settings cannot work.
    """
    credentials = client_for(merchant).credentials
    try:
        read_message(
            headers,
            body,
            path=path,
            client_id=credentials.client_id,
            public_keys=credentials.alipay_public_keys,
        )
    except Unbelievable as problem:
        yield Error(
            f"{problem.error}{f' ({problem.cause})' if problem.cause else ''}.",
            hint=cause_sentence(problem.cause, problem.detail)
            or str(_WITHOUT_CAUSE[problem.error]),
        )
        if problem.error in ("bad_signature", "wrong_client"):
            yield from _would_have_verified(headers, body, path, credentials)
        return
    yield Info(gettext("Alipay signed it for this merchant and path."))


def _would_have_verified(
    headers: HTTPHeaderDict, body: bytes, path: str, credentials: Credentials
) -> Iterator[CheckMessage]:
    came = Variant(path=path, client_id=headers.get("client-id", credentials.client_id))
    variants = signed_variants(
        headers,
        body,
        path=path,
        client_id=credentials.client_id,
        public_keys=credentials.alipay_public_keys,
        prefixes=(django_settings.FORCE_SCRIPT_NAME or "",),
    )
    others = [variant for variant in variants if variant != came]
    for variant in others:
        yield Warning(
            gettext("It would have verified %(differences)s.")
            % {"differences": ", ".join(_differences(variant, came))},
            hint=_remedy(variant, came),
        )
    if not others:
        yield Warning(
            gettext("No other body or path that was tried would have verified."),
        )


def _differences(variant: Variant, came: Variant) -> Iterator[str]:
    if variant.path != came.path:
        yield gettext("with the path %(path)s") % {"path": variant.path}
    if variant.body:
        yield gettext("with the body %(change)s") % {"change": gettext(variant.body)}
    if variant.client_id != came.client_id:
        yield gettext("for the client ID %(client_id)s") % {"client_id": variant.client_id}


def _remedy(variant: Variant, came: Variant) -> str:
    remedies = []
    if variant.path != came.path:
        remedies.append(
            gettext(
                "Let the proxy pass the path on that Alipay calls, a prefix as SCRIPT_NAME; or "
                "register the address that Django sees."
            )
        )
    if variant.body:
        remedies.append(
            gettext(
                "Let nothing on the way write the body anew, and give verify_notification the raw "
                "bytes."
            )
        )
    return joined(remedies)
