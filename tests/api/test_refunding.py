"""or_refund over REST: for the shop's staff with both permissions, and never for buyers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_alipay_cancel.models import Payment
from tests.api.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def late(gateway, pay, settings, buyer):
    settings.ALIPAY_CANCEL = {
        **settings.ALIPAY_CANCEL,
        "REFUNDS": True,
        "CUSTOMERS_MAY_CANCEL": True,
    }
    payment = pay(customer=buyer)
    gateway.payment("request-order-1").paid_at = gateway.now - timedelta(days=3)
    return payment


@pytest.fixture
def cashier(person, signed_in):
    names = ("view_payment", "cancel_payment", "refund_payment")
    return signed_in(person("cashier", *names))


def test_what_can_no_longer_be_cancelled_is_refunded(cashier, late):
    assert cashier.get(f"/alipay/payments/{late.pk}/").json()["can_refund"] is True
    first = ask(cashier, late, {"or_refund": True})
    body = first.json()
    told = (first.status_code, body["status"], body["means"], body["refund_value"])
    assert told == (201, "REFUNDED", "refund", 1250)
    assert body["refund_id"] and body["refund_currency"] == "USD"
    again = ask(cashier, late, {"or_refund": True})
    assert (again.status_code, again.json()["id"]) == (200, body["id"])
    shown = cashier.get(f"/alipay/payments/{late.pk}/").json()
    assert (shown["status"], shown["can_refund"]) == ("REFUNDED", False)
    assert shown["refunded_at"]


@pytest.mark.parametrize("who", ["clerk", "buyer"])
def test_without_the_permission_it_is_403_and_nothing_is_written(
    request, who, late, signed_in, buyer, clerk
):
    client = {"clerk": clerk, "buyer": signed_in(buyer)}[who]
    assert client.get(f"/alipay/payments/{late.pk}/").json()["can_refund"] is False
    response = ask(client, late, {"or_refund": True})
    assert response.status_code == 403
    assert not late.cancellations.exists()
    assert ask(client, late, {"or_refund": False}).json()["status"] == "REJECTED"


@pytest.mark.parametrize("wish", ["yes", 1, None, "true", []])
def test_or_refund_is_true_or_false(cashier, late, wish):
    response = ask(cashier, late, {"or_refund": wish})
    assert response.status_code == 400
    assert response.json()["field"] == "or_refund"


def test_switched_off_it_is_403_that_names_the_setting_before_any_row(cashier, late, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": False}
    response = ask(cashier, late, {"or_refund": True})
    assert response.status_code == 403
    assert "ALIPAY_CANCEL['REFUNDS']" in response.json()["message"]
    assert not late.cancellations.exists()
    assert ask(cashier, late, {"or_refund": False}).json()["status"] == "REJECTED"


def test_switched_off_the_fields_of_refunds_are_there_and_say_nothing(cashier, late, pay, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": False}
    ask(cashier, late, {}), ask(cashier, pay("plain"), {})
    for payment in Payment.objects.all():
        shown = cashier.get(f"/alipay/payments/{payment.pk}/").json()
        assert (shown["can_refund"], shown["refunded_at"]) == (False, None)
        (cancellation,) = shown["cancellations"]
        fields = ("or_refund", "means", "refund_id", "refund_value", "refund_currency")
        assert [cancellation[name] for name in fields] == [False, "cancel", "", None, ""]
        assert {attempt["refund_status"] for attempt in cancellation["attempts"]} == {""}
