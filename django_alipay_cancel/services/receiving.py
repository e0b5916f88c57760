"""Payment notifications, for shops that own their notify URL: verify, then record.

`verify_notification` believes nothing that Alipay did not sign for this merchant;
`record_notification` goes the way of `record_payment`, so that duplicates, late and reordered
messages do no harm.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import router, transaction
from django.utils import timezone

from django_alipay_cancel import signals
from django_alipay_cancel.alipay import strict_json
from django_alipay_cancel.alipay.answers import one_line
from django_alipay_cancel.alipay.causes import in_english
from django_alipay_cancel.alipay.notifications import PaymentMessage, Unbelievable, read_message
from django_alipay_cancel.alipay.results import ResultStatus
from django_alipay_cancel.conf import client_for, forget_keys
from django_alipay_cancel.exceptions import NotificationNotVerified
from django_alipay_cancel.models import Payment, PaymentEvent
from django_alipay_cancel.money import format_amount
from django_alipay_cancel.services.amounts import contradicts
from django_alipay_cancel.services.evidence import append_event
from django_alipay_cancel.services.given import validate_amount
from django_alipay_cancel.services.payments import find_payment, record
from django_alipay_cancel.services.waking import wake_refund

logger = logging.getLogger(__name__)

_KEYS_STAND_FOR = 60.0  # seconds
_LONGEST_TOLD = 200
# Stands in the database, so that it is not in anybody's language.
_NO_AMOUNT = "no amount"


@dataclass(frozen=True, kw_only=True)
class Notification(PaymentMessage):
    """A verified message, the merchant alias it is for, and the whole `document` that came."""

    merchant: str
    document: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)


def verify_notification(
    *, headers: Mapping[str, str], body: bytes, path: str | Iterable[str], merchant: str = "default"
) -> Notification:
    """Return what a notifyPayment message says, once its signature is verified.

    `body` are the raw bytes, `headers` those of the request (`request.headers`), `path` is the
    path of the notify URL with its query, as Alipay called it (`request.get_full_path()`), or
    several that it may be (`views.signed_paths(request)`). Its time is not judged: Alipay sends
    again for a day, and a repeated message changes nothing.

    Raises NotificationNotVerified, and ImproperlyConfigured when the merchant's settings cannot
    work; answer Alipay with success in neither case.
    """
    credentials = client_for(merchant).credentials
    paths = (path,) if isinstance(path, str) else tuple(path)
    problems = []
    for each in paths:
        try:
            message = read_message(
                headers,
                body,
                path=each,
                client_id=credentials.client_id,
                public_keys=credentials.alipay_public_keys,
            )
        except Unbelievable as unbelievable:
            problems.append(unbelievable)
        else:
            document = strict_json.parse(body)
            return Notification(merchant=merchant, document=document, **vars(message))
    if any(problem.error == "bad_signature" for problem in problems):
        # Alipay may have a new key; anybody can send us this, hence the limit.
        forget_keys(merchant, older_than=_KEYS_STAND_FOR)
    # What could be verified for one path and then not be read says more than another path does.
    problems.sort(key=lambda each: each.error == "bad_signature")
    first = next(iter(problems), Unbelievable("bad_signature"))
    why = in_english(first.cause, first.detail)
    raise NotificationNotVerified(
        f"A notification for the merchant {merchant!r} is not believed: {first.error}."
        f"{why and f' {why} See docs/how-to/signatures.md.'}",
        error=first.error,
        cause=first.cause,
    )


def record_notification(notification: Notification) -> Payment | None:
    """Store what a verified notification says, and return the payment; None for an unknown one.

    A payment nobody recorded is created by a final result, also without an amount: see
    `lacks_amount`. An amount that contradicts the recorded one is kept as an event of the payment,
    and the rest is stored. What the app does not use (PAYMENT_PENDING, for instance) changes
    nothing and is sent on as the signal `notification_received`. A REFUND_RESULT of a refund of
    ours lets the worker ask about it at once, and is sent on too. May run inside the shop's
    transaction. Raises ValidationError when the ids contradict what is recorded; nothing is stored
    then.
    """
    if notification.refund_request_id:
        payment = wake_refund(notification.merchant, notification.refund_request_id)
        _pass_on(notification, payment)
        return payment
    ids = {
        "payment_request_id": notification.payment_request_id,
        "payment_id": notification.payment_id,
    }
    named: dict[str, Any] = {name: value for name, value in ids.items() if value}
    known = find_payment(notification.merchant, named) if named else None
    facts = _facts(notification, known) if named else {}
    if not facts:
        _pass_on(notification, known)
        return known
    amount, unusable = _amount(notification, known, facts)
    if "amount_updated_at" in facts and not amount:
        del facts["amount_updated_at"]
    payment = record(
        PaymentEvent.Source.NOTIFICATION,
        merchant=notification.merchant,
        **named,
        **amount,
        **facts,
    )
    if known is None and not amount:
        _keep(payment, PaymentEvent.Kind.RECORDED, unusable or _NO_AMOUNT, notification)
    elif unusable and not lacks_amount(payment):
        _keep(payment, PaymentEvent.Kind.CONTRADICTED, unusable, notification)
    return payment


def lacks_amount(payment: Payment) -> bool:
    """Whether the payment is known by a notification alone, which did not tell its amount.

    Until the shop has recorded it, such a message is kept but not acknowledged: nobody may know
    what was paid for.
    """
    return payment.amount_value is None and bool(
        PaymentEvent.objects.using(payment.database)
        .filter(
            payment=payment,
            kind=PaymentEvent.Kind.RECORDED,
            source=PaymentEvent.Source.NOTIFICATION,
        )
        .exists()
    )


def _facts(notification: Notification, known: Payment | None) -> dict[str, Any]:
    """Return the facts as arguments of `record`; none without a final result."""
    now = timezone.now()
    at = notification.paid_at or now
    failed = notification.result_status == ResultStatus.F
    if notification.notify_type == "PAYMENT_RESULT" and failed:
        return {"failed_at": now}
    if notification.result_status != ResultStatus.S:
        return {}
    match notification.notify_type:
        case "PAYMENT_RESULT":
            # Of a payment that is captured later, PAYMENT_RESULT tells the authorization only.
            authorized = known and known.authorized_at and not known.paid_at
            if notification.auth_expires_at or authorized:
                return {"authorized_at": at}
            return {"paid_at": at}
        case "CAPTURE_RESULT":
            return {"captured_at": at, "paid_at": at}
        case "UPDATE_AMOUNT_RESULT" if known:
            return {"amount_updated_at": now}
    return {}


def _amount(
    notification: Notification, known: Payment | None, facts: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return the amount as arguments of `record`, and what was told instead of a usable one."""
    amount = {
        "amount_value": notification.amount_value,
        "amount_currency": notification.amount_currency,
    }
    told = notification.document.get("paymentAmount")
    if told is None and notification.amount_value is None:
        return {}, ""
    try:
        validate_amount(notification.amount_value, notification.amount_currency)
    except ValidationError:
        return {}, one_line(json.dumps(told), _LONGEST_TOLD)
    if known and "amount_updated_at" not in facts and contradicts(known, amount):
        return {}, format_amount(notification.amount_value, notification.amount_currency)
    return amount, ""


def _keep(payment: Payment, kind: str, text: str, notification: Notification) -> None:
    """Keep as an event, once, what a person has to look at."""
    events = PaymentEvent.objects.using(payment.database)
    logger.warning(
        "A notification of payment %s has no amount that fits (%a; recorded: %s), trace %a.",
        payment.pk,
        text,
        payment.amount or "none",
        notification.trace_id,
    )
    if not events.filter(payment=payment, kind=kind, text=text).exists():
        append_event(payment, kind, source=PaymentEvent.Source.NOTIFICATION, text=text)


def _pass_on(notification: Notification, known: Payment | None) -> None:
    logger.info(
        "A notification changes nothing: %a %a, payment %a, %s, trace %a.",
        notification.notify_type,
        notification.result_status,
        notification.payment_id or notification.payment_request_id,
        known.status if known else "not known here",
        notification.trace_id,
    )
    transaction.on_commit(
        lambda: signals.notification_received.send_robust(
            Payment, notification=notification, payment=known
        ),
        using=router.db_for_write(Payment),
    )
