"""What all REST views share: the closed shape, the way to a payment, the pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections, router, transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import translation
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.versioning import QueryParameterVersioning
from rest_framework.views import APIView

from django_alipay_cancel.api.body import BodyParser, refuse_other_bodies
from django_alipay_cancel.api.errors import exception_handler
from django_alipay_cancel.api.pagination import Pages
from django_alipay_cancel.api.permissions import Access, SignedIn
from django_alipay_cancel.api.serializers import CancellationSerializer, PaymentSerializer
from django_alipay_cancel.api.throttling import CancelThrottle
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.permitting import may_refund

if TYPE_CHECKING:
    from django_alipay_cancel.api.permissions import SeenPayment


class JsonOnly(DefaultContentNegotiation):
    """By the header Accept alone: DRF's `?format=` would answer an unknown format with 404."""

    # The stubs want all of DRF's settings; this class reads the one.
    settings = SimpleNamespace(URL_FORMAT_OVERRIDE=None)  # type: ignore[assignment]


class AlipayView(APIView):
    """Authentication and further throttles are the project's; everything else is set here."""

    access = Access()
    # Whether who asks is one of the shop's staff, as soon as it is known about which payment.
    for_staff = False
    permission_classes = [SignedIn]
    parser_classes = [BodyParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = JsonOnly
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

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if hasattr(request, "LANGUAGE_CODE"):  # the project's LocaleMiddleware has chosen
            return super().dispatch(request, *args, **kwargs)
        with translation.override(translation.get_language_from_request(request)):
            response = super().dispatch(request, *args, **kwargs)
            response.headers.setdefault("Content-Language", translation.get_language() or "")
        patch_vary_headers(response, ["Accept-Language"])
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # The charset of the Content-Type may name any codec of Python's, "zlib" for instance.
        request._request.encoding = "utf-8"
        # First, since the CSRF check of the authentication reads a form and leaves no body.
        if request.method == "POST" and hasattr(self, "post"):
            refuse_other_bodies(request._request)
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
        return self._find(pk=_uuid(key))

    def find_cancellation(self, key: UUID | str) -> tuple[Cancellation, SeenPayment]:
        """Return a cancellation of a payment that this person may see, and the payment."""
        payment = self._find(cancellations__pk=_uuid(key))
        return cancellations().get(pk=key), payment

    def _find(self, **keys: UUID) -> SeenPayment:
        user = self.request.user
        # Before it is known whether there is one: what is out of reach takes as many queries as
        # what does not exist.
        self.access.may_view_all(user)
        payment = self.access.payments(user).using(database()).filter(**keys).first()
        if payment is None or not self.access.may_view(user, payment):
            raise NotFound
        self.for_staff = self.access.acts_for_shop(user, payment)
        return payment

    def refuse_if(self, why: str) -> None:
        """Refuse a person who sees the payment but may not do this with it; "" refuses nobody."""
        if why:
            self.permission_denied(self.request, message=why)

    def query(self) -> dict[str, str]:
        """Return the query parameters; one that is given twice raises ValidationError.

        That of the project's versioning is left out: the routes have one version.
        """
        given = self.request.query_params
        for name, values in given.lists():
            if len(values) > 1:
                raise ValidationError({name: [_("This name is given twice.")]}, code="repeated")
        query: dict[str, str] = given.dict()
        versioning = api_settings.DEFAULT_VERSIONING_CLASS
        if isinstance(versioning, type) and issubclass(versioning, QueryParameterVersioning):
            query.pop(versioning.version_param, None)
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
        return {
            # Asked twice of each payment that is shown; the shop's own function is in it.
            "why_not_cancel": cache(lambda payment: self.access.why_not_cancel(user, payment)),
            "may_refund": cache(lambda payment: may_refund(user, payment)),
            "may_operate": lambda payment: self.access.may_operate(user, payment),
            "acts_for_shop": lambda payment: self.access.acts_for_shop(user, payment),
            "may_read_reason": lambda row: self.access.may_read_reason(user, row),
        }


def database() -> str:
    """Return where single rows are read: a replica may not know yet what was just answered."""
    return router.db_for_write(Payment)


def cancellations() -> QuerySet[Cancellation]:
    """Return all cancellations, with the payment and the attempts that a response shows."""
    attempts = CancellationAttempt.objects.using(database()).order_by("number")
    shown = attempts.defer("request_body", "response_body")
    rows: QuerySet[Cancellation] = Cancellation.objects.using(database())
    return rows.select_related("payment").prefetch_related(Prefetch("attempts", queryset=shown))


def _uuid(key: UUID | str) -> UUID:
    try:
        return UUID(str(key))
    except ValueError:
        raise NotFound from None
