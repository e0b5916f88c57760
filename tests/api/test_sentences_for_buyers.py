"""Buyers read sentences for buyers: no code, no attempt, nothing of the shop's own affairs."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.alipay.results import ERRORS, RESULT_CODES
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault
from tests.api.conftest import ask, cancellations_of

pytestmark = [pytest.mark.django_db, pytest.mark.once]

OWN_AFFAIRS = re.compile(
    "balance|key|signature|setting|CLIENT_ID|gateway|proxy|ALIPAY_CANCEL|code|余额|密钥|公钥|私钥|签名|设置|结果码",
    re.IGNORECASE,
)


@pytest.fixture(autouse=True)
def buyers_may_cancel(settings, gateway):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CUSTOMERS_MAY_CANCEL": True}


@pytest.fixture
def client_of_buyer(buyer, signed_in):
    return signed_in(buyer)


def all_of(body):
    """The cancellation as every route shows it, from one payment's body."""
    [shown] = body["cancellations"]
    return shown


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("code", [name for name in RESULT_CODES if name != "PAYMENT_IN_PROCESS"])
def test_no_route_tells_a_buyer_what_alipay_answered_the_shop(
    gateway, pay, buyer, client_of_buyer, clerk, code, language
):
    payment = pay(customer=buyer)
    status = RESULT_CODES[code].result_status
    if code != "SUCCESS":
        gateway.misbehave(
            Fault.RESULT, api="cancel", calls=1, result_code=code, result_status=status
        )
    asked = ask(client_of_buyer, payment).json()
    client_of_buyer.credentials(HTTP_ACCEPT_LANGUAGE=language)
    one = client_of_buyer.get(f"/alipay/cancellations/{asked['id']}/").json()
    listed = client_of_buyer.get(cancellations_of(payment)).json()["results"][0]
    within = all_of(client_of_buyer.get(f"/alipay/payments/{payment.pk}/").json())
    for shown in (one, listed, within):
        assert (shown["result_code"], shown["result_message"], shown["error"]) == ("", "", "")
        assert (shown["attempts"], shown.get("why", "")) == ([], "")
        assert shown["next_step"] in ("NONE", "WAIT", "REFUND")
        assert shown["status"] == asked["status"]
        assert not OWN_AFFAIRS.search(shown["message"])
        assert shown["message"] == one["message"]
    assert asked["result_code"] == ""
    staff = clerk.get(f"/alipay/cancellations/{asked['id']}/").json()
    assert staff["attempts"]
    assert staff["message"] != one["message"]


@pytest.mark.parametrize("error", ERRORS)
def test_no_error_of_ours_is_told_to_a_buyer(gateway, pay, buyer, client_of_buyer, error):
    payment = pay(customer=buyer)
    services.request_cancellation(payment)
    Cancellation.objects.update(error=error, result_code="KEY_NOT_FOUND", status="NEEDS_REVIEW")
    shown = client_of_buyer.get(cancellations_of(payment)).json()["results"][0]
    assert (shown["error"], shown["next_step"]) == ("", "WAIT")
    assert "Please do not pay again" in shown["message"]
    assert not OWN_AFFAIRS.search(shown["message"])


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"status": "SUCCESS"}, "All the money goes back the way it came."),
        ({"status": "AUTHORIZED", "authorized_at": timezone.now()}, "that was held is released"),
        ({"status": "PROCESSING"}, "It can no longer be paid."),
    ],
)
def test_a_buyer_reads_what_becomes_of_the_own_money(pay, buyer, client_of_buyer, facts, sentence):
    assert sentence in ask(client_of_buyer, pay(customer=buyer, **facts)).json()["message"]


def test_settings_that_are_wrong_are_no_affair_of_the_buyers(
    settings, pay, buyer, client_of_buyer, clerk
):
    payment = pay(customer=buyer)
    settings.ALIPAY_CANCEL = {"MERCHANTS": {}, "CUSTOMERS_MAY_CANCEL": True}
    told = ask(client_of_buyer, payment).json()
    assert (told["code"], told["next_step"]) == ("configuration", "NONE")
    assert not OWN_AFFAIRS.search(told["message"])
    assert ask(clerk, payment).json()["next_step"] == "FIX_CONFIGURATION"
