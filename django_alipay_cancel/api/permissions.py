"""Who may see and cancel which payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.utils.translation import gettext
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services.actor import account
from django_alipay_cancel.services.permitting import (
    CANCEL,
    NOT_ALLOWED,
    REFUND,
    REFUND_NOT_ALLOWED,
    holds,
    why_refused,
)

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Own(TypedDict):
        is_own: bool

    SeenPayment = WithAnnotations[Payment, _Own]

_VIEW = "django_alipay_cancel.view_payment"


class SignedIn(BasePermission):
    """Anybody whom the project's authentication knows, of whatever class."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(getattr(request.user, "is_authenticated", False))


class Access:
    """The rules of the REST routes. `user` is request.user, an instance of any class.

    A shop in which "own" means something else overrides `own_payments` and serves
    `routes(ItsAccess())` (django_alipay_cancel.urls).
    """

    def own_payments(self, user: Any) -> Q:
        """Return the condition that a payment is this person's own.

        It must not join a table with several rows per payment: use `Q(pk__in=...)` for that.
        """
        person = account(user)
        return Q(customer=person) if person else Q(pk__in=[])

    def payments(self, user: Any) -> QuerySet[SeenPayment]:
        """Return all payments, each with `is_own`, which the questions below need."""
        own = ExpressionWrapper(self.own_payments(user), output_field=BooleanField())
        payments: QuerySet[SeenPayment] = Payment.objects.annotate(is_own=own)
        return payments

    def listed_payments(self, user: Any) -> QuerySet[SeenPayment]:
        """Return the payments in this person's list: all with view_payment, else the own ones."""
        payments = self.payments(user)
        return payments if self.may_view_all(user) else payments.filter(self.own_payments(user))

    def may_view_all(self, user: Any) -> bool:
        """Return whether this person may see every payment there is."""
        return holds(user, _VIEW)

    def may_view(self, user: Any, payment: SeenPayment) -> bool:
        """Return whether this person may see the payment and its cancellations."""
        return bool(payment.is_own) or self.acts_for_shop(user, payment)

    def acts_for_shop(self, user: Any, payment: Payment) -> bool:
        """Whoever may cancel a payment for the shop may also see what became of that."""
        return holds(user, _VIEW, payment) or self.may_operate(user, payment)

    def may_read_reason(self, user: Any, cancellation: Cancellation) -> bool:
        """Return whether this person may read who asked for a cancellation, and why.

        What the shop's staff wrote of a buyer is not for the buyer.
        """
        asked = account(user) and user.pk == cancellation.requested_by_id
        return bool(asked) or self.acts_for_shop(user, cancellation.payment)

    def may_cancel(self, user: Any, payment: SeenPayment) -> bool:
        """Return whether this person may have the payment cancelled."""
        customer_may = bool(settings.CUSTOMERS_MAY_CANCEL and payment.is_own)
        return customer_may or self.may_operate(user, payment)

    def may_operate(self, user: Any, payment: Payment) -> bool:
        """Return whether this person may also ask again and check the payment at Alipay."""
        return holds(user, CANCEL, payment)

    def why_not_cancel(self, user: Any, payment: SeenPayment) -> str:
        """Return why this person is refused to have the payment cancelled; "" when not."""
        return why_refused(user, payment, permitted=self.may_cancel(user, payment))

    def why_not_refund(self, user: Any, payment: Payment) -> str:
        """Return why this person's wish may not say "or refund"; "" when it may."""
        if not settings.REFUNDS:
            return gettext("Refunds are off: ALIPAY_CANCEL['REFUNDS'] is not True.")
        allowed = holds(user, CANCEL, payment) and holds(user, REFUND, payment)
        return "" if allowed else str(REFUND_NOT_ALLOWED)

    def why_not_check(self, user: Any, payment: SeenPayment) -> str:
        """Return why this person is refused to have Alipay asked of the payment; "" when not."""
        return "" if self.may_operate(user, payment) else str(NOT_ALLOWED)

    def why_not_ask_again(self, user: Any, payment: SeenPayment) -> str:
        """Return why this person is refused to ask again for the cancellation; "" when not."""
        return why_refused(user, payment, permitted=self.may_operate(user, payment))
