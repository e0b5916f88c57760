"""Whatever is sent: a 4xx in the documented shape, no row, no call."""

from __future__ import annotations

import json

import pytest
from django.test import AsyncRequestFactory
from django.utils.translation import activate, get_language
from rest_framework.test import APIClient, force_authenticate

from django_alipay_cancel.api.endpoints import PaymentCancellations
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
    "NaN": (b'{"reason": NaN}', "parse_error", None),
    "a byte order mark": (b'\xef\xbb\xbf{"reason": "x"}', "parse_error", None),
    "the same name twice": (b'{"reason": "x", "reason": "y"}', "parse_error", None),
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


def test_a_body_in_chunks_is_411_since_it_would_not_be_read(pay, clerk):
    response = clerk.post(
        cancellations_of(pay()),
        b'{"reasn": "x"}',
        content_type="application/json",
        HTTP_TRANSFER_ENCODING="chunked",
    )
    assert is_error(response, 411, "length_required")


def test_a_body_without_a_length_is_411_too(pay, person):
    # HTTP/2 needs neither Content-Length nor chunks; over ASGI such a body arrives.
    payment, user = pay(), person("clerk", "cancel_payment")
    factory = AsyncRequestFactory()
    request = factory.post(cancellations_of(payment), b'{"reasn": "x"}', "application/json")
    del request.META["CONTENT_LENGTH"]
    force_authenticate(request, user)
    response = PaymentCancellations.as_view()(request, payment_id=str(payment.pk)).render()
    assert (response.status_code, response.data["code"]) == (411, "length_required")


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


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("payments/", "GET, HEAD"),
        ("payments/{}/", "GET, HEAD"),
        ("payments/{}/cancellations/", "GET, HEAD, POST"),
        ("payments/{}/refresh/", "POST"),
        ("cancellations/{}/", "GET, HEAD"),
        ("cancellations/{}/retry/", "POST"),
    ],
)
def test_another_method_is_405_and_says_which_there_are(clerk, address, allowed):
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CANCEL"}
    for method in methods - set(allowed.split(", ")):
        response = clerk.generic(method, "/alipay/" + address.format(UNKNOWN))
        assert response.status_code == 405, method
        assert response["Allow"] == allowed
        if method != "HEAD":
            assert is_error(response, 405, "method_not_allowed")


def test_a_head_is_a_get_without_a_body(pay, clerk):
    response = clerk.head(f"/alipay/payments/{pay().pk}/")
    assert (response.status_code, response.content) == (200, b"")


def test_a_method_cannot_be_smuggled_in_a_header(pay, clerk):
    address = f"/alipay/payments/{pay().pk}/"
    response = clerk.get(address, HTTP_X_HTTP_METHOD_OVERRIDE="POST")
    assert response.json()["can_cancel"] is True


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*;q=0.5", ";", "\x00"])
def test_only_json_is_answered(clerk, accept):
    response = clerk.get("/alipay/payments/", HTTP_ACCEPT=accept)
    assert is_error(response, 406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/*", "text/html, */*;q=0.1"])
def test_who_takes_anything_gets_json(clerk, accept):
    response = clerk.get("/alipay/payments/", HTTP_ACCEPT=accept)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("form", ["json", "xml", "api"])
def test_the_form_of_the_answer_is_no_matter_of_the_query(clerk, form):
    response = clerk.get(f"/alipay/payments/?format={form}")
    assert is_error(response, 400, "unknown")
    assert response.json()["field"] == "format"


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


def test_without_locale_middleware_the_language_of_the_request_is_kept_to(settings, clerk):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Locale" not in name]
    activate("en")
    for language, message in [("zh-hans", "未找到。"), ("de, en;q=0.5", "Not found.")]:
        response = clerk.get("/alipay/payments/x/", headers={"accept-language": language})
        assert response.json()["message"] == message
        assert response["Content-Language"] == ("zh-hans" if language == "zh-hans" else "en")
        assert "Accept-Language" in response["Vary"]
    assert get_language() == "en"
