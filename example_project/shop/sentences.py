"""What buyers read while a cancellation is under way, and cashiers about a sale."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_alipay_cancel.models import Payment


def for_buyer() -> dict[str, str]:
    """Return the sentences of the orders page by name, in the active language."""
    return {
        "sending": _("We are asking Alipay to cancel the payment…"),
        "waiting": _(
            "Alipay has not told the result yet. Please do not pay again. We keep asking…"
        ),
        "later": _(
            "The result is not known yet. Please do not pay again. You do not have to wait: "
            "we keep asking Alipay and show the result here."
        ),
        "refused": _("That did not work. Reload the page and try again, or contact us."),
        "connection": _(
            "The connection broke. Reload the page to see whether your cancellation has arrived."
        ),
        "cancelled": _("cancelled"),
    }


def for_the_till(payment: Payment) -> str:
    """Return what the cashier has to do now, in the active language."""
    return {
        "PROCESSING": _("No result yet. Do not hand over the goods, and do not take cash."),
        "AUTHORIZED": _("The buyer's money is held. Hand over the goods."),
        "SUCCESS": _("Paid. Hand over the goods."),
        "FAIL": _("Not paid. The buyer can pay anew: start a new sale."),
        "CANCELLING": _(
            "Being cancelled, the result is not known yet. Do not let the buyer pay again."
        ),
        "CANCELLED": _("Cancelled: no money is kept. The buyer can pay anew: start a new sale."),
        "REFUNDING": _(
            "Being refunded, the result is not known yet. Do not let the buyer pay again."
        ),
        "REFUNDED": _("Refunded: no money is kept. The buyer can pay anew: start a new sale."),
    }[payment.status]
