"""Who may do what with one row: admin, REST and commands ask here, and always with the row."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import auth
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.actor import account

CANCEL = "django_alipay_cancel.cancel_payment"
REFUND = "django_alipay_cancel.refund_payment"
NOT_ALLOWED = _("You do not have permission to cancel this payment.")
REFUND_NOT_ALLOWED = _("You do not have permission to have this payment refunded.")

logger = logging.getLogger(__name__)


def holds(user: Any, permission: str, row: Payment | Cancellation | None = None) -> bool:
    """Return whether this person, of whatever class, has the permission for this row.

    Without a row: whether in general, which allows nothing with any single one.
    """
    has_perm = getattr(user, "has_perm", None)
    if has_perm is None:
        return False
    if row is None:
        return bool(has_perm(permission))
    if has_perm(permission, row):
        return True
    # Django's own backend says no to every question with an object, so that its answer without
    # one stands, unless another backend says no to this very row.
    return bool(has_perm(permission)) and not _denied(user, permission, row)


def why_refused(user: Any, payment: Payment, *, permitted: bool) -> str:
    """Return why this person may not have this payment cancelled; "" when nothing is against it.

    `permitted` is what the edge's own rules say. MAY_CANCEL is asked after them, by whoever acts
    for a person: neither by the services nor by the worker.
    """
    if not permitted:
        return str(NOT_ALLOWED)
    return _veto(user, payment) if settings.MAY_CANCEL is not None else ""


def may_refund(user: Any, payment: Payment | None = None) -> bool:
    """Return whether this person's wish may say "or refund"; without a payment: in general.

    It takes both permissions, so that no buyer may, whatever CUSTOMERS_MAY_CANCEL says.
    """
    return bool(settings.REFUNDS) and holds(user, CANCEL, payment) and holds(user, REFUND, payment)


def _denied(user: Any, permission: str, row: Payment | Cancellation) -> bool:
    """Return whether a backend that has an answer for single rows says no to this one.

    That is one that raises PermissionDenied, or says yes in general and no to this row.
    """
    if account(user) is None:
        return True  # of another class: no backend knows it, and it has said no to the row itself
    for backend in auth.get_backends():
        if not hasattr(backend, "has_perm") or _knows_no_rows(backend):
            continue
        try:
            if not backend.has_perm(user, permission, row) and backend.has_perm(user, permission):
                return True
        except PermissionDenied:
            return True
    return False


def _knows_no_rows(backend: Any) -> bool:
    """Return whether this is Django's own backend, or one that answers in its way."""
    answering = ("has_perm", "get_all_permissions")
    return isinstance(backend, ModelBackend) and all(
        getattr(type(backend), name) is getattr(ModelBackend, name) for name in answering
    )


def _veto(user: Any, payment: Payment) -> str:
    """Return what the shop's own function has against it: what is not a clear yes is a no."""
    try:
        answer = import_string(settings.MAY_CANCEL)(user, payment)
    except Exception:  # the shop's own code, once per payment
        logger.exception("MAY_CANCEL failed for payment %s, which is refused.", payment.pk)
        return str(NOT_ALLOWED)
    if answer is True:
        return ""
    if isinstance(answer, (str, Promise)) and str(answer).strip():
        return str(answer)
    logger.error(
        "MAY_CANCEL gave neither True nor a sentence for payment %s, which is refused: a %s.",
        payment.pk,
        type(answer).__name__,
    )
    return str(NOT_ALLOWED)
