"""Carrying out what was confirmed: a few payments one by one, many written down first."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.translation import gettext

from django_alipay_cancel import services
from django_alipay_cancel.admin import refund_advice
from django_alipay_cancel.admin.grouping import grouped
from django_alipay_cancel.admin.run_action import carry_out, search_url, tell_number, told_of_error
from django_alipay_cancel.admin.sentences import Told, outcome_with_refund
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.actor import account
from django_alipay_cancel.services.permitting import may_refund
from django_alipay_cancel.services.worker import process_these

if TYPE_CHECKING:
    from django_alipay_cancel.admin.read_only_admin import ReadOnlyAdmin

_NOTED_AT_ONCE = 500


def deadline() -> float:
    """Return until when (time.monotonic()) calls to Alipay may begin in this request."""
    end: float = time.monotonic() + settings.BULK_INLINE_SECONDS
    return end


@dataclass(frozen=True, kw_only=True)
class Order:
    """A confirmed wish: whose, why, and what ties its cancellations together."""

    request: HttpRequest
    reason: str
    batch: UUID | None
    sheet_url: str = ""
    or_refund: bool = False
    deadline: float = field(default_factory=deadline)

    def time_is_up(self) -> bool:
        """Whether the rest is left to the worker."""
        return time.monotonic() >= self.deadline

    @property
    def wish(self) -> str:
        """What the payment's history says of it."""
        reason = {"reason": self.reason or "-", "url": self.sheet_url}
        if self.sheet_url:
            return (
                gettext("Cancellation asked for. Reason: %(reason)s. Result sheet: %(url)s")
                % reason
            )
        return gettext("Cancellation asked for. Reason: %(reason)s") % reason


def cancel_few(
    model_admin: ReadOnlyAdmin, order: Order, payments: Iterable[Payment]
) -> list[tuple[Payment, Told]]:
    """Cancel each payment, whatever became of the one before; when time is up the worker does.

    What the page said is not asked again: between then and now a payment may have moved, and the
    service answers a second click with what became of the first.
    """
    results = []
    for payment in payments:

        def work(payment: Payment = payment) -> Told:
            return _cancel(order, payment)

        told = carry_out(model_admin, order.request, payment, order.wish, work)
        results.append((payment, told))
    return results


def _cancel(order: Order, payment: Payment) -> Told:
    now = not order.time_is_up()
    ask = services.cancel_payment if now else services.request_cancellation
    cancellation = ask(
        payment,
        requested_by=order.request.user,
        reason=order.reason,
        source=Cancellation.Source.ADMIN,
        batch=order.batch,
        or_refund=order.or_refund and may_refund(order.request.user, payment),
    )
    if now or cancellation.status != Cancellation.Status.PENDING:
        return outcome_with_refund(cancellation, refund_advice.note(cancellation))
    return Told(
        messages.WARNING,
        gettext(
            "The cancellation is accepted and the worker carries it out. "
            "Do not refund and do not ask the buyer to pay again yet."
        ),
    )


def cancel_many(model_admin: ReadOnlyAdmin, order: Order, payments: list[Payment]) -> None:
    """Write down every wish first, then make calls while there is time; tell numbers."""
    database = payments[0].database
    try:
        report = services.request_cancellations(
            _noted(order, payments),
            requested_by=order.request.user,
            reason=order.reason,
            source=Cancellation.Source.ADMIN,
            batch=order.batch,
            or_refund=order.or_refund,
        )
        _work_off(order, database)
    except Exception as error:  # the one place per request: what was written down is told below
        told = told_of_error(error, f"Cancelling {len(payments)} payments, batch {order.batch},")
        messages.add_message(order.request, told.level, told.text)
    else:
        _tell_left_out(model_admin, order, report, database, payments)
    _tell_outcomes(model_admin, order, database)


def _noted(order: Order, payments: list[Payment]) -> Iterator[Payment]:
    """Yield the payments after they were noted in the history: what cannot be is not done."""
    person = account(order.request.user)
    for start in range(0, len(payments), _NOTED_AT_ONCE):
        rows = payments[start : start + _NOTED_AT_ONCE]
        if person:
            LogEntry.objects.log_actions(person.pk, rows, CHANGE, order.wish)
        yield from rows


def _made(order: Order, database: str) -> QuerySet[Cancellation]:
    made: QuerySet[Cancellation] = Cancellation.objects.using(database).filter(batch=order.batch)
    return made


def _work_off(order: Order, database: str) -> None:
    made = _made(order, database)
    process_these(made.values_list("payment_id", flat=True), stopping=order.time_is_up)


def _tell_outcomes(model_admin: ReadOnlyAdmin, order: Order, database: str) -> None:
    assert order.batch is not None
    for group in grouped(_made(order, database)):
        url = batch_url(model_admin, order.batch, **group.filters)
        tell_number(order.request, group.told, group.number, url)


def _tell_left_out(
    model_admin: ReadOnlyAdmin,
    order: Order,
    report: services.RequestReport,
    database: str,
    payments: list[Payment],
) -> None:
    left_out = report.already_open + report.already_cancelled + len(report.refused)
    if not left_out:
        return
    made = set(_made(order, database).values_list("payment_id", flat=True))
    url = search_url(model_admin, [each.pk for each in payments if each.pk not in made])
    text = gettext(
        "Not asked for anew: %(open)d are being cancelled already, %(cancelled)d are cancelled "
        "already, %(refused)d cannot be cancelled, because they failed or because their IDs or "
        "their merchant's settings cannot be used."
    ) % {
        "open": report.already_open,
        "cancelled": report.already_cancelled,
        "refused": len(report.refused),
    }
    tell_number(order.request, Told(messages.WARNING, text), left_out, url)


def batch_url(model_admin: ReadOnlyAdmin, batch: UUID, **filters: str) -> str:
    """Return the address of the list of the cancellations that were asked for together."""
    query = urlencode({"batch": str(batch), **filters})
    return f"{model_admin.url('cancellation_changelist')}?{query}"
