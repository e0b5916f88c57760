"""What holds for the rows after every test, whatever it did: the invariants of the store.

Three statements read all that is looked at: this is done after each of thousands of tests.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.history import Word

Attempts = list[CancellationAttempt]
Kind = CancellationAttempt.Kind
_READ = (
    "cancellation_id",
    "payment_id",
    "kind",
    "outcome",
    "said",
    "asked_by",
    "sent_at",
    "request_body",
)


def broken_invariants() -> Iterator[str]:
    """Yield one sentence for each row that must not be."""
    wishes = list(Cancellation.objects.select_related("payment"))
    of_wish: dict[Any, Attempts] = defaultdict(list)
    of_payment: dict[Any, Attempts] = defaultdict(list)
    for attempt in CancellationAttempt.objects.order_by("pk").only(*_READ):
        of_wish[attempt.cancellation_id].append(attempt)
        of_payment[attempt.payment_id].append(attempt)
    for wish in wishes:
        yield from _broken_due_time(wish, of_wish[wish.pk])
        yield from _broken_status(wish)
        if wish.refunds:
            yield from _broken_turn(wish, of_wish[wish.pk])
    yield from _broken_payments(wishes)
    for payment, attempts in of_payment.items():
        yield from _done_twice(payment, attempts)


def _broken_due_time(wish: Cancellation, attempts: Attempts) -> Iterator[str]:
    due = wish.next_attempt_at
    if due is None:
        if wish.is_open and not _was_asked_for_three_days(wish, attempts):
            yield f"{wish!r} is open ({wish.status}) and has no due time."
        return
    if not wish.is_open:
        yield f"{wish!r} is finished ({wish.status}) and has a due time."
    # A test may have moved the clock, and is in this year again.
    sent = [attempt.sent_at for attempt in attempts if attempt.sent_at is not None]
    if due > max(timezone.now(), wish.asked_at, *sent) + schedule.reach():
        yield f"{wish!r} is due later than any rule puts it: {due}."


def _was_asked_for_three_days(wish: Cancellation, attempts: Attempts) -> bool:
    """Whether it is in review and Alipay was asked so often that only a person is awaited."""
    hourly = [
        attempt
        for attempt in attempts
        if attempt.kind in (Kind.INQUIRY, Kind.REFUND_INQUIRY)
        and attempt.asked_by == CancellationAttempt.AskedBy.REVIEW
    ]
    in_review = wish.status == Cancellation.Status.NEEDS_REVIEW
    return in_review and len(hourly) >= schedule.policy().review_inquiries


def _broken_status(wish: Cancellation) -> Iterator[str]:
    payment = wish.payment
    in_change = Payment.Status.REFUNDING if wish.refunds else Payment.Status.CANCELLING
    if wish.is_open and payment.status != in_change:
        yield f"{wish!r} is open while {payment!r} is {payment.status}."
    is_refunded = wish.status == Cancellation.Status.REFUNDED
    if is_refunded and payment.status != Payment.Status.REFUNDED:
        yield f"{wish!r} is refunded, and its payment is {payment.status}."


def _broken_payments(wishes: Iterable[Cancellation]) -> Iterator[str]:
    statuses: dict[Any, set[str]] = defaultdict(set)
    for wish in wishes:
        statuses[wish.payment_id].add(wish.status)
    for payment in Payment.objects.filter(status__in=Payment.IN_CHANGE):
        if statuses[payment.pk].isdisjoint(Cancellation.OPEN):
            yield f"{payment!r} is {payment.status} without an open cancellation."
    refunded = {wish.payment for wish in wishes if wish.payment.status == Payment.Status.REFUNDED}
    for payment in refunded:
        if Cancellation.Status.REFUNDED not in statuses[payment.pk]:
            yield f"{payment!r} is refunded, and no cancellation of it is."


def _broken_turn(wish: Cancellation, attempts: Attempts) -> Iterator[str]:
    """A wish that has turned: one refund, over all of the amount, and no cancel any more."""
    sent = [attempt for attempt in attempts if attempt.kind == Kind.REFUND]
    if not sent:
        yield f"{wish!r} has turned to a refund and sent none."
        return
    if any(each.kind == Kind.CANCEL and each.pk > sent[0].pk for each in attempts):
        yield f"{wish!r} went back to cancelling."
    bodies = {attempt.request_body for attempt in sent}
    if len(bodies) > 1:
        yield f"{wish!r} asked for {len(bodies)} refunds."
    asked = json.loads(sent[0].request_body)
    if asked["refundRequestId"] != wish.refund_request_id:
        yield f"{wish!r} asked for a refund by another id: {asked['refundRequestId']}."
    if asked["refundAmount"]["value"] != str(wish.refund_value):
        yield f"{wish!r} asked for another amount than it says: {asked['refundAmount']}."
    amount = wish.payment.amount_value
    if amount is not None and wish.refund_value > amount:
        yield f"{wish!r} refunds {wish.refund_value} of {amount}."


def _done_twice(payment: Any, attempts: Attempts) -> Iterator[str]:
    acting = [each for each in attempts if each.kind in CancellationAttempt.ACTING]
    in_flight = [each for each in acting if each.outcome == CancellationAttempt.Outcome.OPEN]
    if len(in_flight) > 1:
        yield f"Payment {payment} has {len(in_flight)} open cancels or refunds at once."
    asked_for_refunds = (Kind.REFUND, Kind.REFUND_INQUIRY)
    refunded = {
        each.cancellation_id
        for each in attempts
        if each.kind in asked_for_refunds and each.said == Word.REFUND_DONE
    }
    if len(refunded) > 1:
        yield f"Payment {payment} was refunded by {len(refunded)} wishes."
    cancelled = any(each.said in (Word.YES, Word.SHOWS_CANCELLED) for each in attempts)
    if refunded and cancelled:
        yield f"Payment {payment} was cancelled and refunded, both by us."
