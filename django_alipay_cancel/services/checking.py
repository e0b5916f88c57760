"""Check now: what Alipay says of a payment, taken over and judged with all that was said before."""

from __future__ import annotations

from typing import Any

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment, PaymentEvent
from django_alipay_cancel.services import finish
from django_alipay_cancel.services.actor import name_of
from django_alipay_cancel.services.evidence import append_event
from django_alipay_cancel.services.given import validate_ids
from django_alipay_cancel.services.history import AskedBy
from django_alipay_cancel.services.passes import Pass
from django_alipay_cancel.services.transactions import commit


def refresh_payment(payment: Payment, *, requested_by: Any = None) -> Payment:
    """Ask Alipay for the payment's state, take it over and return the payment, up to date.

    An open cancellation is finished by it when the whole history decides. One in review is ended as
    "not cancelled" only for a person with a name: without `requested_by` a check never does that.
    The inquiry is kept as an attempt of the payment's latest cancellation, or of the payment alone.
    Raises ImproperlyConfigured, ValidationError, and InsideTransaction before the call.
    """
    validate_ids(payment)
    client = client_for(payment.merchant)
    name = name_of(requested_by)
    inquire(payment, client, by=AskedBy.PERSON if name else AskedBy.UNNAMED, person=requested_by)
    payment.refresh_from_db()
    return payment


def inquire(
    payment: Payment, client: AlipayClient, *, by: AskedBy, person: Any = None
) -> CancellationAttempt | None:
    """Make one inquiry, without a claim; do what is final in the verdict; return its attempt."""
    this = Pass(payment, client, asked_by=by, person_name=name_of(person), inquiries=1)
    commit(lambda: payment.refresh_from_db(using=payment.database), payment)
    this.cancellation = _latest_cancellation(payment)

    def begin(this: Pass) -> CancellationAttempt | None:
        finish.lock(payment)
        if by is AskedBy.PERSON:
            append_event(
                payment,
                PaymentEvent.Kind.CHECKED,
                source=PaymentEvent.Source.PERSON,
                person=person,
            )
        return this.open(CancellationAttempt.Kind.INQUIRY, by)

    return this.run(begin)


def _latest_cancellation(payment: Payment) -> Cancellation | None:
    rows = Cancellation.objects.using(payment.database).filter(payment=payment)
    latest: Cancellation | None = rows.order_by("-created_at").first()
    if latest is not None:
        latest.payment = payment
    return latest
