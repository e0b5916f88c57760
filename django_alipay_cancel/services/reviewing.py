"""What a person may do with a cancellation in review: ask again, or close it by hand."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.clock import for_people
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.exceptions import MayStillTakeEffect, NotInReview
from django_alipay_cancel.models import NOTE_LENGTH, Cancellation, Payment, PaymentEvent
from django_alipay_cancel.services import attempts, finish, schedule
from django_alipay_cancel.services.actor import account, name_of
from django_alipay_cancel.services.announcing import announce
from django_alipay_cancel.services.case import Case
from django_alipay_cancel.services.evidence import append_event, history_of
from django_alipay_cancel.services.given import validate_text
from django_alipay_cancel.services.refund_case import RefundCase
from django_alipay_cancel.services.transactions import atomically, refusing_text

_MET = (Cancellation.Status.SUCCEEDED, Cancellation.Status.REFUNDED)

logger = logging.getLogger(__name__)


def retry_cancellation(cancellation: Cancellation, *, requested_by: Any = None) -> Cancellation:
    """Ask again: start the schedule of one in review anew; one that is PENDING is due now.

    The worker makes the call, or `cancel_payment` does. What may still take effect is kept in mind:
    a cancel that is under way is waited for (`explain` says until when), and no delay of a PENDING
    one is given back. One that SUCCEEDED, or was REFUNDED, is returned as it is. Raises NotInReview
    for a rejected one (cancel the payment anew) and ImproperlyConfigured while its merchant's
    settings cannot work.
    """
    _read_again(cancellation)
    if cancellation.status in _MET:
        return cancellation
    payment = cancellation.payment
    client_for(payment.merchant)

    def write() -> None:
        finish.lock(payment)
        _make_due(cancellation, requested_by)

    with refusing_text(requested_by=name_of(requested_by)):
        atomically(write, payment, using=payment.database)
    logger.info("Cancellation %s is asked again.", cancellation.id)
    return cancellation


def _payment_of(cancellation: Cancellation) -> Payment:
    """Return its payment, read from where it is written: a replica may not know it yet."""
    if not Cancellation.payment.is_cached(cancellation):
        rows = Payment.objects.using(cancellation.database)
        cancellation.payment = rows.get(pk=cancellation.payment_id)
    return cancellation.payment


def _read_again(cancellation: Cancellation) -> None:
    """Read the row again and keep its payment."""
    payment = _payment_of(cancellation)
    cancellation.refresh_from_db()
    cancellation.payment = payment


def _make_due(cancellation: Cancellation, person: Any) -> None:
    _read_again(cancellation)
    if cancellation.status in _MET:
        return
    if not cancellation.is_open:
        raise NotInReview(
            f"The cancellation {cancellation.id} is {cancellation.status}, not in review; "
            "after a rejected one, cancel the payment anew."
        )
    now = timezone.now()
    if cancellation.status == Cancellation.Status.NEEDS_REVIEW:
        cancellation.ask_again()
        cancellation.repeats = 0
        cancellation.asked_at = now
        cancellation.asked_by_name = name_of(person)
        cancellation.next_step = NextStep.WAIT
    elif attempts.has_call_under_way(cancellation.payment, now):
        return  # somebody works on it at this moment: its lease stays
    schedule.due_at(cancellation, now)
    cancellation.store("repeats", "asked_at", "asked_by_name", "next_step", *schedule.DUE)
    append_event(
        cancellation.payment,
        PaymentEvent.Kind.ASKED_AGAIN,
        source=PaymentEvent.Source.PERSON,
        person=person,
    )


def close_cancellation(
    cancellation: Cancellation,
    *,
    cancelled: bool,
    refunded: bool = False,
    closed_by: Any,
    note: str,
) -> Cancellation:
    """Finish a cancellation in review on a named person's word, kept with a note.

    `cancelled` and `refunded` (in full, and of a wish that says "or refund" only) say what that
    person knows, from Alipay's support for instance; neither of them: the buyer's money stays
    where it is. May run inside the shop's transaction; the signal is sent after its commit. Raises
    NotInReview, MayStillTakeEffect (naming the time) for "neither" while a cancel or refund of ours
    may still take effect, and ValidationError when the name or the note is missing.
    """
    name = name_of(closed_by)
    if not name.strip():
        raise ValidationError({"closed_by": gettext("closed_by must name a person.")})
    validate_text("note", note, NOTE_LENGTH)
    if not note.strip():
        raise ValidationError({"note": gettext("note must say how the outcome is known.")})
    if refunded and (cancelled or not cancellation.or_refund):
        told = gettext("refunded goes without cancelled, and with a wish that says or_refund.")
        raise ValidationError({"refunded": told})
    payment = _payment_of(cancellation)  # before the transaction, which begins with writing

    def write() -> None:
        finish.lock(payment)
        _close(cancellation, cancelled, refunded, closed_by, note)

    with refusing_text(note=note, closed_by=name):
        atomically(write, payment, using=payment.database)
    logger.info("Cancellation %s was closed by hand: %s.", cancellation.id, cancellation.status)
    transaction.on_commit(lambda: announce(cancellation), using=cancellation.database)
    return cancellation


def _close(
    cancellation: Cancellation, cancelled: bool, refunded: bool, closed_by: Any, note: str
) -> None:
    _read_again(cancellation)
    payment = cancellation.payment
    if cancellation.status != Cancellation.Status.NEEDS_REVIEW:
        raise NotInReview(
            f"The cancellation {cancellation.id} is {cancellation.status}; "
            "only one in review can be closed by hand."
        )
    code, message = cancellation.result_code, cancellation.result_message
    now = timezone.now()
    if cancelled:
        finish.succeed(payment, cancellation, code=code, message=message)
    elif refunded:
        finish.succeed_refunded(payment, cancellation, code=code, message=message)
    else:
        _refuse_while_possible(payment, cancellation, now)
        finish.reject(payment, cancellation, NextStep.NONE, code=code, message=message)
    cancellation.closed_by = account(closed_by)
    cancellation.closed_by_name = name_of(closed_by)
    cancellation.note = note
    cancellation.store("closed_by", "closed_by_name", "note")
    attempts.abandon(payment, now)


def _refuse_while_possible(payment: Payment, cancellation: Cancellation, now: datetime) -> None:
    case = Case(history_of(payment, cancellation), now, schedule.policy())
    until = case.quiet_until or RefundCase(case).quiet_until
    if until is not None:
        raise MayStillTakeEffect(
            gettext(
                "A cancel of this payment may still take effect until %(until)s. "
                "Only after that can it be closed as not cancelled."
            )
            % {"until": for_people(until)},
            until=until,
        )
