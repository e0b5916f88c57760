"""Buyers who may cancel: how often they can make the shop call Alipay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.checks import run_checks
from django.db.models import F
from django.urls import include, path

from django_alipay_cancel import services
from django_alipay_cancel.api.endpoints import FLOOR
from django_alipay_cancel.api.permissions import Access
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from django_alipay_cancel.testing import Fault
from django_alipay_cancel.urls import routes
from tests.api.conftest import ask, is_error

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(settings, gateway, buyer, signed_in):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CUSTOMERS_MAY_CANCEL": True}
    gateway.misbehave(
        Fault.RESULT, api="cancel", calls=9, result_code="MERCHANT_BALANCE_NOT_ENOUGH"
    )
    return signed_in(buyer)


def let_time_pass():
    for model, name in ((Cancellation, "finished_at"), (CancellationAttempt, "sent_at")):
        model.objects.update(**{name: F(name) - FLOOR - timedelta(seconds=1)})


def test_a_rejection_that_is_new_is_given_to_the_buyer_again_and_nothing_is_sent(
    gateway, pay, buyer, client
):
    payment = pay(customer=buyer)
    first = ask(client, payment)
    calls = len(gateway.calls)
    again = [ask(client, payment, {"reason": "please"}) for _ in range(3)]
    assert first.status_code == 201
    assert {answer.status_code for answer in again} == {200}
    assert {answer.json()["id"] for answer in again} == {first.json()["id"]}
    assert len(gateway.calls) == calls
    assert is_error(ask(client, payment, {"x": 1}), 400, "unknown")


def test_after_300_seconds_the_buyer_starts_a_new_one(gateway, pay, buyer, client):
    payment = pay(customer=buyer)
    first = ask(client, payment)
    let_time_pass()
    second = ask(client, payment)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def test_what_the_staff_asked_for_stands_for_the_buyer_too_and_tells_no_reason(
    gateway, pay, buyer, client, clerk
):
    payment = pay(customer=buyer)
    asked = ask(clerk, payment, {"reason": "looks like a fraud"})
    answer = ask(client, payment)
    assert (answer.status_code, answer.json()["id"]) == (200, asked.json()["id"])
    assert answer.json()["reason"] == ""


def test_staff_and_code_start_a_new_one_at_once(gateway, pay, buyer, client, clerk):
    payment = pay(customer=buyer)
    ids = {ask(each, payment).json()["id"] for each in (client, clerk, clerk)}
    ids.add(str(services.cancel_payment(payment, requested_by=buyer).pk))
    assert len(ids) == 4


def test_only_the_newest_wish_counts(gateway, pay, buyer, client):
    payment = pay(customer=buyer)
    ask(client, payment)
    payment.refresh_from_db()
    newer = services.request_cancellation(payment)
    assert ask(client, payment).json()["id"] == str(newer.pk)


class Open(Access):
    """A shop whose buyers may have Alipay asked."""

    def may_operate(self, user, payment):
        return True


class OpenUrls:
    urlpatterns = [path("alipay/", include((routes(Open()), "django_alipay_cancel")))]


def test_where_buyers_may_refresh_alipay_is_asked_every_300_seconds_at_most(
    settings, gateway, pay, buyer, client, clerk
):
    settings.ROOT_URLCONF = OpenUrls
    address = f"/alipay/payments/{pay(customer=buyer).pk}/refresh/"
    answers = [client.post(address) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[2].json()["checked_status"] == "SUCCESS"
    assert len(gateway.calls) == 1
    clerk.post(address)
    assert len(gateway.calls) == 2
    let_time_pass()
    client.post(address)
    assert len(gateway.calls) == 3


def found():
    return {each.id for each in run_checks(include_deployment_checks=True)}


@pytest.mark.parametrize("rates", [None, {}, {"user": "5/min"}, {"alipay_cancel": None}])
def test_a_shop_whose_buyers_ask_without_limit_is_warned_on_deployment(settings, client, rates):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": rates}
    assert "django_alipay_cancel.W020" in found()
    assert "django_alipay_cancel.W020" not in {each.id for each in run_checks()}
    settings.ALIPAY_CANCEL["CUSTOMERS_MAY_CANCEL"] = False
    assert "django_alipay_cancel.W020" not in found()


def test_a_rate_that_can_be_read_satisfies_the_checks(settings, client):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"alipay_cancel": "10/min"}}
    assert not found() & {"django_alipay_cancel.W020", "django_alipay_cancel.E020"}


BAD_RATES = ["fast", "10", "/min", "10/", "ten/min", "10/x", 10, 1.5, ["10/min"], True]


@pytest.mark.parametrize("rate", BAD_RATES, ids=str)
def test_a_rate_that_cannot_be_read_is_an_error_of_check_and_no_defect(
    settings, gateway, pay, buyer, client, caplog, rate
):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"alipay_cancel": rate}}
    assert "django_alipay_cancel.E020" in found()
    assert is_error(ask(client, pay(customer=buyer)), 503, "configuration")
    assert "DEFAULT_THROTTLE_RATES" in caplog.text
    assert not gateway.calls


def test_rates_that_are_no_dictionary_are_an_error_of_check(settings, pay, buyer, client):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": "10/min"}
    assert "django_alipay_cancel.E020" in found()
    assert is_error(ask(client, pay(customer=buyer)), 503, "configuration")
