"""Whom a command acts for, and what is refused to that person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.utils.translation import gettext

from django_alipay_cancel.files.plain import plain
from django_alipay_cancel.models import Payment
from django_alipay_cancel.services.permitting import (
    CANCEL,
    REFUND_NOT_ALLOWED,
    holds,
    may_refund,
    why_refused,
)


def user_named(name: str | None) -> Any:
    """Return the user to act for; None for nobody, who is asked for no permission."""
    if name is None:
        return None
    users = get_user_model()
    try:
        return users._default_manager.get_by_natural_key(name)
    except users.DoesNotExist:
        told = gettext("No user has the name %(name)r.") % {"name": name}
        raise CommandError(plain(told)) from None


def refused_to(
    person: Any, payments: Iterable[Payment], *, or_refund: bool = False
) -> dict[UUID, str]:
    """Return, for each payment that this person may not have cancelled, why; None may all.

    `or_refund`: nor refunded.
    """
    refused: dict[UUID, str] = {}
    if person is None:
        return refused
    for payment in payments:
        why = why_refused(person, payment, permitted=holds(person, CANCEL, payment))
        if not why and or_refund and not may_refund(person, payment):
            why = str(REFUND_NOT_ALLOWED)
        if why:
            refused[payment.pk] = f"{payment}: {why}"
    return refused
