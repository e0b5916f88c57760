"""An optional view for Alipay's payment notifications: mount it at your notify URL."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connections, transaction
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from django_alipay_cancel import services
from django_alipay_cancel.alipay.notifications import ACKNOWLEDGEMENT, REFUSAL
from django_alipay_cancel.alipay.transport import MAXIMUM_BODY_BYTES
from django_alipay_cancel.conf import settings
from django_alipay_cancel.exceptions import NotificationNotVerified

logger = logging.getLogger(__name__)


def signed_paths(request: HttpRequest) -> tuple[str, ...]:
    """Return the paths, with their query, that Alipay may have signed for this request.

    What Django hands out was decoded and quoted anew; beside it stands what the server received,
    where the server tells (gunicorn, uWSGI, mod_wsgi, uvicorn).
    """
    return tuple(dict.fromkeys((request.get_full_path(), *_received(request))))


def _received(request: HttpRequest) -> Iterator[str]:
    for name in ("RAW_URI", "REQUEST_URI"):
        if target := str(request.META.get(name) or ""):
            # A whole URL, when the client spoke as to a proxy.
            yield target if target.startswith("/") else _path_of(target)
    scope = getattr(request, "scope", {})
    if raw := scope.get("raw_path"):
        query = scope.get("query_string") or b""
        yield (raw.partition(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def _path_of(url: str) -> str:
    try:
        return urlsplit(url)._replace(scheme="", netloc="").geturl()
    except ValueError:
        return url


@csrf_exempt  # Alipay has no session; its signature says who it is
@require_POST
def payment_notification(
    request: HttpRequest, merchant: str = "default", path: str | None = None
) -> JsonResponse:
    """Verify, record and acknowledge a notification for the merchant of this alias.

    `path` is that of the registered notify URL, where a proxy strips or adds a part of it. HTTP 200
    with result S says that it is stored; whatever else happens, Alipay sends it again. An alias
    that was taken from the address and is no merchant's is answered with 404.
    """
    if _is_strangers(request, merchant):
        # Not an error: anybody may write anything into an address.
        logger.info("A notification came for the merchant %.66a, which is none.", merchant)
        return JsonResponse(REFUSAL, status=404)
    query = request.META.get("QUERY_STRING", "")
    paths = signed_paths(request) if path is None else (f"{path}?{query}" if query else path,)
    try:
        notification = services.verify_notification(
            headers=request.headers,
            body=request.read(MAXIMUM_BODY_BYTES + 1),
            path=paths,
            merchant=merchant,
        )
        payment = services.record_notification(notification)
    except (NotificationNotVerified, UnreadablePostError) as error:
        logger.warning("%s", error)
        return JsonResponse(REFUSAL, status=400)
    except (ImproperlyConfigured, ValidationError) as error:
        logger.error("A notification cannot be recorded: %s", error)
        return JsonResponse(REFUSAL, status=503)
    if payment is not None and services.lacks_amount(payment):
        return JsonResponse(REFUSAL, status=503)
    return JsonResponse(ACKNOWLEDGEMENT)


def _is_strangers(request: HttpRequest, merchant: str) -> bool:
    """Return whether the address, and not the shop, names a merchant that there is not."""
    match = request.resolver_match
    # The stubs do not know which arguments the shop gave beside the address.
    given = getattr(match, "extra_kwargs", {})
    from_address = match is not None and "merchant" in match.kwargs and "merchant" not in given
    merchants = settings.MERCHANTS
    return from_address and isinstance(merchants, Mapping) and merchant not in merchants


# Under ATOMIC_REQUESTS "stored" would be said before the commit.
for _alias in connections:
    payment_notification = transaction.non_atomic_requests(using=_alias)(payment_notification)
