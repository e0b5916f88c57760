"""The mail that tells a buyer what became of a cancellation, in the buyer's language.

It runs where the cancellation ends, in a request or in the worker: a shop whose mail server is slow
hands it to its task queue instead.
"""

from __future__ import annotations

from typing import Any

from django.core.mail import send_mail
from django.dispatch import receiver
from django.utils import translation
from django.utils.translation import gettext as _

from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import buyer_message
from django_alipay_cancel.signals import (
    cancellation_refunded,
    cancellation_rejected,
    cancellation_succeeded,
)
from shop.models import Order


@receiver([cancellation_succeeded, cancellation_refunded, cancellation_rejected])
def tell_buyer(cancellation: Cancellation, payment: Payment, **kwargs: Any) -> None:
    """Send one mail for each end of a cancellation; a buyer without an address gets none.

    A mail that cannot be sent raises: Django logs it, and the order keeps that nobody was told.
    """
    order = Order.objects.select_related("buyer").filter(payment=payment).first()
    # A late answer may end a rejected one once more, and differently: that is news.
    news = f"{cancellation.pk}:{cancellation.status}"
    if order is None or not order.buyer.email or order.told == news:
        return
    with translation.override(order.language):
        subject, text = _mail(order, cancellation)
    send_mail(subject, text, None, [order.buyer.email])
    # Afterwards: who dies in between sends it twice, which harms less than never.
    Order.objects.filter(pk=order.pk).update(told=news)


def _mail(order: Order, cancellation: Cancellation) -> tuple[str, str]:
    about = {
        "number": order.number,
        "amount": order.payment.amount,
        "sentence": buyer_message(cancellation),
    }
    subject = _("Your order %(number)s: about its payment") % about
    text = _(
        "Hello,\n\n"
        "about the payment of %(amount)s for your order %(number)s:\n\n"
        "%(sentence)s\n\n"
        "If you have questions, answer this mail.\n\n"
        "Tea shop\n"
    )
    return subject, text % about
