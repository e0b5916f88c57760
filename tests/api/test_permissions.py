"""Who sees which payment, and who may do what with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.test import APIClient

from django_alipay_cancel import services
from django_alipay_cancel.api.base import AlipayView
from django_alipay_cancel.api.permissions import Access
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from django_alipay_cancel.urls import routes
from tests.api.conftest import UNKNOWN, ask, is_error

pytestmark = pytest.mark.django_db


def listed(client):
    return [row["reference"] for row in client.get("/alipay/payments/").json()["results"]]


def routes_about(payment, cancellation):
    """Every route that names an object, as (method, address)."""
    payments, cancellations = (
        f"/alipay/payments/{payment}/",
        f"/alipay/cancellations/{cancellation}/",
    )
    return [
        ("get", payments),
        ("get", payments + "cancellations/"),
        ("post", payments + "cancellations/"),
        ("post", payments + "refresh/"),
        ("get", cancellations),
        ("post", cancellations + "retry/"),
    ]


def test_a_buyer_sees_own_payments_and_a_clerk_all(pay, buyer, person, signed_in, clerk):
    pay("mine", customer=buyer)
    pay("hers", customer=person("other"))
    pay("nobodys")
    assert listed(signed_in(buyer)) == ["mine"]
    assert sorted(listed(clerk)) == ["hers", "mine", "nobodys"]


def test_what_is_out_of_reach_is_answered_like_what_does_not_exist(
    gateway, pay, buyer, person, signed_in
):
    payment = pay(customer=person("other"))
    cancellation = services.request_cancellation(payment)
    client = signed_in(buyer)
    known = routes_about(payment.pk, cancellation.pk)
    for addresses in zip(known, routes_about(UNKNOWN, UNKNOWN), strict=True):
        answers = [getattr(client, method)(address) for method, address in addresses]
        assert all(is_error(answer, 404, "not_found") for answer in answers), addresses
        assert answers[0].content == answers[1].content
    assert not gateway.calls


def test_what_is_out_of_reach_takes_as_long_as_what_does_not_exist(pay, buyer, person, signed_in):
    payment = pay(customer=person("other"))
    cancellation = services.request_cancellation(payment)
    known = routes_about(payment.pk, cancellation.pk)
    for addresses in zip(known, routes_about(UNKNOWN, UNKNOWN), strict=True):
        client, spent = signed_in(buyer), []
        for method, address in addresses:
            with CaptureQueriesContext(connection) as queries:
                getattr(client, method)(address)
            spent.append(len(queries))
        assert spent[0] == spent[1], addresses


def test_who_asked_and_why_is_for_the_staff_and_whoever_asked(
    settings, gateway, pay, buyer, signed_in, clerk
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CUSTOMERS_MAY_CANCEL": True}
    payment = pay(customer=buyer)
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    told = {"reason": "the buyer looks like a fraud"}
    ask(clerk, payment, told)
    Cancellation.objects.update(finished_at=timezone.now() - timedelta(hours=1))
    asked = ask(signed_in(buyer), payment, {"reason": "ordered twice"})
    mine, staffs = ("ordered twice", "buyer"), (told["reason"], "clerk")
    for client, expected in [(clerk, [mine, staffs]), (signed_in(buyer), [mine, ("", "")])]:
        shown = client.get(f"/alipay/payments/{payment.pk}/").json()["cancellations"]
        listed = client.get(f"/alipay/payments/{payment.pk}/cancellations/").json()["results"]
        for rows in (shown, listed):
            assert [(row["reason"], row["requested_by_name"]) for row in rows] == expected
    assert asked.json()["reason"] == "ordered twice"


def test_a_buyer_may_cancel_an_own_payment_only_where_the_shop_says_so(
    settings, pay, buyer, signed_in
):
    payment = pay(customer=buyer)
    client = signed_in(buyer)
    assert is_error(ask(client, payment), 403, "permission_denied")
    shown = client.get(f"/alipay/payments/{payment.pk}/").json()
    assert shown["can_cancel"] is False
    assert shown["why_not"] == "You do not have permission to cancel this payment."
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CUSTOMERS_MAY_CANCEL": True}
    assert client.get(f"/alipay/payments/{payment.pk}/").json()["can_cancel"] is True
    assert ask(client, payment).status_code == 201


def test_a_buyer_who_may_cancel_may_neither_check_nor_ask_again(
    settings, gateway, pay, buyer, signed_in
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CUSTOMERS_MAY_CANCEL": True}
    payment = pay(customer=buyer)
    client = signed_in(buyer)
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=1, result_code="INVALID_SIGNATURE", signed=False
    )
    in_review = ask(client, payment)
    refresh = client.post(f"/alipay/payments/{payment.pk}/refresh/")
    assert is_error(refresh, 403, "permission_denied")
    assert is_error(client.post(in_review["Location"] + "retry/"), 403, "permission_denied")
    assert Cancellation.objects.get().status == "NEEDS_REVIEW"
    assert len(gateway.calls) == 1


def test_one_who_may_only_look_may_not_cancel(gateway, pay, person, signed_in):
    payment = pay()
    client = signed_in(person("auditor", "view_payment"))
    assert is_error(ask(client, payment), 403, "permission_denied")
    assert client.get("/alipay/payments/").json()["results"][0]["can_cancel"] is False
    assert not Cancellation.objects.exists()


def test_one_who_may_cancel_can_follow_the_cancellation(pay, person, signed_in):
    client = signed_in(person("operator", "cancel_payment"))
    asked = ask(client, pay())
    assert asked.status_code == 201
    assert client.get(asked["Location"]).status_code == 200


class ByReference:
    """An authentication backend with object permissions: what the payment is called decides."""

    def authenticate(self, request, **credentials):
        return None

    def has_perm(self, user, permission, obj=None):
        return isinstance(obj, Payment) and obj.reference == f"{user} {permission.split('.')[1]}"


def test_permissions_are_asked_with_the_payment_too(settings, pay, buyer, signed_in):
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "tests.api.test_permissions.ByReference",
    ]
    client = APIClient()
    client.force_login(buyer, backend="django.contrib.auth.backends.ModelBackend")
    assert ask(client, pay("buyer cancel_payment")).status_code == 201
    assert is_error(ask(client, pay("buyer view_payment")), 403, "permission_denied")
    assert is_error(ask(client, pay("somebody cancel_payment")), 404, "not_found")


class EverybodyUrls:
    class _Access(Access):
        def own_payments(self, user):
            return Q()

    urlpatterns = [path("alipay/", include(routes(_Access())))]


def test_a_shop_decides_in_one_method_what_is_ones_own(settings, pay, buyer, signed_in):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CUSTOMERS_MAY_CANCEL": True}
    settings.ROOT_URLCONF = EverybodyUrls
    client = signed_in(buyer)
    payment = pay("anything")
    assert listed(client) == ["anything"]
    asked = ask(client, payment)
    assert asked.status_code == 201
    assert client.get(asked["Location"]).status_code == 200


def test_a_stranger_is_asked_to_sign_in(monkeypatch, pay):
    payment = pay()
    monkeypatch.setattr(AlipayView, "authentication_classes", [BasicAuthentication])
    for method, address in [("get", "/alipay/payments/"), *routes_about(payment.pk, UNKNOWN)]:
        response = getattr(APIClient(), method)(address)
        assert is_error(response, 401, "not_authenticated"), address
        assert response["WWW-Authenticate"].startswith("Basic")


def test_with_sessions_a_stranger_is_403_and_the_code_tells_why(monkeypatch, pay):
    monkeypatch.setattr(AlipayView, "authentication_classes", [SessionAuthentication])
    assert is_error(ask(APIClient(), pay()), 403, "not_authenticated")


def test_with_sessions_a_request_without_csrf_token_is_refused(gateway, pay, person):
    payment = pay()
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(person("clerk", "cancel_payment"))
    assert is_error(ask(client, payment), 403, "permission_denied")
    assert not gateway.calls


@dataclass(frozen=True)
class Member:
    """Somebody from another table than the user model's."""

    name: str
    allowed: bool = False
    pk: int | None = None
    is_authenticated: bool = True

    def __str__(self):
        return self.name

    def has_perm(self, permission, obj=None):
        return self.allowed


@dataclass(frozen=True)
class Machine:
    """A caller without any of a user's methods."""

    is_authenticated: bool = True


def test_a_member_of_another_table_acts_by_permission_and_leaves_a_name(pay):
    client = APIClient()
    client.force_authenticate(Member("Li Lei", allowed=True, pk=7))
    asked = ask(client, pay())
    assert asked.status_code == 201
    assert asked.json()["requested_by_name"] == "Li Lei"
    assert Cancellation.objects.get().requested_by is None


@pytest.mark.parametrize("caller", [Member("Li Lei"), Machine()], ids=["member", "machine"])
def test_callers_of_another_class_own_nothing(pay, buyer, caller):
    # The same number as the customer's, in another table.
    object.__setattr__(caller, "pk", buyer.pk)
    payment = pay(customer=buyer)
    client = APIClient()
    client.force_authenticate(caller)
    assert listed(client) == []
    for method, address in routes_about(payment.pk, UNKNOWN):
        assert is_error(getattr(client, method)(address), 404, "not_found")
