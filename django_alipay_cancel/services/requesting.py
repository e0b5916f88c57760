"""The wish to cancel: validated, and written as the open cancellation of its payment."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django_fsm import ConcurrentTransition, can_proceed

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.exceptions import NotCancellable
from django_alipay_cancel.models import REASON_LENGTH, Cancellation, Payment
from django_alipay_cancel.services.payments import validate_ids
from django_alipay_cancel.services.people import account, name_of

# How often a payment may change between reading and writing it.
TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Who wants a payment cancelled, why, and through which door. Raises ValidationError."""

    requested_by: Any = None
    reason: str = ""
    source: str = Cancellation.Source.CODE
    batch: UUID | None = None

    def __post_init__(self) -> None:
        validate_text("reason", self.reason, REASON_LENGTH)
        if self.source not in Cancellation.Source.values:
            raise ValidationError(
                {"source": f"source must be one of {', '.join(Cancellation.Source.values)}."}
            )

    def cancellation(self, payment: Payment, next_attempt_at: datetime | None) -> Cancellation:
        """Return a new, unsaved cancellation: claimed until `next_attempt_at`, or due now."""
        now = timezone.now()
        new: Cancellation = Cancellation(
            payment=payment,
            open_for=payment,
            requested_by=account(self.requested_by),
            requested_by_name=name_of(self.requested_by),
            source=self.source,
            reason=self.reason,
            batch=self.batch,
            next_step=NextStep.WAIT,
            next_attempt_at=next_attempt_at or now,
            asked_at=now,
            created_at=now,
        )
        return new


def request_cancellation(
    payment: Payment,
    *,
    requested_by: Any = None,
    reason: str = "",
    source: str = "code",
    batch: UUID | None = None,
) -> Cancellation:
    """Write down that the payment shall be cancelled; the worker makes the call.

    Returns the open cancellation when there is one, the succeeded one when the payment is
    cancelled already. `batch` marks what is asked together. May run inside the shop's
    transaction. Raises NotCancellable, ImproperlyConfigured and ValidationError before any row is
    written.
    """
    wish = Wish(requested_by=requested_by, reason=reason, source=source, batch=batch)
    prepare(payment)
    for _ in range(TRIES):
        cancellation = existing_cancellation(payment)
        if cancellation is None:
            with transaction.atomic(using=payment.database):
                cancellation = begin(payment, wish)
        if cancellation is not None:
            return cancellation
        payment.refresh_from_db()
    raise ConcurrentTransition(f"The payment {payment.pk} changes faster than it can be cancelled.")


def prepare(payment: Payment) -> AlipayClient:
    """Refuse what cannot be sent, turn to the database that is written to; return the client."""
    validate_ids(payment)
    client = client_for(payment.merchant)
    using = payment.database
    if payment._state.db != using:
        payment.refresh_from_db(using=using)
    return client


def existing_cancellation(payment: Payment) -> Cancellation | None:
    """Return the cancellation that answers a wish for this payment; None when it needs a new one.

    Raises NotCancellable when there is nothing to cancel. Believes the copy at hand when that can
    be cancelled: `begin` compares it with the row.
    """
    if can_proceed(payment.begin_cancellation):
        return None
    payment.refresh_from_db()
    if can_proceed(payment.begin_cancellation):
        return None
    cancellations = Cancellation.objects.using(payment.database).filter(payment=payment)
    wanted = [*Cancellation.OPEN, Cancellation.Status.SUCCEEDED]
    found: Cancellation | None = (
        cancellations.filter(status__in=wanted).order_by("-created_at").first()
    )
    if found is None:
        raise NotCancellable(
            f"The payment {payment} is {payment.status}: there is nothing to cancel."
        )
    found.payment = payment
    return found


def begin(
    payment: Payment, wish: Wish, *, claimed_until: datetime | None = None
) -> Cancellation | None:
    """Open a cancellation inside a transaction; None when the payment's row has moved meanwhile.

    The compare-and-swap comes first: it takes the row's lock, and on SQLite the write lock, which
    a transaction that began with reading could not get.
    """
    if not can_proceed(payment.begin_cancellation):
        return None
    payment.begin_cancellation()
    if not payment.store("updated_at"):
        return None
    cancellation = wish.cancellation(payment, claimed_until)
    cancellation.save(using=payment.database, force_insert=True)
    return cancellation


def validate_text(name: str, value: Any, limit: int) -> None:
    """Raise ValidationError naming the field when free text cannot be stored."""
    if not isinstance(value, str):
        raise ValidationError({name: f"{name} must be text, not {type(value).__name__}."})
    if len(value) > limit:
        raise ValidationError({name: f"{name} is longer than {limit} characters."})
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\r\t" for c in value):
        raise ValidationError({name: f"{name} contains control characters."})
