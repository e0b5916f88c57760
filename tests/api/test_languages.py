"""Every refusal is told in Chinese to who asks in Chinese; names, ids and codes stay."""

from __future__ import annotations

import re

import pytest
from django.utils.translation import override
from rest_framework.test import APIClient

from tests.api.conftest import UNKNOWN, ask, cancellations_of
from tests.api.test_bad_input import BODIES
from tests.api.test_cancelling import fail_with

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-hans"}
_ENGLISH = re.compile(r"[A-Za-z]+ [a-z]+ [a-z]+")


@pytest.fixture(autouse=True)
def in_chinese(monkeypatch):
    monkeypatch.setattr(APIClient, "_base_environ", with_language(APIClient._base_environ))
    with override("en", deactivate=True):  # a request leaves its language behind
        yield


def with_language(make):
    return lambda self, **request: make(self, **CHINESE | request)


def is_chinese(response) -> bool:
    message = response.json()["message"]
    return (
        response.status_code >= 400
        and re.search(r"[\u4e00-\u9fff]", message) is not None
        and _ENGLISH.search(message) is None
    )


@pytest.mark.parametrize("name", BODIES)
def test_what_is_wrong_with_a_body(pay, clerk, name):
    response = clerk.post(cancellations_of(pay()), BODIES[name][0], content_type="application/json")
    assert is_chinese(response), response.content.decode()


@pytest.mark.parametrize(
    ("method", "address", "options", "status"),
    [
        ("get", f"payments/{UNKNOWN}/", {}, 404),
        ("delete", "payments/", {}, 405),
        ("get", "payments/?cursor=nonsense", {}, 400),
        ("get", "payments/?nonsense=1", {}, 400),
        ("get", "payments/?status=nonsense", {}, 400),
        ("get", "payments/", {"HTTP_ACCEPT": "text/csv"}, 406),
    ],
)
def test_what_is_wrong_with_an_address(clerk, method, address, options, status):
    response = getattr(clerk, method)(f"/alipay/{address}", **options)
    assert response.status_code == status
    assert is_chinese(response), response.content.decode()


def test_a_body_of_another_kind_size_or_length(pay, clerk):
    address = cancellations_of(pay())
    responses = [
        clerk.post(address, b"reason=x", content_type="text/plain"),
        clerk.post(address, b"x" * 10_000_000, content_type="application/json"),
        clerk.post(
            address, b"x", content_type="application/json", HTTP_TRANSFER_ENCODING="chunked"
        ),
    ]
    assert [response.status_code for response in responses] == [415, 413, 411]
    assert [each.content.decode() for each in responses if not is_chinese(each)] == []


def test_who_may_not(pay, person, signed_in):
    payment = pay()
    responses = [
        ask(APIClient(), payment),
        ask(signed_in(person("viewer", "view_payment")), payment),
    ]
    assert [response.status_code for response in responses] == [403, 403]
    assert [each.content.decode() for each in responses if not is_chinese(each)] == []


def test_what_cannot_be_cancelled_or_asked_again(gateway, pay, clerk):
    payment = pay()
    fail_with(gateway, "CANCEL_WINDOW_EXCEED")
    rejected, succeeded = ask(clerk, payment), ask(clerk, payment)
    assert (rejected.status_code, succeeded.status_code) == (201, 201)
    assert rejected.json()["message"].startswith("取消失败，该支付未取消。")
    failed = pay("failed", status="FAIL")
    clerk.post(f"/alipay/payments/{failed.pk}/refresh/")
    responses = [clerk.post(rejected["Location"] + "retry/"), ask(clerk, failed)]
    assert [response.status_code for response in responses] == [409, 409]
    assert [each.content.decode() for each in responses if not is_chinese(each)] == []


def test_settings_that_cannot_work(pay, clerk, settings):
    payment = pay()
    settings.ALIPAY_CANCEL = {}
    response = ask(clerk, payment)
    assert response.status_code == 503
    assert is_chinese(response), response.content.decode()


def test_the_result_of_a_cancellation(pay, clerk):
    body = ask(clerk, pay()).json()
    assert body["message"] == "取消成功，该支付已取消。买家所付款项将全额原路退回。"
    assert (body["status"], body["next_step"]) == ("SUCCEEDED", "NONE")
