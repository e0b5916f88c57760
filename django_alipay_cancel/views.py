"""An optional view for Alipay's payment notifications: mount it at your notify URL."""

from __future__ import annotations

import logging

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connections, transaction
from django.http import HttpRequest, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from django_alipay_cancel import services
from django_alipay_cancel.alipay.notifications import ACKNOWLEDGEMENT, REFUSAL
from django_alipay_cancel.alipay.transport import MAXIMUM_BODY_BYTES
from django_alipay_cancel.exceptions import NotificationNotVerified

logger = logging.getLogger(__name__)


@csrf_exempt  # Alipay has no session; its signature says who it is
@require_POST
def payment_notification(request: HttpRequest, merchant: str = "default") -> JsonResponse:
    """Verify, record and acknowledge a notification for the merchant of this alias.

    HTTP 200 with result S says that it is stored; whatever else happens, Alipay sends it again.
    """
    try:
        notification = services.verify_notification(
            headers=request.headers,
            body=request.read(MAXIMUM_BODY_BYTES + 1),
            path=request.get_full_path(),
            merchant=merchant,
        )
        services.record_notification(notification)
    except (NotificationNotVerified, UnreadablePostError) as error:
        logger.warning("%s", error)
        return JsonResponse(REFUSAL, status=400)
    except (ImproperlyConfigured, ValidationError) as error:
        logger.error("A notification cannot be recorded: %s", error)
        return JsonResponse(REFUSAL, status=503)
    return JsonResponse(ACKNOWLEDGEMENT)


# Under ATOMIC_REQUESTS "stored" would be said before the commit.
for _alias in connections:
    payment_notification = transaction.non_atomic_requests(using=_alias)(payment_notification)
