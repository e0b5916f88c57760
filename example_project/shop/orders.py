"""Placing an order: the order and its payment are written together."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import get_language

from django_alipay_cancel import services
from shop.models import Order


@transaction.atomic
def place_order(
    number: str,
    *,
    buyer: User,
    total: int,
    payment_id: str | None = None,
    merchant: str = "default",
    paid_at: datetime | None = None,
    authorized_at: datetime | None = None,
) -> Order:
    """Store an order over `total` US cents and record its payment.

    A shop does this right before it calls Alipay's pay, and `record_payment` once more with the
    same ids and `paid_at` when Alipay's notification of the payment comes.
    """
    payment = services.record_payment(
        merchant=merchant,
        payment_request_id=f"pay-{number}",
        payment_id=payment_id,
        amount_value=total,
        amount_currency="USD",
        reference=number,
        customer=buyer,
        paid_at=paid_at,
        authorized_at=authorized_at,
    )
    state = Order.State.PAID if paid_at else Order.State.PLACED
    return Order.objects.create(
        number=number,
        buyer=buyer,
        total=total,
        payment=payment,
        state=state,
        language=get_language() or settings.LANGUAGE_CODE,
    )
