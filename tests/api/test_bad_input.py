"""Whatever is sent: a 4xx in the documented shape, no row, no call."""

from __future__ import annotations

import json

import pytest
from rest_framework.test import APIClient

from django_alipay_cancel.models import Cancellation
from tests.api.conftest import UNKNOWN, ask, cancellations_of, is_error

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_happens(gateway):
    yield
    assert not gateway.calls
    assert not Cancellation.objects.exists()


BODIES = {
    "half JSON": (b'{"reason": ', "parse_error", None),
    "blanks": (b"   ", "parse_error", None),
    "not UTF-8": (b'{"reason": "\xff"}', "parse_error", None),
    "UTF-16": ('{"reason": "x"}'.encode("utf-16"), "parse_error", None),
    "nested too deeply": (b"[" * 9000, "parse_error", None),
    "a huge number": (b"9" * 9000, "parse_error", None),
    "null": (b"null", "null", None),
    "a list": (b"[]", "invalid", None),
    "a text": (b'"reason"', "invalid", None),
    "a number": (b"1", "invalid", None),
    "reason is a number": (b'{"reason": 1}', "invalid", "reason"),
    "reason is true": (b'{"reason": true}', "invalid", "reason"),
    "reason is null": (b'{"reason": null}', "null", "reason"),
    "reason is a list": (b'{"reason": ["x"]}', "invalid", "reason"),
    "reason is an object": (b'{"reason": {"x": 1}}', "invalid", "reason"),
    "reason is too long": (json.dumps({"reason": "x" * 256}).encode(), "max_length", "reason"),
    "NUL": (b'{"reason": "a\\u0000b"}', "null_characters_not_allowed", "reason"),
    "a control character": (b'{"reason": "a\\u0007b"}', "control_characters", "reason"),
    "half a surrogate pair": (
        b'{"reason": "\\ud800"}',
        "surrogate_characters_not_allowed",
        "reason",
    ),
    "an unknown name": (b'{"reason": "x", "amount": 1}', "unknown", "amount"),
    "a name that no answer can carry": (b'{"\\ud800": 1}', "unknown", "?"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused(pay, clerk, name):
    body, code, field = BODIES[name]
    response = clerk.post(cancellations_of(pay()), body, content_type="application/json")
    assert is_error(response, 400, code)
    assert response.json()["field"] == field


@pytest.mark.parametrize("route", ["payments/{}/refresh/", "cancellations/{}/retry/"])
def test_routes_that_take_nothing_refuse_everything(pay, clerk, route):
    payment = pay()
    address = "/alipay/" + route.format(payment.pk)
    if "retry" in route:
        assert is_error(clerk.post(address, {"x": 1}, format="json"), 404, "not_found")
        return
    assert is_error(clerk.post(address, {"x": 1}, format="json"), 400, "unknown")


def test_a_body_of_ten_megabytes_is_refused(pay, clerk):
    body = json.dumps({"reason": "x" * 10_000_000})
    response = clerk.post(cancellations_of(pay()), body, content_type="application/json")
    assert is_error(response, 413, "body_too_large")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "nonsense",
    ],
)
@pytest.mark.parametrize("checks_csrf", [True, False])
def test_another_content_type_is_415(pay, person, content_type, checks_csrf):
    # With the CSRF check the form would be read before we see it.
    client = APIClient(enforce_csrf_checks=checks_csrf)
    client.force_login(person("clerk", "cancel_payment"))
    response = client.post(cancellations_of(pay()), b"reason=x", content_type=content_type)
    assert is_error(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("charset", ["utf-16", "zlib", "rot13", "nonsense"])
def test_json_is_utf_8_whatever_the_charset_says(pay, clerk, charset):
    content_type = f"application/json; charset={charset}"
    response = clerk.post(cancellations_of(pay()), b'{"x": 1}', content_type=content_type)
    assert is_error(response, 400, "unknown")


@pytest.mark.parametrize("key", ["1", "x", "%00", "%F0%9F%98%80", UNKNOWN + "0", UNKNOWN])
def test_an_id_that_is_none_or_unknown_is_404(clerk, key):
    for method, address in [
        ("get", f"payments/{key}/"),
        ("get", f"payments/{key}/cancellations/"),
        ("post", f"payments/{key}/cancellations/"),
        ("post", f"payments/{key}/refresh/"),
        ("get", f"cancellations/{key}/"),
        ("post", f"cancellations/{key}/retry/"),
    ]:
        response = getattr(clerk, method)("/alipay/" + address)
        assert is_error(response, 404, "not_found"), address


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_another_method_is_405(pay, clerk, method):
    response = getattr(clerk, method)(cancellations_of(pay()))
    assert is_error(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD, POST"


def test_only_json_is_answered(clerk):
    response = clerk.get("/alipay/payments/", HTTP_ACCEPT="text/html")
    assert is_error(response, 406, "not_acceptable")


def test_more_parameters_than_django_reads_are_refused(settings, clerk):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 5
    response = clerk.get("/alipay/payments/?" + "&".join("a" * 20))
    assert is_error(response, 400, "invalid")


def test_a_refusal_is_told_in_the_language_of_the_request(pay, clerk):
    payment = pay()
    english = ask(clerk, payment, {"reason": "x" * 256}).json()
    clerk.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
    for response in (
        ask(clerk, payment, {"reason": "x" * 256}),
        clerk.get(f"/alipay/payments/{UNKNOWN}/"),
        APIClient(headers={"accept-language": "zh-hans"}).get("/alipay/payments/"),
    ):
        message = response.json()["message"]
        assert any("一" <= character <= "鿿" for character in message), message
    assert english["message"] == "Ensure this field has no more than 255 characters."
