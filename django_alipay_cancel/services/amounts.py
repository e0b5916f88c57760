"""What is told of a payment's amount: the recorded one, an older one, a change, a contradiction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from django_alipay_cancel.isolation import as_committed
from django_alipay_cancel.models import Payment, PaymentEvent
from django_alipay_cancel.money import format_amount
from django_alipay_cancel.services.evidence import append_event

AMOUNT = ("amount_value", "amount_currency")
_TO = " -> "


def contradicts(payment: Payment, given: Mapping[str, Any]) -> bool:
    """Whether `given` tells another amount than the payment has, or ever had."""
    return _differs(payment, given) and not _had(payment, given)


def change_of(payment: Payment, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields to be written when `given` tells a newer amount; {} when it does not."""
    at, known = given.get("amount_updated_at"), payment.amount_updated_at
    if at is None or (known is not None and at <= known) or not contradicts(payment, given):
        return {}
    return {name: given[name] for name in (*AMOUNT, "amount_updated_at")}


def without_older_amount(payment: Payment, given: dict[str, Any]) -> dict[str, Any]:
    """Return `given` without an amount that was true before Alipay changed it.

    Messages are sent again for a day, and shops record what their order says.
    """
    at, known = given.get("amount_updated_at"), payment.amount_updated_at
    outdated = at is not None and known is not None and at <= known
    if not _differs(payment, given) or not (outdated or _had(payment, given)):
        return given
    left_out = (*AMOUNT, "amount_updated_at")
    return {name: value for name, value in given.items() if name not in left_out}


def store_change(
    payment: Payment,
    fields: Iterable[str],
    change: dict[str, Any],
    before: dict[str, Any],
    source: str,
    **expected: Any,
) -> bool:
    """Store an amount that Alipay changed, with the event that keeps the one `before` it.

    Returns False, and stores nothing, when the row is no longer as `expected`.
    """
    with transaction.atomic(using=payment.database):
        if not payment.store(*fields, *change, **expected, **before):
            return False
        amounts = (format_amount(*(each[name] for name in AMOUNT)) for each in (before, change))
        append_event(
            payment,
            PaymentEvent.Kind.AMOUNT_CHANGED,
            source=source,
            at=change["amount_updated_at"],
            text=_TO.join(amounts),
        )
    return True


def _differs(payment: Payment, given: Mapping[str, Any]) -> bool:
    if payment.amount_value is None or AMOUNT[0] not in given:
        return False
    return any(getattr(payment, name) != given[name] for name in AMOUNT)


def _had(payment: Payment, given: Mapping[str, Any]) -> bool:
    """Whether this was the amount before a change; docs.antom.com lets amounts only grow."""
    if payment.amount_updated_at is None:
        return False
    earlier = format_amount(*(given[name] for name in AMOUNT)) + _TO
    changes = PaymentEvent.objects.using(payment.database).filter(
        payment=payment, kind=PaymentEvent.Kind.AMOUNT_CHANGED, text__startswith=earlier
    )
    return bool(as_committed(changes).exists())
