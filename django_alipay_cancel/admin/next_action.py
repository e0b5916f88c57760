"""Which one thing a payment's page puts first: what the next step asks for."""

from __future__ import annotations

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.outcomes import advice, is_overtaken

CANCEL, CANCEL_AGAIN, CHECK, REFUND = "cancel", "cancel_again", "check", "refund"

_FIRST = {
    NextStep.REFUND: REFUND,
    NextStep.TOP_UP_BALANCE: CANCEL_AGAIN,
    NextStep.CHECK_PAYMENT_ID: CHECK,
    NextStep.CHECK_CLIENT_ID: CHECK,
    NextStep.CHECK_ORDER_STATUS: CHECK,
    NextStep.CHECK_REFUNDS: CHECK,
}
_MET = (Cancellation.Status.SUCCEEDED, Cancellation.Status.REFUNDED)


def first_act(newest: Cancellation | None) -> str:
    """Return the act that stands first and in colour; "" when none of ours is asked for."""
    if newest is None or newest.status in _MET or is_overtaken(newest):
        return CANCEL
    return _FIRST.get(advice(newest), "")
