"""What is believed of an answer, through the real service: each forgery stays unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import unquote

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError

from django_alipay_cancel import services
from django_alipay_cancel.models import CancellationAttempt, Payment
from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.keys import new_key, public_key_text
from django_alipay_cancel.testing.wire import Delivery, Seal

pytestmark = [pytest.mark.django_db, pytest.mark.once]

CANCEL = "/ams/sandbox/api/v1/payments/cancel"


@pytest.fixture
def change(gateway):
    """Let each answer be changed on its way; the change gets the request and the answer."""

    def install(changed):
        handle = gateway.handle
        gateway.handle = lambda request: changed(request, handle(request))

    return install


def outcome():
    """What the last attempt came to: its outcome and error, and the state of the other two."""
    attempt = CancellationAttempt.objects.latest("sent_at")
    cancellation = attempt.cancellation
    return attempt.outcome, attempt.error, cancellation.status, cancellation.payment.status


def header(**changes):
    """Replace headers, or take them out (None)."""

    def changed(request, answer):
        headers = dict(answer.headers)
        for name, value in changes.items():
            name = name.replace("_", "-")
            if value is None:
                headers.pop(name)
            else:
                headers[name] = value(headers[name]) if callable(value) else value
        return replace(answer, headers=headers)

    return changed


def twice(name):
    """Send a header a second time: two that agree are still not what Alipay sends."""
    return lambda request, answer: replace(
        answer, headers={**answer.headers, name.title(): answer.headers[name]}
    )


def body(make):
    return lambda request, answer: replace(answer, body=make(answer.body))


def resigned(make):
    """Change the document, and sign what became of it with Alipay's own key."""

    def changed(request, answer):
        document = json.loads(answer.body)
        make(document)
        seal = Seal(
            uri=request.uri,
            client_id=answer.headers["client-id"],
            time=answer.headers["response-time"],
            key=FakeAlipay().keys.alipay,
        )
        return seal.answer(json.dumps(document).encode())

    return changed


def result(**fields):
    return lambda document: document["result"].update(fields)


