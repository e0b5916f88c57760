"""Who sees which page and may do what there."""

from __future__ import annotations

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import path

from django_alipay_cancel import services
from django_alipay_cancel.admin import CancellationAdmin, PaymentAdmin
from django_alipay_cancel.models import Cancellation, Payment
from tests.admin.conftest import ADMIN, cancel, confirmation_of, page_of, route, text, told

pytestmark = pytest.mark.django_db


def deeds(cancellation):
    """Every address at which something can be done."""
    payment = cancellation.payment
    return [
        confirmation_of(payment),
        route(payment, "refresh"),
        route(cancellation, "retry"),
        route(cancellation, "close"),
    ]


def offers(client, row):
    """What a page offers to do."""
    page = text(client.get(page_of(row)))
    labels = ("Cancel payment</a>", "Check now", "Ask again", "Close by hand")
    return [label.partition("<")[0] for label in labels if label in page]


def test_nobody_adds_changes_or_deletes_not_even_a_superuser(in_review, operator):
    cancellation = in_review()
    for row in (cancellation, cancellation.payment):
        model = f"{ADMIN}{row._meta.model_name}/"
        assert operator.post(f"{model}add/").status_code == 403
        assert operator.post(route(row, "delete"), {"post": "yes"}).status_code == 403
        assert operator.post(page_of(row), {"status": "CANCELLED"}).status_code == 405
        operator.post(
            model, {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
        )
        assert "delete_selected" not in text(operator.get(model))
    assert (Payment.objects.get().status, Cancellation.objects.count()) == ("CANCELLING", 1)


def test_one_who_may_only_look_is_refused_everything_else(gateway, in_review, pay, viewer):
    cancellation = in_review()
    payment = pay("paid")
    calls = len(gateway.calls)
    for address in (*deeds(cancellation), confirmation_of(payment)):
        assert viewer.get(address).status_code == 403, address
        assert viewer.post(address, {"reason": ""}).status_code == 403, address
    viewer.post(f"{ADMIN}payment/", {"action": "cancel_selected", "_selected_action": payment.pk})
    assert "cancel_selected" not in text(viewer.get(f"{ADMIN}payment/"))
    assert offers(viewer, payment) == offers(viewer, cancellation) == []
    assert "You do not have permission to cancel this payment." in text(
        viewer.get(page_of(payment))
    )
    assert len(gateway.calls) == calls
    assert Payment.objects.get(pk=payment.pk).status == "SUCCESS"


def test_each_permission_offers_what_it_allows(in_review, pay, clerk, staff, operator):
    cancellation = in_review()
    paid = pay("paid")
    closer = staff("closer", "close_cancellation")
    assert offers(clerk, paid) == ["Cancel payment", "Check now"]
    assert offers(clerk, cancellation.payment) == ["Check now", "Ask again"]
    assert offers(clerk, cancellation) == ["Check now", "Ask again"]
    assert offers(closer, cancellation.payment) == offers(closer, cancellation) == ["Close by hand"]
    assert offers(operator, cancellation) == ["Check now", "Ask again", "Close by hand"]
    assert clerk.get(route(cancellation, "close")).status_code == 403
    assert closer.post(route(cancellation, "retry")).status_code == 403


def test_one_without_any_of_the_permissions_sees_nothing(in_review, staff):
    cancellation = in_review()
    stranger = staff("stranger", "view_user")
    for address in (
        f"{ADMIN}payment/",
        f"{ADMIN}cancellation/",
        page_of(cancellation),
        page_of(cancellation.payment),
        *deeds(cancellation),
    ):
        assert stranger.get(address).status_code == 403, address


def test_one_who_sees_payments_only_gets_no_link_to_the_cancellation(in_review, staff):
    cancellation = in_review()
    accountant = staff("accountant", "view_payment")
    page = text(accountant.get(page_of(cancellation.payment)))
    assert "needs review" in page
    assert page_of(cancellation) not in page
    assert accountant.get(page_of(cancellation)).status_code == 403


def test_an_expired_sign_in_keeps_selection_and_reason(gateway, pay):
    address = confirmation_of(pay("a"), pay("b"))
    response = Client().post(address, {"reason": 'ordered "twice"'})
    get_user_model().objects.create_superuser("operator", password="operator")
    credentials = {"username": "operator", "password": "operator"}
    browser = Client()
    response = browser.post(response["Location"], credentials)
    assert response["Location"].startswith(address)
    page = browser.get(response["Location"]).content.decode()
    assert 'value="ordered &quot;twice&quot;"' in page
    assert "Yes, cancel 2 payments" in page
    assert not gateway.calls


def test_the_buyer_is_no_staff(gateway, pay):
    buyer = Client()
    buyer.force_login(get_user_model().objects.create_user("buyer"))
    payment = pay(customer=get_user_model().objects.get())
    assert "/login/" in cancel(buyer, payment)["Location"]
    assert not gateway.calls


class ByReference:
    """An authentication backend with object permissions: what the payment is called decides."""

    def authenticate(self, request, **credentials):
        return None

    def has_perm(self, user, permission, obj=None):
        action = permission.split(".")[1]
        return isinstance(obj, Payment) and obj.reference == f"{user} {action}"


def test_permissions_for_single_payments_are_asked_for(settings, gateway, pay, staff):
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        f"{__name__}.{ByReference.__name__}",
    ]
    hers, other = pay("ann cancel_payment"), pay("other")
    client = staff("ann", "view_payment")
    assert offers(client, hers) == ["Cancel payment", "Check now"]
    assert offers(client, other) == []
    assert client.post(route(other, "refresh")).status_code == 403
    assert cancel(client, other).status_code == 403
    page = text(client.get(confirmation_of(hers, other)))
    assert "You do not have permission to cancel this payment." in page
    assert "Yes, cancel the payment" in page
    messages = told(cancel(client, hers, other))
    assert sorted(level for level, _ in messages) == ["error", "success"]
    assert Payment.objects.get(pk=hers.pk).status == "CANCELLED"
    assert Payment.objects.get(pk=other.pk).status == "SUCCESS"


class OneShopOnly(PaymentAdmin):
    def get_queryset(self, request):
        return super().get_queryset(request).filter(reference__startswith="ours")


shop_site = AdminSite(name="shop")
shop_site.register(Payment, OneShopOnly)
shop_site.register(Cancellation, CancellationAdmin)
urlpatterns = [path("admin/", shop_site.urls)]


def test_what_get_queryset_leaves_out_is_out_of_reach(settings, gateway, pay, in_review, operator):
    settings.ROOT_URLCONF = __name__
    cancellation = in_review("theirs-in-review")
    theirs, ours = pay("theirs"), pay("ours")
    services.cancel_payment(pay("ours-too"))
    calls = len(gateway.calls)
    for address in (page_of(theirs), page_of(cancellation), *deeds(cancellation)[1:]):
        assert operator.get(address).status_code == 404, address
        assert operator.post(address, {}).status_code in (404, 405), address
    for model in ("payment", "cancellation"):
        page = text(operator.get(f"{ADMIN}{model}/"))
        assert ">ours-too<" in page
        assert "theirs" not in page
    assert "theirs" not in text(operator.get(confirmation_of(theirs, ours)))
    cancel(operator, theirs, ours)
    assert len(gateway.calls) == calls + 1
    assert Payment.objects.get(pk=theirs.pk).status == "SUCCESS"
    assert Payment.objects.get(pk=ours.pk).status == "CANCELLED"
