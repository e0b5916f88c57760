"""Merchant aliases that strangers write into an address."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from django.urls import include, path

from django_alipay_cancel.views import payment_notification
from tests.trust.test_notifications import is_acknowledged, is_refused, message, post

pytestmark = pytest.mark.django_db

urlpatterns = [
    path("notify/<path:merchant>/", payment_notification),
    path("shops/<slug:merchant>/", include([path("notify/", payment_notification)])),
    path("notify-of-nobody/", payment_notification, {"merchant": "nobody"}),
]


@pytest.fixture(autouse=True)
def addresses(settings, gateway):
    settings.ROOT_URLCONF = __name__


@pytest.mark.parametrize(
    "alias", ["nobody", "Default", "default/x", "a\r\nERROR forged", "\u202e", "x" * 2000, "%00"]
)
def test_an_alias_in_the_address_that_is_none_is_404_and_one_line(gateway, pay, caplog, alias):
    caplog.set_level(logging.DEBUG)
    headers, body = message(gateway, pay().payment_id)
    answer = post(headers, body, path=f"/notify/{alias}/")
    assert answer.status_code == 404
    assert is_refused(answer)
    [line] = [r for r in caplog.records if r.name.startswith("django_alipay_cancel")]
    assert line.levelno == logging.INFO
    told = line.getMessage()
    assert told.isascii()
    assert told.isprintable()
    assert len(told) < 200
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]


def test_an_alias_in_the_part_before_an_include_is_one_too(gateway, pay):
    headers, body = message(gateway, pay().payment_id)
    assert post(headers, body, path="/shops/nobody/notify/").status_code == 404
    address = "/shops/default/notify/"
    headers, body = message(gateway, "payment-order-1", path=address)
    assert is_acknowledged(post(headers, body, path=address))


def test_an_alias_in_the_address_that_is_a_merchants_is_heard(gateway, pay):
    address = "/notify/default/"
    headers, body = message(gateway, pay().payment_id, path=address)
    assert is_acknowledged(post(headers, body, path=address))


def test_an_alias_that_the_shop_itself_wrote_and_did_not_configure_is_an_error(
    gateway, pay, caplog
):
    headers, body = message(gateway, pay().payment_id)
    answer = post(headers, body, path="/notify-of-nobody/")
    assert answer.status_code == 503
    assert "has no dictionary for the merchant 'nobody'" in caplog.text


def test_settings_that_are_no_dictionary_are_no_strangers_fault(settings, caplog):
    settings.ALIPAY_CANCEL = {"MERCHANTS": "nonsense"}
    assert Client().post("/notify/default/").status_code == 503
    assert "ALIPAY_CANCEL['MERCHANTS']" in caplog.text
