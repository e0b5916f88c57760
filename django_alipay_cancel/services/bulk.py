"""Many wishes at once: written in batches, carried out by the worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from django_alipay_cancel.conf import client_for
from django_alipay_cancel.isolation import if_still
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.given import validate_ids
from django_alipay_cancel.services.requesting import CancellationRequest
from django_alipay_cancel.services.transactions import atomically
from django_alipay_cancel.wording import joined

_BATCH = 500
_CANCELLABLE = (Payment.Status.PROCESSING, Payment.Status.AUTHORIZED, Payment.Status.SUCCESS)


@dataclass
class RequestReport:
    """What became of many wishes: counts, and a sentence for each payment that was refused."""

    requested: int = 0
    already_open: int = 0
    already_cancelled: int = 0
    refused: dict[UUID, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many payments were looked at."""
        return self.requested + self.already_open + self.already_cancelled + len(self.refused)

    def add(self, more: RequestReport) -> None:
        """Count what became of others, too."""
        self.requested += more.requested
        self.already_open += more.already_open
        self.already_cancelled += more.already_cancelled
        self.refused |= more.refused


def request_cancellations(
    payments: Iterable[Payment],
    *,
    requested_by: Any = None,
    reason: str = "",
    source: str = "code",
    batch: UUID | None = None,
    or_refund: bool = False,
) -> RequestReport:
    """Write down that all these payments shall be cancelled; the worker makes the calls.

    A QuerySet is read in batches and never as a whole. What cannot be cancelled is told in the
    report and stops nobody else. Each batch is one transaction; inside the shop's own they are
    part of it. `batch` marks the new cancellations, so that they can be found together;
    `or_refund` is meant for all of them, those that were open already included. Raises
    ValidationError for the reason or source, and ImproperlyConfigured, before any row is written.
    """
    wish = CancellationRequest(
        requested_by=requested_by, reason=reason, source=source, batch=batch, or_refund=or_refund
    )
    report = RequestReport()
    merchants: dict[str, str] = {}
    for rows in _batches(payments):
        sendable = [payment for payment in rows if _may_be_sent(payment, merchants, report)]
        if sendable:
            report.add(_request(sendable, wish))
    return report


def _batches(payments: Iterable[Payment]) -> Iterator[list[Payment]]:
    if not isinstance(payments, QuerySet):
        rows = iter(payments)
        while batch := list(islice(rows, _BATCH)):
            yield batch
        return
    # By key: the rows of the next batch do not shift when those of this one are changed.
    ordered = payments.order_by("pk")
    batch = list(ordered[:_BATCH])
    while batch:
        yield batch
        batch = list(ordered.filter(pk__gt=batch[-1].pk)[:_BATCH])


def _may_be_sent(payment: Payment, merchants: dict[str, str], report: RequestReport) -> bool:
    """Refuse what cannot be sent; `merchants` keeps what stands against each alias seen so far."""
    if payment.merchant not in merchants:
        merchants[payment.merchant] = _merchant_problem(payment.merchant)
    problem = merchants[payment.merchant]
    try:
        validate_ids(payment)
    except ValidationError as error:
        problem = joined(error.messages)
    if problem:
        report.refused[payment.pk] = problem
    return not problem


def _merchant_problem(merchant: str) -> str:
    try:
        client_for(merchant)
    except ImproperlyConfigured as error:
        return str(error)
    return ""


def _request(batch: list[Payment], wish: CancellationRequest) -> RequestReport:
    database = batch[0].database
    return atomically(lambda: _begin(batch, wish, database), using=database)


def _begin(batch: list[Payment], wish: CancellationRequest, database: str) -> RequestReport:
    report = RequestReport()
    payments = Payment.objects.using(database).filter(pk__in=[payment.pk for payment in batch])
    # The same compare-and-swap as for one payment, for all of them; the time it writes tells
    # which rows it hit, and open_for, unique, catches anybody with the very same time.
    now = timezone.now()
    if_still(payments, status__in=_CANCELLABLE).update(
        status=Payment.Status.CANCELLING, updated_at=now
    )
    hit = payments.filter(status=Payment.Status.CANCELLING, updated_at=now)
    begun = set(hit.values_list("pk", flat=True))
    Cancellation.objects.using(database).bulk_create(
        wish.cancellation(payment) for payment in batch if payment.pk in begun
    )
    others = payments.exclude(pk__in=begun) if len(begun) < len(batch) else None
    report.requested += len(begun)
    if others is not None:
        _tell_others(list(others), report)
        if wish.or_refund:
            # Under their locks: nobody ends one of them as "not cancelled" meanwhile.
            payments.exclude(pk__in=begun).update(updated_at=now)
            open_ones = Cancellation.objects.using(database).filter(open_for__in=others)
            open_ones.filter(or_refund=False).update(or_refund=True)
    return report


def _tell_others(payments: list[Payment], report: RequestReport) -> None:
    cancellations = Cancellation.objects.using(payments[0].database).filter(payment__in=payments)
    wanted = [*Cancellation.OPEN, Cancellation.Status.SUCCEEDED]
    status_of = dict(cancellations.filter(status__in=wanted).values_list("payment_id", "status"))
    for payment in payments:
        status = status_of.get(payment.pk)
        if status is None:
            report.refused[payment.pk] = gettext(
                "The payment %(payment)s is %(status)s: there is nothing to cancel."
            ) % {"payment": payment, "status": payment.status}
        elif status == Cancellation.Status.SUCCEEDED:
            report.already_cancelled += 1
        else:
            report.already_open += 1
