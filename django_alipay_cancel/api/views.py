"""The REST routes: permission, a service, an answer."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.db.models.functions import Length
from django.db.models.lookups import Exact
from django.urls import reverse
from django.utils import timezone
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from django_alipay_cancel import services
from django_alipay_cancel.api.base import AlipayView, cancellations
from django_alipay_cancel.api.serializers import (
    CancellationSerializer,
    NoBodySerializer,
    PageQuerySerializer,
    PaymentDetailSerializer,
    PaymentQuerySerializer,
    PaymentSerializer,
    WishSerializer,
    checked,
)
from django_alipay_cancel.conf import settings
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

_FILTERS = ("status", "merchant", "payment_request_id", "payment_id", "reference")
# After each rejection another one may be asked for, without end: the rest is on pages.
SHOWN_WITH_PAYMENT = 50
_OVER = (Payment.Status.CANCELLED, Payment.Status.FAIL)


class PaymentList(AlipayView):
    def get(self, request: Request) -> Response:
        query = checked(PaymentQuerySerializer, self.query())
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
    def get(self, request: Request, payment_id: str) -> Response:
        return self.respond(payment_id)


class PaymentRefresh(PaymentView):
    def post(self, request: Request, payment_id: str) -> Response:
        payment = self.find_payment(payment_id)
        self.require(self.access.may_operate(request.user, payment))
        checked(NoBodySerializer, request.data)
        services.refresh_payment(payment)
        return self.respond(payment_id)


class CancellationView(AlipayView):
    """Answers with one cancellation, and says when to look at it again."""

    def respond(self, cancellation: Cancellation) -> Response:
        response = Response(CancellationSerializer(cancellation, context=self.context()).data)
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
        return reverse(":".join([*namespaces, "cancellation"]), args=[cancellation.pk])


class CancellationDetail(CancellationView):
    def get(self, request: Request, cancellation_id: str) -> Response:
        cancellation, _payment = self.find_cancellation(cancellation_id)
        return self.respond(cancellation)


class CancellationRetry(CancellationView):
    def post(self, request: Request, cancellation_id: str) -> Response:
        cancellation, payment = self.find_cancellation(cancellation_id)
        self.require(self.access.may_operate(request.user, payment))
        checked(NoBodySerializer, request.data)
        services.retry_cancellation(cancellation, requested_by=request.user)
        return self.respond_to_wish(cancellation, finished=status.HTTP_200_OK)


class PaymentCancellations(CancellationView):
    def get(self, request: Request, payment_id: str) -> Response:
        payment = self.find_payment(payment_id)
        checked(PageQuerySerializer, self.query())
        return self.page(cancellations().filter(payment=payment), CancellationSerializer)

    def post(self, request: Request, payment_id: str) -> Response:
        payment = self.find_payment(payment_id)
        self.require(self.access.may_cancel(request.user, payment))
        wish = checked(WishSerializer, request.data)
        # Read above: after the request came, and before anything was done for it. A payment that
        # somebody else cancels from here on was not cancelled yet when this request came.
        was_over = payment.status in _OVER
        cancellation = services.cancel_payment(
            payment, requested_by=request.user, source=Cancellation.Source.API, **wish
        )
        finished = status.HTTP_200_OK if was_over else status.HTTP_201_CREATED
        return self.respond_to_wish(cancellation, finished)


def _seconds_to_wait(cancellation: Cancellation) -> int:
    """Return in how many seconds a pending cancellation is worth another look."""
    now = timezone.now()
    opened = CancellationAttempt.Outcome.OPEN
    started = now - timedelta(seconds=sum(settings.TIMEOUT))
    calls = cancellation.attempts.all()
    if any(call.outcome == opened and call.sent_at > started for call in calls):
        return 1  # Alipay is being asked at this moment; next_attempt_at is that call's lease
    due = cancellation.next_attempt_at or now
    return max(1, math.ceil((due - now).total_seconds()))
