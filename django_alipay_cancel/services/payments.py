"""What the shop or Alipay says of a payment: facts only grow, and the status follows them."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, router, transaction
from django_fsm import ConcurrentTransition, can_proceed

from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import ID_LENGTH, REFERENCE_LENGTH, Payment
from django_alipay_cancel.services.people import account
from django_alipay_cancel.signals import paid_after_cancellation

logger = logging.getLogger(__name__)

_IDS = ("payment_request_id", "payment_id")
_FACTS = ("authorized_at", "paid_at", "failed_at")
_MAX_AMOUNT = 2**63 - 1
# How often the row may move between reading and writing it.
_TRIES = 5


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
) -> Payment:
    """Create or complete the payment with these ids and return it.

    `amount_value` is in minor units of `amount_currency` (ISO 4217). What is already recorded is
    kept, what is missing is filled in; a fact that comes after the status can no longer follow
    (a payment success after CANCELLED) is stored all the same, logged as a warning, and told by the
    signal `paid_after_cancellation`. May run inside the shop's transaction. Raises ValidationError
    naming the field.
    """
    given: dict[str, Any] = {
        "payment_request_id": payment_request_id or None,
        "payment_id": payment_id or None,
        "amount_value": amount_value,
        "amount_currency": amount_currency or None,
        "reference": reference or None,
        "customer": customer,
        "authorized_at": authorized_at,
        "paid_at": paid_at,
        "failed_at": failed_at,
    }
    given = {name: value for name, value in given.items() if value is not None}
    _validate(merchant, given)
    given |= {name: _storable(name, given[name]) for name in _FACTS if name in given}
    payment = _find_or_create(merchant, given)
    _complete(payment, given)
    return payment


def validate_ids(payment: Payment) -> None:
    """Raise ValidationError naming the field when an id of this payment cannot be sent.

    Rows may have been written without `record_payment`, and SQLite enforces no length.
    """
    ids = {name: value for name in _IDS if (value := getattr(payment, name)) is not None}
    _validate_ids(ids)


def _validate(merchant: str, given: dict[str, Any]) -> None:
    _validate_text("merchant", merchant, 64)
    if "reference" in given:
        _validate_text("reference", given["reference"], REFERENCE_LENGTH)
    if "customer" in given and account(given["customer"]) is None:
        raise ValidationError(
            {"customer": "customer must be a saved user of the user model, or None for a guest."}
        )
    if ("amount_value" in given) != ("amount_currency" in given):
        raise ValidationError(
            {"amount_value": "amount_value and amount_currency are given together."}
        )
    if "amount_value" in given:
        _validate_amount(given["amount_value"], given["amount_currency"])


def _validate_ids(ids: dict[str, str]) -> None:
    if not ids:
        raise ValidationError(
            {"payment_request_id": "Give payment_request_id, payment_id or both."}
        )
    for name, value in ids.items():
        _validate_text(name, value, ID_LENGTH)


def _validate_text(name: str, value: Any, limit: int) -> None:
    if not isinstance(value, str):
        raise ValidationError({name: f"{name} must be text, not {type(value).__name__}."})
    if not value or value != value.strip():
        raise ValidationError({name: f"{name} must not be empty nor have blanks at its ends."})
    if len(value) > limit:
        raise ValidationError({name: f"{name} is longer than {limit} characters."})
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValidationError({name: f"{name} contains control characters."})


def _storable(name: str, at: Any) -> datetime:
    stored = storable(at) if isinstance(at, datetime) else None
    if stored is None:
        raise ValidationError({name: f"{name} must be a datetime, not {at!r}."})
    return stored


def _validate_amount(value: Any, currency: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_AMOUNT:
        raise ValidationError(
            {"amount_value": "amount_value must be a whole number of minor units, at least 0."}
        )
    if not (
        isinstance(currency, str)
        and len(currency) == 3
        and currency.isascii()
        and currency.isalpha()
        and currency.isupper()
    ):
        raise ValidationError(
            {"amount_currency": "amount_currency must be three capital letters, such as USD."}
        )


def _find_or_create(merchant: str, given: dict[str, Any]) -> Payment:
    payment = find_payment(merchant, given)
    if payment is not None:
        return payment
    database = router.db_for_write(Payment)
    new = {name: value for name, value in given.items() if name not in _FACTS}
    created: Payment = Payment(merchant=merchant, **new)
    try:
        with transaction.atomic(using=database):
            created.save(using=database, force_insert=True)
        return created
    except IntegrityError:
        # Somebody else recorded the same payment meanwhile.
        payment = find_payment(merchant, given)
        if payment is None:
            raise
        return payment


def find_payment(merchant: str, given: Mapping[str, Any]) -> Payment | None:
    """Return the payment that the ids in `given` name.

    Raises ValidationError when an id cannot be one, or when they name two payments.
    """
    _validate_ids({name: given[name] for name in _IDS if name in given})
    payments = Payment.objects.using(router.db_for_write(Payment)).filter(merchant=merchant)
    found = {
        payment
        for name in _IDS
        if name in given
        for payment in payments.filter(**{name: given[name]})
    }
    if len(found) > 1:
        raise ValidationError(
            {
                "payment_id": "payment_request_id and payment_id belong to two different payments"
                f" of the merchant {merchant!r}."
            }
        )
    return found.pop() if found else None


def _complete(payment: Payment, given: dict[str, Any]) -> None:
    for _ in range(_TRIES):
        for name in ("payment_request_id", "payment_id", "amount_value", "amount_currency"):
            _refuse_contradiction(payment, name, given)
        missing = [name for name in given if not getattr(payment, name)]
        if not missing:
            return
        # Each must still be empty: of two writers with one fact, one has brought it.
        still_empty = dict(_is_empty(name, getattr(payment, name)) for name in missing)
        _take_over(payment, given)
        if payment.store(*missing, "updated_at", **still_empty):
            if "paid_at" in missing:
                tell_of_late_payment(payment)
            return
        payment.refresh_from_db()
    raise ConcurrentTransition(f"{payment!r} changes faster than it can be written.")


def _is_empty(name: str, value: Any) -> tuple[str, Any]:
    return (f"{name}__isnull", True) if value is None else (name, value)


def _take_over(payment: Payment, given: dict[str, Any]) -> None:
    for name, value in given.items():
        setattr(payment, name, getattr(payment, name) or value)
    for fact, follow in (
        ("authorized_at", payment.record_authorized),
        ("paid_at", payment.record_paid),
        ("failed_at", payment.record_failed),
    ):
        if fact in given and can_proceed(follow):
            follow(given[fact])


def tell_of_late_payment(payment: Payment) -> None:
    """Warn when a payment success came that the status can no longer follow.

    For whoever has just stored `paid_at`, once per new fact; the signal is sent after the commit.
    """
    if payment.status not in (Payment.Status.CANCELLED, Payment.Status.FAIL):
        return
    logger.warning("Payment %s was reported as paid although it is %s.", payment.id, payment.status)
    if payment.status == Payment.Status.CANCELLED:
        transaction.on_commit(
            lambda: paid_after_cancellation.send_robust(Payment, payment=payment),
            using=payment.database,
        )


def _refuse_contradiction(payment: Payment, name: str, given: dict[str, Any]) -> None:
    recorded = getattr(payment, name)
    if name in given and recorded not in (None, "", given[name]):
        raise ValidationError(
            {name: f"The payment {payment} is recorded with {recorded!r}, not {given[name]!r}."}
        )
