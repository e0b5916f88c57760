"""The REST routes: permission, a service, an answer.

`prefix` is what the shop captures in the address before ours: a shop, a version.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.urls import reverse
from django.utils import timezone
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from django_alipay_cancel import services
from django_alipay_cancel.api.asked import (
    NoBodySerializer,
    PageQuerySerializer,
    PaymentQuerySerializer,
    WishSerializer,
    validated,
)
from django_alipay_cancel.api.base import AlipayView, cancellations, database
from django_alipay_cancel.api.serializers import (
    CancellationDetailSerializer,
    CancellationSerializer,
    PaymentDetailSerializer,
    PaymentSerializer,
)
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.permitting import CANCEL, holds

if TYPE_CHECKING:
    from django_alipay_cancel.api.permissions import SeenPayment

_FILTERS = ("status", "merchant", "payment_request_id", "payment_id", "reference")
# After each rejection another one may be asked for, without end: the rest is on pages.
SHOWN_WITH_PAYMENT = 50
_OVER = (Payment.Status.CANCELLED, Payment.Status.FAIL, Payment.Status.REFUNDED)
# For so long nobody but the shop's staff makes us call Alipay again about what it has answered.
FLOOR = timedelta(seconds=300)


class PaymentList(AlipayView):
    def get(self, request: Request, **prefix: Any) -> Response:
        query = validated(PaymentQuerySerializer, self.query())
        filters = {name: value for name, value in query.items() if name in _FILTERS}
        # For MySQL and MariaDB "A" and "A " are equal; the lengths are not.
        lengths = [Exact(Length(name), len(value)) for name, value in filters.items()]
        payments = self.access.listed_payments(request.user).filter(*lengths, **filters)
        return self.page(payments, PaymentSerializer)


class PaymentView(AlipayView):
    """Answers with one payment as it is stored now, its cancellations included."""

    def respond(self, payment_id: str) -> Response:
        payment: Any = self.find_payment(payment_id)
        newest_first = cancellations().filter(payment=payment).order_by("-created_at", "-id")
        # Django cannot prefetch a slice for one row.
        payment._prefetched_objects_cache = {"cancellations": newest_first[:SHOWN_WITH_PAYMENT]}
        return Response(PaymentDetailSerializer(payment, context=self.context()).data)


class PaymentDetail(PaymentView):
    def get(self, request: Request, payment_id: str, **prefix: Any) -> Response:
        return self.respond(payment_id)


class PaymentRefresh(PaymentView):
    def post(self, request: Request, payment_id: str, **prefix: Any) -> Response:
        payment = self.find_payment(payment_id)
        self.refuse_if(self.access.why_not_check(request.user, payment))
        validated(NoBodySerializer, request.data)
        if holds(request.user, CANCEL, payment) or not _asked_lately(payment):
            services.refresh_payment(payment, requested_by=request.user)
        return self.respond(payment_id)


class CancellationView(AlipayView):
    """Answers with one cancellation, and says when to look at it again."""

    def respond(self, cancellation: Cancellation) -> Response:
        shown = CancellationDetailSerializer(cancellation, context=self.context())
        response = Response(shown.data)
        if cancellation.status == Cancellation.Status.PENDING:
            response["Retry-After"] = str(_seconds_to_wait(cancellation))
        return response

    def respond_to_wish(self, cancellation: Cancellation, finished: int) -> Response:
        # Read again: what the service holds says nothing of the attempts, and may have been
        # finished by somebody else meanwhile.
        shown = cancellations().get(pk=cancellation.pk)
        response = self.respond(shown)
        response.status_code = status.HTTP_202_ACCEPTED if shown.is_open else finished
        if response.status_code != status.HTTP_200_OK:
            response["Location"] = self._address(shown)
        return response

    def _address(self, cancellation: Cancellation) -> str:
        # The shop chooses prefix and namespace; this request came through them.
        match = self.request._request.resolver_match
        namespaces = match.namespaces if match else []
        arguments = {**(match.kwargs if match else {}), "cancellation_id": cancellation.pk}
        arguments.pop("payment_id", None)
        return reverse(":".join([*namespaces, "cancellation"]), kwargs=arguments)


class CancellationDetail(CancellationView):
    def get(self, request: Request, cancellation_id: str, **prefix: Any) -> Response:
        cancellation, _payment = self.find_cancellation(cancellation_id)
        return self.respond(cancellation)


class CancellationRetry(CancellationView):
    def post(self, request: Request, cancellation_id: str, **prefix: Any) -> Response:
        cancellation, payment = self.find_cancellation(cancellation_id)
        self.refuse_if(self.access.why_not_ask_again(request.user, payment))
        validated(NoBodySerializer, request.data)
        services.retry_cancellation(cancellation, requested_by=request.user)
        return self.respond_to_wish(cancellation, finished=status.HTTP_200_OK)


class PaymentCancellations(CancellationView):
    def get(self, request: Request, payment_id: str, **prefix: Any) -> Response:
        payment = self.find_payment(payment_id)
        validated(PageQuerySerializer, self.query())
        return self.page(cancellations().filter(payment=payment), CancellationSerializer)

    def post(self, request: Request, payment_id: str, **prefix: Any) -> Response:
        payment = self.find_payment(payment_id)
        self.refuse_if(self.access.why_not_cancel(request.user, payment))
        wish = validated(WishSerializer, request.data)
        if wish.get("or_refund"):
            self.refuse_if(self.access.why_not_refund(request.user, payment))
        # Read above: after the request came, and before anything was done for it. A payment that
        # somebody else cancels from here on was not cancelled yet when this request came.
        was_over = payment.status in _OVER
        stands = self._rejection_that_stands(payment)
        if stands is not None:
            return self.respond_to_wish(stands, finished=status.HTTP_200_OK)
        cancellation = services.cancel_payment(
            payment, requested_by=request.user, source=Cancellation.Source.API, **wish
        )
        finished = status.HTTP_200_OK if was_over else status.HTTP_201_CREATED
        return self.respond_to_wish(cancellation, finished)

    def _rejection_that_stands(self, payment: SeenPayment) -> Cancellation | None:
        """Return the rejection that answers a buyer's wish: Alipay has just been asked."""
        if holds(self.request.user, CANCEL, payment):
            return None
        newest = cancellations().filter(payment=payment).order_by("-created_at", "-id").first()
        if newest is None or newest.status != Cancellation.Status.REJECTED:
            return None
        assert newest.finished_at is not None  # as the database demands of a rejected one
        return newest if newest.finished_at > timezone.now() - FLOOR else None


def _asked_lately(payment: Payment) -> bool:
    attempts = CancellationAttempt.objects.using(database())
    inquiries = attempts.filter(payment=payment, kind=CancellationAttempt.Kind.INQUIRY)
    return bool(inquiries.filter(sent_at__gt=timezone.now() - FLOOR).exists())


def _seconds_to_wait(cancellation: Cancellation) -> int:
    """Return in how many seconds a pending cancellation is worth another look."""
    if schedule.is_just_claimed(cancellation):
        return 1  # a worker is about to ask; next_attempt_at is its lease
    now = timezone.now()
    opened = CancellationAttempt.Outcome.OPEN
    started = now - timedelta(seconds=sum(settings.TIMEOUT))
    calls = cancellation.attempts.all()
    if any(call.outcome == opened and call.sent_at > started for call in calls):
        return 1  # Alipay is being asked at this moment; next_attempt_at is that call's lease
    due = cancellation.next_attempt_at or now
    return max(1, math.ceil((due - now).total_seconds()))
