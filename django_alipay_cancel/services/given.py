"""What is given of a payment, refused by field unless it can be stored and sent."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import ID_LENGTH, REFERENCE_LENGTH, Payment
from django_alipay_cancel.services.actor import account

IDS = ("payment_request_id", "payment_id")
# Empty text is none.
_TEXTS = (*IDS, "amount_currency", "reference")
FACTS = ("authorized_at", "paid_at", "failed_at")
_TIMES = (*FACTS, "amount_updated_at")
_MAX_AMOUNT = 2**63 - 1


def checked_facts(merchant: str, **facts: Any) -> dict[str, Any]:
    """Return what is given of these facts, as it can be stored; ValidationError names the field."""
    given = {
        name: value
        for name, value in facts.items()
        if value is not None and (value or name not in _TEXTS)
    }
    _validate(merchant, given)
    validate_given_ids({name: given[name] for name in IDS if name in given})
    return given | {name: _storable(name, given[name]) for name in _TIMES if name in given}


def validate_ids(payment: Payment) -> None:
    """Raise ValidationError naming the field when an id of this payment cannot be sent.

    Rows may have been written without `record_payment`, and SQLite enforces no length.
    """
    ids = {name: value for name in IDS if (value := getattr(payment, name)) is not None}
    validate_given_ids(ids)


def _validate(merchant: str, given: dict[str, Any]) -> None:
    validate_text("merchant", merchant, 64, names_something=True)
    if "reference" in given:
        validate_text("reference", given["reference"], REFERENCE_LENGTH, names_something=True)
    if "customer" in given and account(given["customer"]) is None:
        raise ValidationError(
            {
                "customer": gettext(
                    "customer must be a saved user of the user model, or None for a guest."
                )
            }
        )
    if ("amount_value" in given) != ("amount_currency" in given):
        raise ValidationError(
            {"amount_value": gettext("amount_value and amount_currency are given together.")}
        )
    if "amount_updated_at" in given and "amount_value" not in given:
        raise ValidationError(
            {"amount_updated_at": gettext("amount_updated_at is given with the amount.")}
        )
    if "amount_value" in given:
        validate_amount(given["amount_value"], given["amount_currency"])


def validate_given_ids(ids: dict[str, str]) -> None:
    if not ids:
        raise ValidationError(
            {"payment_request_id": gettext("Give payment_request_id, payment_id or both.")}
        )
    for name, value in ids.items():
        validate_text(name, value, ID_LENGTH, names_something=True)


def validate_text(name: str, value: Any, limit: int, *, names_something: bool = False) -> None:
    """Raise ValidationError naming the field when text cannot be stored.

    What `names_something`, an id for instance, is one line, not empty, without blanks at its ends.
    """
    problem = _problem_of(value, limit, names_something)
    if problem:
        told = {"name": name, "type": type(value).__name__, "limit": limit}
        raise ValidationError({name: problem % told})


def _problem_of(value: Any, limit: int, names_something: bool) -> str:
    if not isinstance(value, str):
        return gettext("%(name)s must be text, not %(type)s.")
    if names_something and (not value or value != value.strip()):
        return gettext("%(name)s must not be empty nor have blanks at its ends.")
    if len(value) > limit:
        return gettext("%(name)s is longer than %(limit)d characters.")
    breaks = "" if names_something else "\n\r\t"
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in breaks for c in value):
        return gettext("%(name)s contains control characters.")
    return ""


def _storable(name: str, at: Any) -> datetime:
    stored = storable(at) if isinstance(at, datetime) else None
    if stored is None:
        raise ValidationError(
            {name: gettext("%(name)s must be a datetime, not %(at)r.") % {"name": name, "at": at}}
        )
    return stored


def validate_amount(value: Any, currency: Any) -> None:
    """Raise ValidationError naming the field when this is no amount in minor units."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_AMOUNT:
        raise ValidationError(
            {
                "amount_value": gettext(
                    "amount_value must be a whole number of minor units, at least 0."
                )
            }
        )
    if not (
        isinstance(currency, str)
        and len(currency) == 3
        and currency.isascii()
        and currency.isalpha()
        and currency.isupper()
    ):
        raise ValidationError(
            {
                "amount_currency": gettext(
                    "amount_currency must be three capital letters, such as USD."
                )
            }
        )
