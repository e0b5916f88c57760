"""What holds for the rows after every test, whatever it did: the invariants of the store."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Max, Q
from django.utils import timezone

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule

_OPEN = Q(status__in=(Cancellation.Status.PENDING, Cancellation.Status.NEEDS_REVIEW))


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
    refunded = Cancellation.objects.filter(status=Cancellation.Status.REFUNDED)
    for row in refunded.exclude(payment__status=Payment.Status.REFUNDED):
        yield f"{row!r} is refunded, and its payment is {row.payment.status}."
    cancels = CancellationAttempt.objects.filter(
        kind__in=CancellationAttempt.ACTING, outcome=CancellationAttempt.Outcome.OPEN
    )
    for found in cancels.values("payment").annotate(count=Count("pk")).filter(count__gt=1):
        yield f"Payment {found['payment']} has {found['count']} open cancels or refunds at once."


def _was_asked_for_three_days(row: Cancellation) -> bool:
    """Whether it is in review and Alipay was asked so often that only a person is awaited."""
    hourly = row.attempts.filter(
        kind=CancellationAttempt.Kind.INQUIRY, asked_by=CancellationAttempt.AskedBy.REVIEW
    )
    in_review = row.status == Cancellation.Status.NEEDS_REVIEW
    return in_review and hourly.count() >= schedule.policy().review_inquiries
