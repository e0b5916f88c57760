"""What the shop or Alipay says of a payment: facts only grow, and the status follows them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, router, transaction
from django.utils.translation import gettext

from django_alipay_cancel.conf import is_named
from django_alipay_cancel.isolation import as_committed
from django_alipay_cancel.models import Payment, PaymentEvent
from django_alipay_cancel.services import amounts
from django_alipay_cancel.services.evidence import (
    FACT_FIELDS,
    announce_late_fact,
    append_event,
    learn,
)
from django_alipay_cancel.services.given import FACTS, IDS, checked_facts, validate_given_ids
from django_alipay_cancel.services.history import FactKind
from django_alipay_cancel.services.judging import judge_open_cancellation
from django_alipay_cancel.services.transactions import refusing_text

logger = logging.getLogger(__name__)


def record_payment(
    *,
    merchant: str = "default",
    payment_request_id: str | None = None,
    payment_id: str | None = None,
    amount_value: int | None = None,
    amount_currency: str | None = None,
    reference: str | None = None,
    customer: Any = None,
    authorized_at: datetime | None = None,
    paid_at: datetime | None = None,
    failed_at: datetime | None = None,
    amount_updated_at: datetime | None = None,
) -> Payment:
    """Create or complete the payment with these ids and return it.

    `amount_value` is in minor units of `amount_currency` (ISO 4217). What is already recorded is
    kept, what is missing is filled in. `amount_updated_at` says when Alipay changed the amount
    (updateAmount): the amount follows, and both stay in the timeline. A fact that comes after the
    status can no longer follow (a payment success after CANCELLED) is stored all the same, logged
    as a warning, and told by the signal `paid_after_cancellation`. An open cancellation is judged
    by what is new. May run inside the shop's transaction. A merchant that MERCHANTS does not name
    is logged as a warning. Raises ValidationError naming the field.
    """
    return record(
        PaymentEvent.Source.SHOP,
        merchant=merchant,
        payment_request_id=payment_request_id,
        payment_id=payment_id,
        amount_value=amount_value,
        amount_currency=amount_currency,
        reference=reference,
        customer=customer,
        authorized_at=authorized_at,
        paid_at=paid_at,
        failed_at=failed_at,
        amount_updated_at=amount_updated_at,
    )


def record(
    source: str, *, merchant: str, captured_at: datetime | None = None, **facts: Any
) -> Payment:
    """`record_payment` for whoever said it: a PaymentEvent.Source."""
    given = checked_facts(merchant, **facts)
    texts = {"merchant": merchant, **{name: given.get(name) for name in (*IDS, "reference")}}
    with refusing_text(**texts):
        payment = _find_or_create(merchant, given)
        complete(payment, given, source, captured_at=captured_at)
    return payment


def complete(
    payment: Payment, given: dict[str, Any], source: str, *, captured_at: datetime | None = None
) -> None:
    """Fill in what is missing, tell the facts, and judge an open cancellation by them."""
    _fill_in(payment, given, source)
    facts = {kind: given[name] for kind, name in FACT_FIELDS.items() if name in given}
    if captured_at is not None:
        facts[FactKind.CAPTURED] = captured_at
    for kind, at in facts.items():
        append_event(payment, kind, source=source, at=at)
    if facts and payment.status in Payment.IN_CHANGE:
        judge_open_cancellation(payment)


def _find_or_create(merchant: str, given: dict[str, Any]) -> Payment:
    payment = find_payment(merchant, given)
    if payment is not None:
        return payment
    database = router.db_for_write(Payment)
    new = {name: value for name, value in given.items() if name not in FACTS}
    created: Payment = Payment(merchant=merchant, **new)
    try:
        with transaction.atomic(using=database):
            created.save(using=database, force_insert=True)
    except IntegrityError:
        payment = find_payment(merchant, given, inserted=True)
        if payment is None:
            raise
        return payment
    if not is_named(merchant):
        # Not refused: an import may come before the settings. But nothing of it can be cancelled.
        logger.warning(
            "A payment was recorded for the merchant %a, which ALIPAY_CANCEL['MERCHANTS'] does not "
            "name.",
            merchant,
        )
    return created


def find_payment(
    merchant: str, given: Mapping[str, Any], *, inserted: bool = False
) -> Payment | None:
    """Return the payment that the ids in `given` name; `inserted`: by somebody else just now.

    Raises ValidationError when an id cannot be one, or when they name two payments.
    """
    validate_given_ids({name: given[name] for name in IDS if name in given})
    payments = Payment.objects.using(router.db_for_write(Payment)).filter(merchant=merchant)
    if inserted:
        payments = as_committed(payments)
    found = {
        payment
        for name in IDS
        if name in given
        for payment in payments.filter(**{name: given[name]})
    }
    return only_one(found, merchant)


def only_one(found: set[Payment], merchant: str) -> Payment | None:
    """Return the payment that ids name, if any; ValidationError when they name two."""
    if len(found) > 1:
        raise ValidationError(
            {
                "payment_id": gettext(
                    "payment_request_id and payment_id belong to two different payments of the "
                    "merchant %(merchant)r."
                )
                % {"merchant": merchant}
            }
        )
    return found.pop() if found else None


def _fill_in(payment: Payment, given: dict[str, Any], source: str) -> None:
    payment.until_stored(lambda: _filled_in(payment, given, source) or None)


def _filled_in(payment: Payment, given: dict[str, Any], source: str) -> bool:
    """Add what is missing to the row as it was read; False: it has moved meanwhile."""
    by_alipay = source in PaymentEvent.SIGNED
    given = amounts.without_older_amount(payment, given)
    change = amounts.change_of(payment, given)
    for name in (*IDS, *amounts.AMOUNT):
        if name not in change:
            _refuse_contradiction(payment, name, given)
    missing = [name for name in given if name not in change and not getattr(payment, name)]
    # Alipay's word leads out of FAIL even when the shop had told the same before.
    leads_on = by_alipay and payment.status == Payment.Status.FAIL and "paid_at" in given
    if not missing and not change and not leads_on:
        return True
    # Each must still be empty: of two writers with one fact, one has brought it.
    unchanged = dict(_is_empty(name, getattr(payment, name)) for name in missing)
    before = {name: getattr(payment, name) for name in amounts.AMOUNT}
    for name in (*missing, *change):
        if name not in FACTS:
            setattr(payment, name, given[name])
    learn(
        payment,
        {kind: given[name] for kind, name in FACT_FIELDS.items() if name in given},
        by_alipay=by_alipay,
    )
    fields = (*missing, "updated_at")
    if change:
        stored = amounts.store_change(payment, fields, change, before, source, **unchanged)
    else:
        stored = payment.store(*fields, **unchanged)
    if stored:
        announce_late_fact(payment, missing)
    return stored


def _is_empty(name: str, value: Any) -> tuple[str, Any]:
    return (f"{name}__isnull", True) if value is None else (name, value)


def _refuse_contradiction(payment: Payment, name: str, given: dict[str, Any]) -> None:
    recorded = getattr(payment, name)
    if name in given and recorded not in (None, "", given[name]):
        raise ValidationError(
            {
                name: gettext(
                    "The payment %(payment)s is recorded with %(recorded)r, not %(given)r."
                )
                % {"payment": payment, "recorded": recorded, "given": given[name]}
            }
        )
