"""When a refund is the way now, and the shop's own page for it."""

from __future__ import annotations

import logging

from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import advice

logger = logging.getLogger(__name__)


def is_the_way(cancellation: Cancellation) -> bool:
    """Whether a refund is what this cancellation asks for, and nobody has made one."""
    return advice(cancellation) is NextStep.REFUND


def url_of(cancellation: Cancellation) -> str:
    """Return the shop's page for the refund that this cancellation asks for; "" for none."""
    return refund_url(cancellation.payment) if is_the_way(cancellation) else ""


def note(cancellation: Cancellation) -> str:
    """Return what to say about a refund, with the shop's link; "" where it is not the way."""
    if advice(cancellation) is not NextStep.REFUND:
        return ""
    sentence = gettext(
        "Alipay was asked again and says that the payment is not cancelled: "
        "a refund is the way now."
    )
    url = url_of(cancellation)
    if not url:
        return sentence
    label = gettext("Refund in the shop")
    link: SafeString = format_html(
        '{} <a class="alipay-link" href="{}">{}</a>', sentence, url, label
    )
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
