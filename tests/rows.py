"""What holds for the rows after every test, whatever it did: the invariants of the store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from django.db.models import Count, Max, Q
from django.utils import timezone

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.history import Word

_OPEN = Q(status__in=(Cancellation.Status.PENDING, Cancellation.Status.NEEDS_REVIEW))
Kind = CancellationAttempt.Kind


def broken_invariants() -> Iterator[str]:
    """Yield one sentence for each row that must not be."""
    for row in Cancellation.objects.filter(_OPEN, next_attempt_at=None):
        if not _was_asked_for_three_days(row):
            yield f"{row!r} is open ({row.status}) and has no due time."
    for row in Cancellation.objects.filter(next_attempt_at__gt=timezone.now() + schedule.reach()):
        # A test may have moved the clock, and is in this year again.
        sent = row.attempts.aggregate(last=Max("sent_at"))["last"] or row.asked_at
        if row.next_attempt_at > max(sent, row.asked_at) + schedule.reach():
            yield f"{row!r} is due later than any rule puts it: {row.next_attempt_at}."
    for row in Cancellation.objects.exclude(_OPEN).exclude(next_attempt_at=None):
        yield f"{row!r} is finished ({row.status}) and has a due time."
    for row in Cancellation.objects.filter(_OPEN):
        status = Payment.Status.REFUNDING if row.refunds else Payment.Status.CANCELLING
        if row.payment.status != status:
            yield f"{row!r} is open while {row.payment!r} is {row.payment.status}."
    in_change = Payment.objects.filter(status__in=Payment.IN_CHANGE)
    for row in in_change.exclude(cancellations__in=Cancellation.objects.filter(_OPEN)):
        yield f"{row!r} is {row.status} without an open cancellation."
    cancels = CancellationAttempt.objects.filter(
        kind__in=CancellationAttempt.ACTING, outcome=CancellationAttempt.Outcome.OPEN
    )
    for found in cancels.values("payment").annotate(count=Count("pk")).filter(count__gt=1):
        yield f"Payment {found['payment']} has {found['count']} open cancels or refunds at once."
    yield from _broken_refunds()


def _broken_refunds() -> Iterator[str]:
    refunded = Cancellation.objects.filter(status=Cancellation.Status.REFUNDED)
    for row in refunded.exclude(payment__status=Payment.Status.REFUNDED):
        yield f"{row!r} is refunded, and its payment is {row.payment.status}."
    wished = Payment.objects.filter(cancellations__isnull=False).distinct()
    paid_back = wished.filter(status=Payment.Status.REFUNDED)
    for row in paid_back.exclude(cancellations__in=refunded):
        yield f"{row!r} is refunded, and no cancellation of it is."
    turned = Cancellation.objects.filter(means=Cancellation.Means.REFUND)
    for wish in turned.select_related("payment"):
        yield from _broken_turn(wish)
    attempts = CancellationAttempt.objects.filter(kind__in=(Kind.REFUND, Kind.REFUND_INQUIRY))
    done = set(attempts.filter(said=Word.REFUND_DONE).values_list("payment", "cancellation"))
    for payment, times in Counter(payment for payment, _ in done).items():
        if times > 1:
            yield f"Payment {payment} was refunded by {times} wishes."
    told_cancelled = CancellationAttempt.objects.filter(said__in=(Word.YES, Word.SHOWS_CANCELLED))
    for payment in {payment for payment, _ in done} & set(
        told_cancelled.values_list("payment", flat=True)
    ):
        yield f"Payment {payment} was cancelled and refunded, both by us."


def _broken_turn(wish: Cancellation) -> Iterator[str]:
    """A wish that has turned: one refund, over all of the amount, and no cancel any more."""
    sent = list(wish.attempts.filter(kind=Kind.REFUND).order_by("pk"))
    if not sent:
        yield f"{wish!r} has turned to a refund and sent none."
        return
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
    if wish.attempts.filter(kind=Kind.CANCEL, pk__gt=sent[0].pk).exists():
        yield f"{wish!r} went back to cancelling."


def _was_asked_for_three_days(row: Cancellation) -> bool:
    """Whether it is in review and Alipay was asked so often that only a person is awaited."""
    hourly = row.attempts.filter(
        kind__in=(Kind.INQUIRY, Kind.REFUND_INQUIRY),
        asked_by=CancellationAttempt.AskedBy.REVIEW,
    )
    in_review = row.status == Cancellation.Status.NEEDS_REVIEW
    return in_review and hourly.count() >= schedule.policy().review_inquiries
