"""Order: what a buyer bought. The order points at its payment, never the other way round."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_fsm import can_proceed

from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.outcomes import buyer_message


class Order(models.Model):
    """One order with its one payment."""

    class State(models.TextChoices):
        PLACED = "placed", _("placed")
        PAID = "paid", _("paid")
        CANCELLED = "cancelled", _("cancelled")

    number = models.CharField(_("order number"), max_length=32, unique=True)
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("buyer"), related_name="orders"
    )
    total = models.PositiveIntegerField(_("total in cents"))
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.PLACED)
    needs_attention = models.BooleanField(_("needs attention"), default=False)
    # PROTECT: what is known of the buyer's money is not deleted together with an order.
    payment = models.OneToOneField(
        Payment, models.PROTECT, verbose_name=_("payment"), related_name="order"
    )
    placed_at = models.DateTimeField(_("placed at"), auto_now_add=True)
    # As in LANGUAGES: the one in which the buyer placed the order, and is written to.
    language = models.CharField(_("language"), max_length=16, default="en")
    # Of which end of which cancellation the buyer was told; empty: of none.
    told = models.CharField(_("told"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["number"]

    def __str__(self) -> str:
        return self.number

    @property
    def may_be_cancelled(self) -> bool:
        """Whether the payment's status leaves something to cancel; Alipay has the last word."""
        return can_proceed(self.payment.begin_cancellation)

    @property
    def cancellation_outcome(self) -> str:
        """What became of the last wish to cancel, for the buyer; "" without a finished one."""
        newest = max(self.payment.cancellations.all(), key=lambda c: c.created_at, default=None)
        return buyer_message(newest) if newest and not newest.is_open else ""

    @property
    def open_cancellation(self) -> Cancellation | None:
        """The cancellation whose result is awaited, if there is one."""
        return getattr(self.payment, "open_cancellation", None)
