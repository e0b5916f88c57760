"""Who may do what in the admin; looking comes with every permission to act."""

from __future__ import annotations

from typing import Any

from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.permitting import CANCEL, holds

_CLOSE = "django_alipay_cancel.close_cancellation"
_VIEW = "django_alipay_cancel.view_cancellation"
_VIEW_ATTEMPTS = "django_alipay_cancel.view_cancellationattempt"


def may_cancel(user: Any, payment: Payment | None = None) -> bool:
    """Whether this person may cancel the payment, check it at Alipay and ask again.

    Without a payment: whether in general, so that lists offer it; each payment is asked for again.
    """
    return holds(user, CANCEL, payment)


def may_close(user: Any, cancellation: Cancellation | None = None) -> bool:
    """Whether this person may close the cancellation by hand; without one: in general."""
    return holds(user, _CLOSE, cancellation)


def may_view(user: Any, cancellation: Cancellation | None = None) -> bool:
    """Whether this person may open the cancellation's page; without one: the list."""
    payment = cancellation.payment if cancellation else None
    return (
        holds(user, _VIEW, cancellation)
        or may_cancel(user, payment)
        or may_close(user, cancellation)
    )


def may_see_bodies(user: Any) -> bool:
    """Whether this person may read what was sent and answered, word for word."""
    return holds(user, _VIEW_ATTEMPTS)
