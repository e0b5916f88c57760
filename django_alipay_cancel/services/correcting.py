"""A record that was wrong from the start: what differs, and setting it right before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment, PaymentEvent

# A file that says no fraction of a second means any.
_SAME_TIME = timedelta(seconds=1)


def differences(payment: Payment, given: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return, by field, what is recorded and what is given, where both are there and differ."""
    found = {}
    for name, value in given.items():
        recorded = getattr(payment, name)
        if recorded not in (None, "") and not _same(recorded, value):
            found[name] = (recorded, value)
    return found


def sent(payment: Payment) -> bool:
    """Whether Alipay was ever asked about this payment, or has said something of it."""
    database = payment.database
    signed = PaymentEvent.objects.using(database).filter(source__in=PaymentEvent.SIGNED)
    return (
        CancellationAttempt.objects.using(database).filter(payment=payment).exists()
        or Cancellation.objects.using(database).filter(payment=payment).exists()
        or signed.filter(payment=payment).exists()
    )


def correct(payment: Payment, given: Mapping[str, Any]) -> None:
    """Replace what is recorded of a payment that was never sent; what it was stays as an event.

    Raises ValidationError when it changes at the same time.
    """
    read = {name: getattr(payment, name) for name in given}
    for name, value in given.items():
        setattr(payment, name, value)
    if not payment.store(*given, "updated_at", **read):
        raise ValidationError(
            gettext("The payment %(payment)s has just been changed by somebody else.")
            % {"payment": payment}
        )
    now = timezone.now()
    PaymentEvent.objects.using(payment.database).create(
        payment=payment,
        kind=PaymentEvent.Kind.RECORDED,
        at=now,
        learned_at=now,
        source=PaymentEvent.Source.IMPORT,
        text="; ".join(_change(name, read[name], value) for name, value in given.items()),
    )


def _change(name: str, recorded: Any, given: Any) -> str:
    # A person's name would outlive the erasure of what is stored of that person.
    return name if name == "customer" else f"{name}: {recorded} -> {given}"


def _same(recorded: Any, given: Any) -> bool:
    if isinstance(recorded, datetime) and isinstance(given, datetime) and not given.microsecond:
        return abs(recorded - given) < _SAME_TIME
    return bool(recorded == given)
