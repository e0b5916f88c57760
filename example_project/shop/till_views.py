"""The till: a page for the shop's staff on which one sale is waited for."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from django_alipay_cancel import services
from shop import sentences, till
from shop.models import Order

_PRICE = 1250
_MAY_SELL = "django_alipay_cancel.cancel_payment"


@login_required
@permission_required(_MAY_SELL, raise_exception=True)
@transaction.non_atomic_requests  # the order is committed before Alipay is called
def start(request: HttpRequest) -> HttpResponse:
    """Show the till; a POST starts a sale."""
    if request.method != "POST":
        return render(request, "shop/till.html", {"price": _PRICE})
    order = till.sell(_PRICE, cashier=request.user)
    notify_url = request.build_absolute_uri(reverse("notify"))
    code = till.ask_for_code(order, notify_url)
    request.session[f"code-{order.number}"] = code
    return redirect("till-sale", order.number)


@login_required
@permission_required(_MAY_SELL, raise_exception=True)
@require_GET
def sale(request: HttpRequest, number: str) -> HttpResponse:
    """Show the code, and what is known of the payment."""
    order = _order(number)
    shown = {
        "order": order,
        "code": request.session.get(f"code-{number}", ""),
        "state": _state(order),
    }
    return render(request, "shop/till.html", shown)


@login_required
@permission_required(_MAY_SELL, raise_exception=True)
@require_GET
def state(request: HttpRequest, number: str) -> JsonResponse:
    """Tell the page's script what is known; nobody is asked."""
    return JsonResponse(_state(_order(number)))


@login_required
@permission_required(_MAY_SELL, raise_exception=True)
@require_POST
@transaction.non_atomic_requests  # calls Alipay
def act(request: HttpRequest, number: str, what: str) -> HttpResponse:
    """Ask Alipay, cancel, or act as the buyer; then show the sale again."""
    order = _order(number)
    if what == "ask":
        services.refresh_payment(order.payment, requested_by=request.user)
    elif what == "cancel" and order.may_be_cancelled:
        services.cancel_payment(order.payment, requested_by=request.user, reason="at the till")
    elif what in ("pay", "fail"):
        till.let_the_buyer(order, pay=what == "pay")
    elif what != "cancel":
        return HttpResponseNotFound()
    return redirect("till-sale", number)


def _order(number: str) -> Order:
    order: Order = get_object_or_404(Order.objects.select_related("payment"), number=number)
    return order


def _state(order: Order) -> dict[str, Any]:
    payment = order.payment
    return {
        "payment": payment.status,
        "sentence": sentences.for_the_till(payment),
        "seconds": int((timezone.now() - payment.created_at).total_seconds()),
        "over": payment.status not in ("PROCESSING", "CANCELLING", "REFUNDING"),
        "cancellable": order.may_be_cancelled,
    }
