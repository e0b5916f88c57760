"""What all REST views share: the closed shape, the way to a payment, the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections, router, transaction
from django.db.models import Prefetch, QuerySet
from django.utils.cache import add_never_cache_headers
from rest_framework.exceptions import NotFound, UnsupportedMediaType
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from django_alipay_cancel.api.body import BodyParser
from django_alipay_cancel.api.errors import exception_handler
from django_alipay_cancel.api.pagination import Pages
from django_alipay_cancel.api.permissions import Access, SignedIn
from django_alipay_cancel.api.serializers import CancellationSerializer, PaymentSerializer
from django_alipay_cancel.api.throttling import CancelThrottle
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

if TYPE_CHECKING:
    from django_alipay_cancel.api.permissions import SeenPayment


class AlipayView(APIView):
    """Authentication and further throttles are the project's; everything else is set here."""

    access = Access()
    permission_classes = [SignedIn]
    parser_classes = [BodyParser]
    renderer_classes = [JSONRenderer]
    versioning_class = None
    http_method_names = ["get", "head", "post"]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = super().as_view(**initkwargs)
        # ATOMIC_REQUESTS would roll back the record of a call that happened. It is set for each
        # database, and a router may have put our tables on any of them.
        for alias in connections:
            view = transaction.non_atomic_requests(using=alias)(view)
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # The charset of the Content-Type may name any codec of Python's, "zlib" for instance.
        request._request.encoding = "utf-8"
        # First, since the CSRF check of the authentication reads a form and leaves no body.
        if request.method == "POST" and hasattr(self, "post"):
            _refuse_other_media(request)
        super().initial(request, *args, **kwargs)

    def get_throttles(self) -> list[BaseThrottle]:
        throttles = list(super().get_throttles())
        return [*throttles, CancelThrottle()] if self.request.method == "POST" else throttles

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return exception_handler

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        # Somebody's own payments, and a status that is polled: nothing for a cache.
        add_never_cache_headers(answer)
        return answer

    def find_payment(self, key: UUID | str) -> SeenPayment:
        """Return a payment that this person may see; raises NotFound for any other."""
        payments = self.access.payments(self.request.user).using(database())
        payment = payments.filter(pk=_uuid(key)).first()
        if payment is None or not self.access.may_view(self.request.user, payment):
            raise NotFound
        return payment

    def find_cancellation(self, key: UUID | str) -> tuple[Cancellation, SeenPayment]:
        """Return a cancellation of a payment that this person may see, and the payment."""
        cancellation = cancellations().filter(pk=_uuid(key)).first()
        if cancellation is None:
            raise NotFound
        return cancellation, self.find_payment(cancellation.payment_id)

    def require(self, allowed: bool) -> None:
        """Refuse a person who sees the payment but may not do this with it."""
        if not allowed:
            self.permission_denied(self.request)

    def query(self) -> dict[str, str]:
        """Return the query parameters that are ours to judge, each at its last value."""
        query: dict[str, str] = self.request.query_params.dict()
        query.pop(api_settings.URL_FORMAT_OVERRIDE or "", None)
        return query

    def page(
        self,
        rows: QuerySet[Any],
        serializer_class: type[PaymentSerializer | CancellationSerializer],
    ) -> Response:
        """Return the page of these rows that the request asks for."""
        pages = Pages()
        page = pages.paginate_queryset(rows, self.request, view=self)
        serializer = serializer_class(page, many=True, context=self.context())
        return pages.get_paginated_response(serializer.data)

    def context(self) -> dict[str, Any]:
        """Return what the serializers need to know of the person who asks."""
        user = self.request.user
        return {"may_cancel": lambda payment: self.access.may_cancel(user, payment)}


def database() -> str:
    """Return where single rows are read: a replica may not know yet what was just answered."""
    return router.db_for_write(Payment)


def cancellations() -> QuerySet[Cancellation]:
    """Return all cancellations, with the payment and the attempts that a response shows."""
    attempts = CancellationAttempt.objects.using(database()).order_by("number")
    shown = attempts.defer("request_body", "response_body")
    rows: QuerySet[Cancellation] = Cancellation.objects.using(database())
    return rows.select_related("payment").prefetch_related(Prefetch("attempts", queryset=shown))


def _refuse_other_media(request: Request) -> None:
    has_body = request.META.get("CONTENT_LENGTH") not in (None, "", "0")
    if has_body and request._request.content_type != BodyParser.media_type:
        raise UnsupportedMediaType(request.content_type)


def _uuid(key: UUID | str) -> UUID:
    try:
        return UUID(str(key))
    except ValueError:
        raise NotFound from None
