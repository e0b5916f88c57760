"""Payment notifications, for shops that own their notify URL: verify, then record.

`verify_notification` believes nothing that Alipay did not sign for this merchant;
`record_notification` goes through `record_payment`, so that duplicates, late and reordered
messages do no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from django_alipay_cancel.alipay.notifications import PaymentMessage, Unbelievable, read_message
from django_alipay_cancel.alipay.results import ResultStatus
from django_alipay_cancel.conf import client_for, forget_keys
from django_alipay_cancel.exceptions import NotificationNotVerified
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services.payments import find_payment, record_payment

logger = logging.getLogger(__name__)

_KEYS_STAND_FOR = 60.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Notification(PaymentMessage):
    """A verified message and the merchant alias it is for."""

    merchant: str


def verify_notification(
    *, headers: Mapping[str, str], body: bytes, path: str, merchant: str = "default"
) -> Notification:
    """Return what a notifyPayment message says, once its signature is verified.

    `body` are the raw bytes, `headers` those of the request (`request.headers`), `path` is the
    path of the notify URL with its query, as Alipay called it (`request.get_full_path()`). Its time
    is not judged: Alipay sends again for a day, and a repeated message changes nothing.

    Raises NotificationNotVerified, and ImproperlyConfigured when the merchant's settings cannot
    work; answer Alipay with success in neither case.
    """
    credentials = client_for(merchant).credentials
    try:
        message = read_message(
            headers,
            body,
            path=path,
            client_id=credentials.client_id,
            public_keys=credentials.alipay_public_keys,
        )
    except Unbelievable as problem:
        if problem.error == "bad_signature":
            # Alipay may have a new key; anybody can send us this, hence the limit.
            forget_keys(merchant, older_than=_KEYS_STAND_FOR)
        raise NotificationNotVerified(
            f"A notification for the merchant {merchant!r} is not believed: {problem.error}.",
            error=problem.error,
        ) from None
    return Notification(merchant=merchant, **vars(message))


def record_notification(notification: Notification) -> Payment | None:
    """Store what a verified notification says, and return the payment; None for an unknown one.

    A payment nobody recorded is created when the message carries its amount. What is no final
    result (PAYMENT_PENDING, for instance) changes nothing. May run inside the shop's transaction.
    Raises ValidationError when the message contradicts what is recorded; nothing is stored then.
    """
    ids = {
        "payment_request_id": notification.payment_request_id,
        "payment_id": notification.payment_id,
    }
    named: dict[str, Any] = {name: value for name, value in ids.items() if value}
    known = find_payment(notification.merchant, named) if named else None
    facts = _facts(notification, known)
    amount = _amount(notification)
    if not facts or (known is None and not amount):
        logger.info(
            "A notification changes nothing: %a %a, payment %a, %s, trace %a.",
            notification.notify_type,
            notification.result_status,
            notification.payment_id or notification.payment_request_id,
            known.status if known else "not known here",
            notification.trace_id,
        )
        return known
    return record_payment(merchant=notification.merchant, **named, **amount, **facts)


def _facts(notification: Notification, known: Payment | None) -> dict[str, Any]:
    """Return the facts as arguments of `record_payment`; none without a final result."""
    if notification.notify_type != "PAYMENT_RESULT":
        return {}
    now = timezone.now()
    if notification.result_status == ResultStatus.F:
        return {"failed_at": now}
    # Of a payment that is captured later, PAYMENT_RESULT tells the authorization only.
    if notification.result_status == ResultStatus.S and not (known and known.authorized_at):
        return {"paid_at": notification.paid_at or now}
    return {}


def _amount(notification: Notification) -> dict[str, Any]:
    if notification.amount_value is None or not notification.amount_currency:
        return {}
    return {
        "amount_value": notification.amount_value,
        "amount_currency": notification.amount_currency,
    }
