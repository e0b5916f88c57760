"""When a refund is the way now, and the shop's own page for it."""

from __future__ import annotations

import logging

from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_alipay_cancel import services
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, Payment

logger = logging.getLogger(__name__)


def asks_for_refund(cancellation: Cancellation) -> bool:
    """Whether this cancellation ended with the advice to refund."""
    rejected = cancellation.status == Cancellation.Status.REJECTED
    return rejected and cancellation.next_step == NextStep.REFUND


def is_checked(cancellation: Cancellation, payment: Payment) -> bool:
    """Whether Alipay has said since that the payment is paid: a cancelled one is not refunded."""
    return (
        payment.status == Payment.Status.SUCCESS
        and payment.checked_status == "SUCCESS"
        and payment.checked_at is not None
        and cancellation.finished_at is not None
        and payment.checked_at >= cancellation.finished_at
    )


def check(cancellation: Cancellation, payment: Payment) -> None:
    """Ask Alipay once more before anybody is told to refund; both are up to date afterwards."""
    services.refresh_payment(payment)
    cancellation.refresh_from_db()
    cancellation.payment = payment


def note(cancellation: Cancellation, payment: Payment) -> str:
    """Return what to say about a refund, with the shop's link; "" where it is not the way."""
    if not asks_for_refund(cancellation) or payment.status != Payment.Status.SUCCESS:
        return ""
    if not is_checked(cancellation, payment):
        return gettext("Check the payment at Alipay before you refund it.")
    sentence = gettext(
        "Alipay was asked again and says that the payment is not cancelled: "
        "a refund is the way now."
    )
    url = refund_url(payment)
    if not url:
        return sentence
    label = gettext("Refund in the shop")
    link: SafeString = format_html('{} <a href="{}">{}</a>', sentence, url, label)
    return link


def refund_url(payment: Payment) -> str:
    """Return where the shop refunds this payment, by REFUND_URL; "" without one.

    An error in the shop's function is logged: it must not keep people from this page.
    """
    if settings.REFUND_URL is None:
        return ""
    try:
        url = import_string(settings.REFUND_URL)(payment)
    except Exception:  # the shop's own code, once per payment shown
        logger.exception("REFUND_URL failed for payment %s.", payment.pk)
        return ""
    if not url:
        return ""
    if not str(url).startswith(("/", "https://", "http://")):
        logger.error("REFUND_URL gave no address for payment %s: %.200r.", payment.pk, url)
        return ""
    return str(url)