FORGED = {
    "no signature": (header(signature=None), "bad_signature"),
    "an empty signature": (header(signature=""), "bad_signature"),
    "no time": (header(response_time=None), "bad_signature"),
    "an empty time": (header(response_time=""), "bad_signature"),
    "another time": (header(response_time="2026-01-02T03:04:05+00:00"), "bad_signature"),
    "neither of them": (header(signature=None, response_time=None), "unsigned"),
    "both empty": (header(signature="", response_time=" "), "unsigned"),
    "no signature= part": (header(signature="algorithm=RSA256,keyVersion=1"), "bad_signature"),
    "an empty signature= part": (header(signature="algorithm=RSA256,signature="), "bad_signature"),
    "no base64": (header(signature="algorithm=RSA256,signature=%%%"), "bad_signature"),
    "another algorithm": (
        header(signature=lambda text: text.replace("RSA256", "RSA512")),
        "bad_signature",
    ),
    "no algorithm at all": (
        header(signature=lambda text: text.replace("RSA256", "none")),
        "bad_signature",
    ),
    "a flipped bit": (
        header(signature=lambda text: text[:-10] + ("A" if text[-10] != "A" else "B") + text[-9:]),
        "bad_signature",
    ),
    "two signatures in one header": (
        header(signature=lambda text: f"{text},signature=AAAA"),
        "bad_signature",
    ),
    "the signature twice": (twice("signature"), "bad_signature"),
    "the time twice": (twice("response-time"), "bad_signature"),
    "the client id twice": (twice("client-id"), "bad_signature"),
    "another client id": (header(client_id="5X99999999999999"), "wrong_client"),
    "a body encoded anew": (
        body(lambda text: json.dumps(json.loads(text), indent=1).encode()),
        "bad_signature",
    ),
    "a body with one blank more": (body(lambda text: text + b" "), "bad_signature"),
    "a body with another line end": (body(lambda text: text + b"\r\n"), "bad_signature"),
    "resultStatus s": (resigned(result(resultStatus="s")), "invalid_body"),
    "resultStatus null": (resigned(result(resultStatus=None)), "invalid_body"),
    "resultStatus a number": (resigned(result(resultStatus=1)), "invalid_body"),
    "no resultStatus": (resigned(lambda d: d["result"].pop("resultStatus")), "invalid_body"),
    "no result": (resigned(lambda d: d.pop("result")), "invalid_body"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_answer_to_a_cancel_stays_unknown(gateway, change, pay, name):
    forge, error = FORGED[name]
    change(forge)
    services.cancel_payment(pay())
    assert outcome() == ("UNKNOWN", error, "PENDING", "CANCELLING")


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_answer_to_an_inquiry_changes_nothing(gateway, change, pay, name):
    payment = pay()
    gateway.payment(payment.payment_id).status = "CANCELLED"
    change(FORGED[name][0])
    services.refresh_payment(payment)
    stored = Payment.objects.get()
    assert (stored.status, stored.checked_at) == ("PROCESSING", None)


@pytest.mark.parametrize(
    "harmless",
    [
        header(signature=unquote),
        header(signature=lambda text: text.replace("%2B", "%2b").replace(",", " , ")),
        header(signature=lambda text: text.replace("keyVersion", "KeyVersion")),
        lambda request, answer: replace(
            answer, headers={name.upper(): value for name, value in answer.headers.items()}
        ),
        resigned(result(resultCode="BRAND_NEW")),
        resigned(lambda document: document.update(cancelTime="soon")),
        resigned(lambda document: document.update(unknown={"a": [1.5, None]})),
    ],
)
def test_what_is_only_spelt_otherwise_is_believed(gateway, change, pay, harmless):
    change(harmless)
    services.cancel_payment(pay())
    assert outcome() == ("SUCCEEDED", "", "SUCCEEDED", "CANCELLED")


@pytest.mark.parametrize("key", ["the merchant's own", "an old one", "a stranger's"])
def test_an_answer_signed_with_another_key_is_not_believed(settings, gateway, pay, key):
    payment = pay()
    if key == "the merchant's own":
        gateway.misbehave(Fault.WRONG_KEY)
    elif key == "an old one":
        old = gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"]
        entry = gateway.merchant_settings() | {"ALIPAY_PUBLIC_KEY": old}
        gateway.change_own_key("2")
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
    else:
        gateway.keys.alipay = new_key()
    services.cancel_payment(payment)
    assert outcome() == ("UNKNOWN", "bad_signature", "PENDING", "CANCELLING")


def test_with_several_keys_any_of_them_counts_whatever_the_key_version_says(settings, gateway, pay):
    alipays = gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"]
    other = public_key_text(new_key().public_key())
    for keys, believed in (
        ({"1": alipays, "2": other}, True),
        ({"2": alipays, "3": other}, True),
        ({"1": other, "2": alipays}, True),
        ({"2": other, "3": other}, False),
    ):
        entry = gateway.merchant_settings() | {"ALIPAY_PUBLIC_KEY": keys}
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
        services.cancel_payment(pay(f"order-{len(gateway.calls)}"))
        assert (outcome()[0] == "SUCCEEDED") is believed, keys


# --- genuine, but not for this -------------------------------------------------------------------


def test_a_genuine_answer_for_another_payment_needs_a_person(gateway, pay):
    services.cancel_payment(pay("first"))
    gateway.misbehave(Fault.REPLAY, of="payment-first", payment="payment-second")
    services.cancel_payment(pay("second"))
    assert outcome() == ("UNKNOWN", "id_mismatch", "NEEDS_REVIEW", "CANCELLING")


def test_a_signed_s_with_other_ids_needs_a_person(gateway, pay):
    gateway.misbehave(Fault.OTHER_IDS)
    services.cancel_payment(pay())
    assert outcome() == ("UNKNOWN", "id_mismatch", "NEEDS_REVIEW", "CANCELLING")


def test_a_genuine_inquiry_about_another_payment_changes_nothing(gateway, pay):
    first, second = pay("first"), pay("second")
    services.cancel_payment(first)
    services.refresh_payment(first)
    gateway.misbehave(Fault.REPLAY, of="payment-first", payment="payment-second")
    services.refresh_payment(second)
    stored = Payment.objects.get(pk=second.pk)
    assert (stored.status, stored.checked_at) == ("PROCESSING", None)


def test_a_genuine_answer_of_another_call_is_not_believed(gateway, change, pay):
    """The path is signed: an inquiry that says S is no answer to a cancel."""
    payment = pay()
    kept = []
    change(lambda request, answer: kept[0] if kept else answer)
    services.refresh_payment(payment)
    inquired = gateway.calls[-1]
    kept.append(gateway.handle(_request(inquired)))
    services.cancel_payment(payment)
    assert outcome() == ("UNKNOWN", "bad_signature", "PENDING", "CANCELLING")


def _request(call):
    from django_alipay_cancel.testing.wire import Request

    return Request(method="POST", target=call.path, headers=call.headers, body=call.body)


@pytest.mark.parametrize("seconds", [-86400, 86400, -301, 301])
def test_an_answer_of_another_time_is_not_believed_where_the_shop_bounds_it(
    settings, gateway, pay, seconds
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RESPONSE_TIME_TOLERANCE": 290}
    gateway.advance(seconds)
    services.cancel_payment(pay())
    assert outcome() == ("UNKNOWN", "stale_response", "PENDING", "CANCELLING")


def test_a_refusal_of_the_same_payment_recorded_long_ago_is_not_believed(
    settings, gateway, change, pay
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RESPONSE_TIME_TOLERANCE": 290}
    payment = pay(status="SUCCESS")
    gateway.advance(-3600)
    gateway.misbehave(Fault.RESULT, result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(payment)
    assert outcome()[1] == "stale_response"
    assert Payment.objects.get().status == "CANCELLING", "not restored on the word of a replay"


# --- other things that come back ------------------------------------------------------------------

REDIRECT = {"location": "https://elsewhere.invalid/ams/api/v1/payments/cancel"}


@pytest.mark.parametrize(
    ("status", "headers", "keeps_body"),
    [
        (301, REDIRECT, True),
        (302, REDIRECT, False),
        (307, REDIRECT, True),
        (204, {}, False),
        (201, {}, True),
        (400, {}, True),
        (401, {"www-authenticate": "Basic"}, True),
        (429, {"retry-after": "1"}, True),
        (500, {}, True),
        (503, {}, False),
    ],
)
def test_another_status_than_200_is_no_answer_even_with_a_signed_s(
    gateway, change, pay, status, headers, keeps_body
):
    def changed(request, answer):
        kept = answer.body if keeps_body else b""
        return replace(answer, status=status, body=kept, headers={**answer.headers, **headers})

    change(changed)
    services.cancel_payment(pay())
    assert outcome() == ("UNKNOWN", "http_status", "PENDING", "CANCELLING")
    assert len(gateway.calls) == 1, "never repeated by itself, never somewhere else"


@pytest.mark.parametrize("page", [b"", b"<html>Please log in</html>", b"null", b"{}", b"OK"])
def test_a_page_instead_of_an_answer_is_no_answer(gateway, change, pay, page):
    change(lambda request, answer: Delivery(headers={"content-type": "text/html"}, body=page))
    services.cancel_payment(pay())
    assert outcome() == ("UNKNOWN", "invalid_body", "PENDING", "CANCELLING")


@pytest.mark.parametrize(
    "url",
    [
        "http://open-na-global.alipay.com",
        "file:///etc/passwd",
        "ftp://open-na-global.alipay.com",
        "gopher://open-na-global.alipay.com",
        "http://169.254.169.254",
        "http://[::ffff:169.254.169.254]",
        "http://127.0.0.1.nip.io",
        "http://localhost.example",
        "https://user:password@open-na-global.alipay.com",
        "https://open-na-global.alipay.com/path",
        "https://open-na-global.alipay.com:99999",
        "https://",
        "//open-na-global.alipay.com",
        "open-na-global.alipay.com",
    ],
)
def test_an_address_that_leads_elsewhere_is_refused_before_any_row(settings, gateway, pay, url):
    entry = gateway.merchant_settings() | {"GATEWAY_URL": url}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
    with pytest.raises(ImproperlyConfigured, match="GATEWAY_URL"):
        services.cancel_payment(pay())
    assert not CancellationAttempt.objects.exists()


# --- what is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "id",
    [
        '"',
        "'",
        "\\",
        '","paymentId":"other',
        "</script>",
        "支付",
        "😀",
        "\u202egnp.exe",
        "%00",
        "a b",
    ],
    ids=ascii,
)
def test_an_odd_id_is_sent_as_it_is_and_names_no_other_payment(gateway, pay, id):
    gateway.add_payment(payment_request_id=id, payment_id="odd")
    other = gateway.add_payment(payment_request_id="other", payment_id="other-id")
    payment = services.record_payment(payment_request_id=id)
    assert services.cancel_payment(payment).status == "SUCCEEDED"
    assert json.loads(gateway.calls[0].body) == {"paymentRequestId": id}
    assert gateway.payment(id).status == "CANCELLED"
    assert other.status == "SUCCESS"


@pytest.mark.parametrize(
    "id", ["a\nb", "a\rb", "a\x00b", "a\x1bb", "a\x85b", "a\ud800b", " a", "a\u3000", "x" * 65, ""]
)
def test_an_id_that_cannot_be_one_is_refused(gateway, id):
    with pytest.raises(ValidationError):
        services.record_payment(payment_id=id)
    assert not Payment.objects.exists()
