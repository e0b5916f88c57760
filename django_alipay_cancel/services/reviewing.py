"""What a person may do with a cancellation in review: ask again, or close it by hand."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.exceptions import NotInReview
from django_alipay_cancel.models import NOTE_LENGTH, Cancellation
from django_alipay_cancel.services import recording
from django_alipay_cancel.services.announcing import announce
from django_alipay_cancel.services.people import account, name_of
from django_alipay_cancel.services.requesting import validate_text

logger = logging.getLogger(__name__)


def retry_cancellation(cancellation: Cancellation, *, requested_by: Any = None) -> Cancellation:
    """Ask again: start the schedule of a cancellation in review anew, due now.

    The worker makes the call, or `cancel_payment` does. One that is PENDING or SUCCEEDED is
    returned as it is. Raises NotInReview for a rejected one (cancel the payment anew) and
    ImproperlyConfigured while the merchant's settings cannot work.
    """
    cancellation.refresh_from_db(using=cancellation.database)
    if cancellation.status in (Cancellation.Status.PENDING, Cancellation.Status.SUCCEEDED):
        return cancellation
    client_for(cancellation.payment.merchant)
    now = timezone.now()

    def ask_again(row: Cancellation) -> None:
        row.ask_again()
        row.repeats = 0
        row.asked_at = row.next_attempt_at = now
        row.asked_by_name = name_of(requested_by)
        row.next_step = NextStep.WAIT

    fields = ("repeats", "asked_at", "next_attempt_at", "asked_by_name", "next_step")
    if not recording.swap(cancellation, ask_again, *fields) and not cancellation.is_open:
        raise NotInReview(
            f"The cancellation {cancellation.id} is {cancellation.status}, not in review; "
            "after a rejected one, cancel the payment anew."
        )
    logger.info("Cancellation %s is asked again.", cancellation.id)
    return cancellation


def close_cancellation(
    cancellation: Cancellation, *, cancelled: bool, closed_by: Any, note: str
) -> Cancellation:
    """Finish a cancellation in review on a named person's word, kept with a note.

    `cancelled` says what that person knows, from Alipay's support for instance. May run inside the
    shop's transaction; the signal is sent after its commit. Raises NotInReview, and ValidationError
    when the name or the note is missing.
    """
    name = name_of(closed_by)
    if not name.strip():
        raise ValidationError({"closed_by": "closed_by must name a person."})
    validate_text("note", note, NOTE_LENGTH)
    if not note.strip():
        raise ValidationError({"note": "note must say how the outcome is known."})
    with transaction.atomic(using=cancellation.database):
        _close(cancellation, cancelled, closed_by, note)
    logger.info("Cancellation %s was closed by hand: %s.", cancellation.id, cancellation.status)
    transaction.on_commit(lambda: announce(cancellation), using=cancellation.database)
    return cancellation


def _close(cancellation: Cancellation, cancelled: bool, closed_by: Any, note: str) -> None:
    payment = cancellation.payment
    recording.lock(payment)
    cancellation.refresh_from_db(using=payment.database)
    cancellation.payment = payment
    if cancellation.status != Cancellation.Status.NEEDS_REVIEW:
        raise NotInReview(
            f"The cancellation {cancellation.id} is {cancellation.status}; "
            "only one in review can be closed by hand."
        )
    if cancelled:
        recording.succeed(cancellation, payment, cancellation)
    else:
        recording.reject(cancellation, payment, cancellation, next_step=NextStep.NONE)
    cancellation.closed_by = account(closed_by)
    cancellation.closed_by_name = name_of(closed_by)
    cancellation.note = note
    cancellation.store("closed_by", "closed_by_name", "note")
    recording.abandon(cancellation.attempts.using(cancellation.database).all())
