"""The wish to cancel: validated, and written as the open cancellation of its payment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django_fsm import can_proceed

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import client_for, settings
from django_alipay_cancel.exceptions import NotCancellable
from django_alipay_cancel.isolation import as_committed, if_still
from django_alipay_cancel.models import REASON_LENGTH, Cancellation, Payment
from django_alipay_cancel.services import finish, schedule
from django_alipay_cancel.services.actor import account, name_of
from django_alipay_cancel.services.given import validate_ids, validate_text
from django_alipay_cancel.services.transactions import atomically, refusing_text


@dataclass(frozen=True, kw_only=True)
class CancellationRequest:
    """Who wants a payment cancelled, why, and through which door. Raises ValidationError."""

    requested_by: Any = None
    reason: str = ""
    source: str = Cancellation.Source.CODE
    batch: UUID | None = None
    or_refund: bool = False

    def __post_init__(self) -> None:
        validate_text("reason", self.reason, REASON_LENGTH)
        if self.source not in Cancellation.Source.values:
            raise ValidationError(
                {
                    "source": gettext("source must be one of %(names)s.")
                    % {"names": ", ".join(Cancellation.Source.values)}
                }
            )

        if not isinstance(self.or_refund, bool):
            raise ValidationError({"or_refund": gettext("or_refund must be True or False.")})
        if self.or_refund and not settings.REFUNDS:
            raise ImproperlyConfigured("or_refund needs ALIPAY_CANCEL['REFUNDS'] to be True.")

    def cancellation(self, payment: Payment, *, claimed: bool = False) -> Cancellation:
        """Return a new, unsaved cancellation: claimed by the caller, or due now."""
        now = timezone.now()
        new: Cancellation = Cancellation(
            payment=payment,
            open_for=payment,
            requested_by=account(self.requested_by),
            requested_by_name=name_of(self.requested_by),
            source=self.source,
            reason=self.reason,
            batch=self.batch,
            or_refund=self.or_refund,
            next_step=NextStep.WAIT,
            asked_at=now,
            created_at=now,
        )
        schedule.start(new, claimed=claimed)
        return new


def request_cancellation(
    payment: Payment,
    *,
    requested_by: Any = None,
    reason: str = "",
    source: str = "code",
    batch: UUID | None = None,
    or_refund: bool = False,
) -> Cancellation:
    """Write down that the payment shall be cancelled; the worker makes the call.

    Returns the open cancellation when there is one, the succeeded one when the payment is
    cancelled already. `batch` marks what is asked together; `or_refund` asks for a refund in full
    when it can no longer be cancelled. May run inside the shop's transaction. Raises
    NotCancellable, ImproperlyConfigured and ValidationError; then no row is written.
    """
    wish = CancellationRequest(
        requested_by=requested_by, reason=reason, source=source, batch=batch, or_refund=or_refund
    )
    prepare(payment)

    def once() -> Cancellation | None:
        if existing := existing_cancellation(payment, wish):
            return existing
        return atomically(lambda: begin(payment, wish), payment, using=payment.database)

    return payment.until_stored(once)


def prepare(payment: Payment) -> AlipayClient:
    """Refuse what cannot be sent, turn to the database that is written to; return the client."""
    validate_ids(payment)
    client = client_for(payment.merchant)
    using = payment.database
    if payment._state.db != using:
        payment.refresh_from_db(using=using)
    return client


def existing_cancellation(payment: Payment, wish: CancellationRequest) -> Cancellation | None:
    """Return the cancellation that answers a wish for this payment; None when it needs a new one.

    An open one that is joined says "or refund" from then on if this wish does, and never back.
    Raises NotCancellable when there is nothing to cancel. Believes the copy at hand when that can
    be cancelled: `begin` compares it with the row.
    """
    if can_proceed(payment.begin_cancellation):
        return None
    payment.refresh_from_db()
    if can_proceed(payment.begin_cancellation):
        return None
    rows = Cancellation.objects.using(payment.database).filter(payment=payment)
    cancellations = as_committed(rows)
    wanted = [*Cancellation.OPEN, Cancellation.Status.SUCCEEDED, Cancellation.Status.REFUNDED]
    found: Cancellation | None = (
        cancellations.filter(status__in=wanted).order_by("-created_at").first()
    )
    if found is None:
        raise NotCancellable(
            f"The payment {payment} is {payment.status}: there is nothing to cancel."
        )
    found.payment = payment
    if wish.or_refund and found.is_open and not found.or_refund and not _raised(found):
        return None
    return found


def _raised(cancellation: Cancellation) -> bool:
    """Let the open wish say "or refund"; False when it has ended meanwhile."""
    payment = cancellation.payment

    def write() -> bool:
        finish.lock(payment)
        rows = Cancellation.objects.using(payment.database).filter(pk=cancellation.pk)
        raised = if_still(rows, status__in=Cancellation.OPEN).update(or_refund=True)
        cancellation.refresh_from_db(fields=["status", "or_refund"])
        return bool(raised)

    return atomically(write, payment, using=payment.database)


def begin(
    payment: Payment, wish: CancellationRequest, *, claimed: bool = False
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
    cancellation = wish.cancellation(payment, claimed=claimed)
    with refusing_text(reason=wish.reason, requested_by=cancellation.requested_by_name):
        cancellation.save(using=payment.database, force_insert=True)
    return cancellation
