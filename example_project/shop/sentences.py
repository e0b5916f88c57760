"""What the buyer reads about a cancellation; the app's own sentences are for the shop's staff."""

from __future__ import annotations

from django.utils.translation import gettext as _


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
        "SUCCEEDED": _("The payment is cancelled. Money you have paid comes back to you in full."),
        "REJECTED": _("The payment could not be cancelled. Please contact us."),
        "REFUND": _(
            "This payment can no longer be cancelled. Please contact us if you want a refund."
        ),
        "NEEDS_REVIEW": _(
            "The result is not known yet. Please do not pay again. "
            "We clear this up with Alipay and show the result here."
        ),
        "refused": _("That did not work. Reload the page and try again, or contact us."),
        "connection": _(
            "The connection broke. Reload the page to see whether your cancellation has arrived."
        ),
        "cancelled": _("cancelled"),
    }
