"""Payment notifications: what is believed, what is stored, what Alipay is answered."""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import threading
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone
from django_fsm import ConcurrentTransition

from django_alipay_cancel import services
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import NotificationNotVerified
from django_alipay_cancel.signals import (
    notification_received,
    paid_after_cancellation,
    paid_after_failure,
    paid_after_rejection,
)
from django_alipay_cancel.testing import FakeAlipay
from django_alipay_cancel.testing.documents import notified, to_bytes
from django_alipay_cancel.testing.posting import headers as signed_headers
from django_alipay_cancel.testing.wire import Seal
from django_alipay_cancel.views import payment_notification
from tests.admin.conftest import page_of, text

pytestmark = pytest.mark.django_db

PATH = "/alipay-notify/"
PAID_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def late_payments():
    """The payments for which `paid_after_cancellation` was sent."""
    told = []

    def receive(payment, **kwargs):
        told.append(payment.pk)

    paid_after_cancellation.connect(receive)
    yield told
    paid_after_cancellation.disconnect(receive)


@pytest.fixture
def late_rejections():
    """The payments for which `paid_after_rejection` was sent."""
    told = []

    def receive(payment, **kwargs):
        told.append(payment.pk)

    paid_after_rejection.connect(receive)
    yield told
    paid_after_rejection.disconnect(receive)


def seal(gateway, path=PATH, **changes):
    values = {
        "uri": path,
        "client_id": gateway.client_id,
        "time": "2026-01-02T11:04:05+08:00",
        "key": gateway.keys.alipay,
    }
    return Seal(**values | changes)


def message(gateway, id, says="S", path=PATH, **fields):
    """Return headers and body of a signed message; None removes a field."""
    document = notified(gateway.payment(id), says) | fields
    body = to_bytes({name: value for name, value in document.items() if value is not None})
    return signed_headers(seal(gateway, path), body), body


def verified(gateway, *args, **fields):
    headers, body = message(gateway, *args, **fields)
    return services.verify_notification(headers=headers, body=body, path=PATH)


def post(headers, body, path=PATH, client=None):
    return (client or Client()).post(
        path, data=body, content_type="application/json", headers=headers
    )


def is_acknowledged(response):
    result = {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success"}
    return (response.status_code, json.loads(response.content)) == (200, {"result": result})


def is_refused(response):
    result = json.loads(response.content)["result"]
    return response.status_code >= 400 and result["resultStatus"] == "F"


# --- what is believed ---------------------------------------------------------------------------


def test_a_verified_message_tells_its_facts_and_cannot_be_changed(gateway):
    gateway.add_payment(
        payment_request_id="order-1",
        payment_id="alipay-1",
        paid_at=PAID_AT,
        amount_value=1250,
        amount_currency="JPY",
    )
    notification = verified(gateway, "order-1")
    assert dataclasses.asdict(notification) == {
        "merchant": "default",
        "refund_request_id": "",
        "notify_type": "PAYMENT_RESULT",
        "result_status": "S",
        "result_code": "SUCCESS",
        "payment_request_id": "order-1",
        "payment_id": "alipay-1",
        "amount_value": 1250,
        "amount_currency": "JPY",
        "paid_at": PAID_AT,
        "auth_expires_at": None,
        "trace_id": "",
        "document": notified(gateway.payment("order-1"), "S"),
    }
    assert "document" not in repr(notification)
    with pytest.raises(dataclasses.FrozenInstanceError):
        notification.result_status = "F"


@pytest.mark.parametrize("case", ["upper", "lower", "title"])
def test_header_names_may_come_in_any_letter_case(gateway, pay, case):
    headers, body = message(gateway, pay().payment_id)
    headers = {getattr(name, case)(): value for name, value in headers.items()}
    assert services.verify_notification(headers=headers, body=body, path=PATH).result_status == "S"


def _without(*names):
    return lambda headers, body: ({n: v for n, v in headers.items() if n not in names}, body)


def _with(**changed):
    return lambda headers, body: (
        headers | {n.replace("_", "-"): v for n, v in changed.items()},
        body,
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_without("signature", "request-time"), "unsigned"),
        (_with(signature="", request_time=" "), "unsigned"),
        (_without("signature"), "bad_signature"),
        (_without("request-time"), "bad_signature"),
        (_with(signature=""), "bad_signature"),
        (_with(signature="algorithm=RSA256,keyVersion=1"), "bad_signature"),
        (_with(signature="algorithm=RSA256,keyVersion=1,signature=AAAA"), "bad_signature"),
        (_with(request_time="2026-01-02T11:04:06+08:00"), "bad_signature"),
        (_with(request_time="2026-01-02T11:04:05+08:00\xff"), "bad_signature"),
        (_with(Signature="algorithm=RSA256,keyVersion=1,signature=AAAA"), "bad_signature"),
        (_with(client_id="5X99999999999999"), "wrong_client"),
        (
            lambda h, b: (h | {"signature": f"{h['signature']},{h['signature']}"}, b),
            "bad_signature",
        ),
        (
            lambda h, b: (h | {"signature": h["signature"].replace("256", "512")}, b),
            "bad_signature",
        ),
        (lambda h, b: (h, b.replace(b'"S"', b'"F"')), "bad_signature"),
        (lambda h, b: (h, json.dumps(json.loads(b)).encode()), "bad_signature"),
        (lambda h, b: (h, b + b" " * 65536), "too_large"),
    ],
)
def test_what_alipay_did_not_sign_for_this_merchant_is_not_believed(gateway, pay, change, error):
    headers, body = change(*message(gateway, pay().payment_id))
    with pytest.raises(NotificationNotVerified, match=error) as caught:
        services.verify_notification(headers=headers, body=body, path=PATH)
    assert caught.value.error == error
    assert is_refused(post(headers, body))
    assert Payment.objects.get().status == "PROCESSING"


def test_a_message_signed_with_our_own_key_is_not_believed(gateway, pay):
    body = message(gateway, pay().payment_id)[1]
    headers = signed_headers(seal(gateway, key=gateway.keys.merchant), body)
    with pytest.raises(NotificationNotVerified, match="bad_signature"):
        services.verify_notification(headers=headers, body=body, path=PATH)


def test_a_message_to_another_path_is_not_believed(gateway, pay):
    headers, body = message(gateway, pay().payment_id, path="/another/")
    with pytest.raises(NotificationNotVerified, match="bad_signature"):
        services.verify_notification(headers=headers, body=body, path=PATH)


@pytest.mark.parametrize("signed", [f"{PATH}?shop=1&x=%2F", PATH])
def test_a_query_may_be_signed_or_not(gateway, pay, signed):
    headers, body = message(gateway, pay().payment_id, path=signed)
    assert is_acknowledged(post(headers, body, path=f"{PATH}?shop=1&x=%2F"))
    assert Payment.objects.get().status == "SUCCESS"


def test_another_query_than_the_signed_one_is_not_believed(gateway, pay):
    headers, body = message(gateway, pay().payment_id, path=f"{PATH}?shop=1")
    assert is_refused(post(headers, body, path=f"{PATH}?shop=2"))


RAW = [
    "/alipay-notify/ORDER%2F17/",
    "/alipay-notify/ORDER%2f17/",
    "/alipay-notify/%7Eshop/",
    "/alipay-notify/%e6%94%af/",
    "/alipay-notify/x;v=1/",
    "/alipay-notify/[x]/",
    "/alipay-notify/x/?a=b|c",
]


@pytest.mark.parametrize("raw", RAW)
@pytest.mark.parametrize("variable", ["RAW_URI", "REQUEST_URI", "whole", "ASGI"])
def test_the_path_as_the_server_received_it_is_believed(gateway, pay, rf, raw, variable):
    headers, body = message(gateway, pay().payment_id, path=raw)
    path, _, query = raw.partition("?")
    environ = {"PATH_INFO": unquote(path, "latin-1"), "QUERY_STRING": query}
    if variable == "whole":
        environ["RAW_URI"] = f"https://shop.example{raw}"
    elif variable != "ASGI":
        environ[variable] = raw
    request = rf.post("/", body, content_type="application/json", headers=headers, **environ)
    if variable == "ASGI":
        request.scope = {"raw_path": path.encode(), "query_string": query.encode()}
    assert is_acknowledged(payment_notification(request))


def test_a_prefix_that_a_proxy_strips_is_named_where_the_view_is_mounted(gateway, pay, rf):
    payment_id = pay().payment_id
    for query in ("", "?shop=1"):
        headers, body = message(gateway, payment_id, path=f"/shop{PATH}{query}")
        request = rf.post(f"{PATH}{query}", body, content_type="application/json", headers=headers)
        assert is_acknowledged(payment_notification(request, path=f"/shop{PATH}"))
    headers, body = message(gateway, payment_id)
    request = rf.post(PATH, body, content_type="application/json", headers=headers)
    assert is_refused(payment_notification(request, path=f"/shop{PATH}"))


def test_an_address_without_a_path_may_be_signed_as_empty(gateway, pay, rf):
    headers, body = message(gateway, pay().payment_id, path="")
    request = rf.post("/", body, content_type="application/json", headers=headers)
    assert is_acknowledged(payment_notification(request))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b'{"a":1,"a":2}', b"[" * 60_000])
def test_a_signed_message_that_cannot_be_read_is_refused(gateway, body):
    headers = signed_headers(seal(gateway), body)
    with pytest.raises(NotificationNotVerified, match="invalid_body"):
        services.verify_notification(headers=headers, body=body, path=PATH)
    assert is_refused(post(headers, body))


def test_each_merchant_believes_its_own_messages_only(settings, gateway, pay):
    with FakeAlipay(client_id="5X11111111111111") as other:
        other.add_payment(payment_request_id="order-2", amount_value=5)
        settings.ALIPAY_CANCEL = {
            "MERCHANTS": {
                "default": gateway.merchant_settings(),
                "eu": other.merchant_settings(),
            }
        }
        headers, body = other.notification("order-2", path=f"{PATH}eu/")
        assert is_refused(post(headers, body))
        assert is_acknowledged(post(headers, body, path=f"{PATH}eu/"))
        assert is_refused(post(headers, body, path=f"{PATH}unknown/"))
    assert Payment.objects.get().merchant == "eu"


def test_settings_that_cannot_work_are_told_and_never_acknowledged(settings, gateway, pay, caplog):
    headers, body = message(gateway, pay().payment_id)
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": {}}}
    with pytest.raises(ImproperlyConfigured, match="CLIENT_ID"):
        services.verify_notification(headers=headers, body=body, path=PATH)
    response = post(headers, body)
    assert is_refused(response)
    assert response.status_code == 503
    assert "CLIENT_ID" not in response.content.decode()
    assert "['CLIENT_ID'] is missing" in caplog.text


# --- what is stored -----------------------------------------------------------------------------


def test_a_success_makes_the_payment_paid_at_alipays_time(gateway, pay):
    payment = services.record_payment(payment_request_id="order-1", reference="1001")
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1", paid_at=PAID_AT)
    returned = services.record_notification(verified(gateway, "order-1"))
    stored = Payment.objects.get()
    assert returned == stored == payment
    assert (stored.status, stored.paid_at) == ("SUCCESS", storable(PAID_AT))
    assert (stored.payment_id, stored.reference) == ("alipay-1", "1001")
    assert (stored.amount_value, stored.amount_currency) == (1000, "USD")


def test_a_failure_makes_the_payment_failed(gateway, pay):
    services.record_notification(verified(gateway, pay().payment_id, "F"))
    stored = Payment.objects.get()
    assert stored.status == "FAIL"
    assert stored.failed_at is not None
    assert stored.paid_at is None


def test_a_success_without_a_time_counts_from_now(gateway, pay):
    services.record_notification(verified(gateway, pay().payment_id, paymentTime=None))
    stored = Payment.objects.get()
    assert stored.status == "SUCCESS"
    assert abs((timezone.now() - stored.paid_at).total_seconds()) < 60


@pytest.mark.parametrize(
    "fields",
    [
        {"notifyType": "PAYMENT_PENDING"},
        {"notifyType": "OFFLINE_PAYMENT_CODE"},
        {"notifyType": "REFUND_RESULT"},
        {"notifyType": None},
        {"result": None},
        {"result": {"resultStatus": "U", "resultCode": "PAYMENT_IN_PROCESS"}},
        {"result": {"resultStatus": "s", "resultCode": "SUCCESS"}},
        {"result": {"resultStatus": ["S"]}},
        {"result": "S"},
    ],
    ids=str,
)
def test_what_is_no_final_result_changes_nothing_and_is_acknowledged(gateway, pay, fields):
    payment = pay()
    before = Payment.objects.values().get()
    assert is_acknowledged(post(*message(gateway, payment.payment_id, **fields)))
    assert Payment.objects.values().get() == before


def test_an_authorized_payment_is_not_called_paid(gateway, pay):
    payment = pay(status="AUTHORIZED", authorized_at=timezone.now())
    assert is_acknowledged(post(*message(gateway, payment.payment_id)))
    assert Payment.objects.get().status == "AUTHORIZED"
    assert Payment.objects.get().paid_at is None


AUTH = {"authExpiryTime": "2026-01-09T11:04:05+08:00"}
CAPTURE = {
    "notifyType": "CAPTURE_RESULT",
    "captureRequestId": "capture-1",
    "captureId": "1",
    "captureTime": "2026-01-03T11:04:05+08:00",
    "captureAmount": {"currency": "USD", "value": "400"},
    "paymentAmount": None,
    "paymentRequestId": None,
    "paymentTime": None,
}
UPDATE = {"notifyType": "UPDATE_AMOUNT_RESULT", "updateRequestId": "update-1"}


@pytest.mark.parametrize("recorded", [True, False])
def test_a_success_with_the_end_of_an_authorization_is_an_authorization(gateway, pay, recorded):
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1", paid_at=PAID_AT)
    if recorded:
        services.record_payment(payment_request_id="order-1")
    assert is_acknowledged(post(*message(gateway, "order-1", **AUTH)))
    stored = Payment.objects.get()
    assert (stored.status, stored.authorized_at) == ("AUTHORIZED", storable(PAID_AT))
    assert stored.paid_at is None
    # Sent again, and without the field.
    assert is_acknowledged(post(*message(gateway, "order-1")))
    assert Payment.objects.get().status == "AUTHORIZED"


def test_a_capture_makes_an_authorized_payment_paid(gateway, pay):
    payment = pay(status="AUTHORIZED", authorized_at=timezone.now())
    failed = {"result": {"resultStatus": "F", "resultCode": "PROCESS_FAIL"}}
    assert is_acknowledged(post(*message(gateway, payment.payment_id, **CAPTURE, **failed)))
    assert Payment.objects.get().status == "AUTHORIZED"
    for _ in range(2):
        assert is_acknowledged(post(*message(gateway, payment.payment_id, **CAPTURE)))
    stored = Payment.objects.get()
    assert stored.status == "SUCCESS"
    assert stored.paid_at == storable(datetime(2026, 1, 3, 3, 4, 5, tzinfo=UTC))
    assert stored.amount_value == payment.amount_value, "a part may have been captured"
    assert stored.events.filter(kind="captured", source="notification").count() == 1


@pytest.mark.parametrize("value", [900, 2000])
def test_an_amount_that_alipay_changed_is_followed_and_both_are_shown(
    gateway, pay, admin_client, value
):
    payment = pay(
        status="AUTHORIZED",
        authorized_at=timezone.now(),
        amount_value=1000,
        amount_currency="EUR",
    )
    new = {"paymentAmount": {"currency": "EUR", "value": str(value)}}
    first = message(gateway, payment.payment_id, **AUTH)
    for _ in range(2):
        assert is_acknowledged(post(*message(gateway, payment.payment_id, **UPDATE, **new)))
    stored = Payment.objects.get()
    assert (stored.amount_value, stored.status) == (value, "AUTHORIZED")
    assert stored.amount_updated_at is not None
    page = text(admin_client.get(page_of(payment)))
    assert "Alipay changed the amount" in page
    assert f"10.00 EUR -> {stored.amount}" in page
    # The first message again, and the shop with the amount of its order: both are old news.
    assert is_acknowledged(post(*first))
    services.record_payment(payment_id=payment.payment_id, amount_value=1000, amount_currency="EUR")
    assert Payment.objects.get().amount_value == value
    assert not stored.events.filter(kind="contradicted").exists()


def test_a_change_that_failed_or_of_an_unknown_payment_changes_nothing(gateway, pay):
    payment = pay(amount_value=1000)
    gateway.add_payment(payment_request_id="unknown", amount_value=5)
    new = {"paymentAmount": {"currency": "USD", "value": "2000"}}
    failed = {"result": {"resultStatus": "F", "resultCode": "PROCESS_FAIL"}}
    before = Payment.objects.values().get()
    assert is_acknowledged(post(*message(gateway, payment.payment_id, **UPDATE, **new, **failed)))
    assert is_acknowledged(post(*message(gateway, "unknown", **UPDATE)))
    assert Payment.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
def test_a_message_that_the_app_does_not_use_is_passed_on(gateway, pay):
    payment = pay()
    gateway.add_payment(payment_request_id="unknown")
    told = []

    def receive(sender, notification, payment, **kwargs):
        told.append((notification.notify_type, notification.document["refundId"], payment))

    notification_received.connect(receive)
    more = {"notifyType": "REFUND_RESULT", "refundId": "1"}
    try:
        assert is_acknowledged(post(*message(gateway, payment.payment_id, **more)))
        assert is_acknowledged(post(*message(gateway, "unknown", **more)))
        assert is_acknowledged(post(*message(gateway, payment.payment_id)))
    finally:
        notification_received.disconnect(receive)
    assert told == [("REFUND_RESULT", "1", payment), ("REFUND_RESULT", "1", None)]


def test_an_unknown_payment_with_its_amount_is_created(gateway):
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1", paid_at=PAID_AT)
    assert is_acknowledged(post(*message(gateway, "order-1")))
    stored = Payment.objects.get()
    assert (stored.status, stored.paid_at) == ("SUCCESS", storable(PAID_AT))
    assert (stored.payment_request_id, stored.payment_id) == ("order-1", "alipay-1")
    assert (stored.merchant, stored.amount_value, stored.amount_currency) == (
        "default",
        1000,
        "USD",
    )


@pytest.mark.parametrize(
    "amount",
    [
        None,
        "10 USD",
        {},
        {"currency": "USD"},
        {"value": "1000"},
        {"currency": "USD", "value": "-5"},
        {"currency": "USD", "value": "1e3"},
        {"currency": "USD", "value": "١٢"},
        {"currency": "USD", "value": "9" * 30},
        {"currency": ["USD"], "value": {"a": 1}},
    ],
    ids=str,
)
def test_an_unknown_payment_without_an_amount_is_kept_and_not_acknowledged(
    gateway, caplog, admin_client, amount
):
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1", paid_at=PAID_AT)
    told = message(gateway, "order-1", paymentAmount=amount)
    for _ in range(2):
        assert is_refused(post(*told))
    stored = Payment.objects.get()
    assert (stored.status, stored.paid_at) == ("SUCCESS", storable(PAID_AT))
    assert stored.amount_value is None
    assert services.lacks_amount(stored)
    assert [(each.kind, each.source) for each in stored.events.exclude(kind="paid")] == [
        ("recorded", "notification")
    ]
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert str(stored.pk) in warnings[0].getMessage()
    page = text(admin_client.get(page_of(stored)))
    assert "Told by Alipay without an amount that can be used" in page
    # Once the shop says what was paid for, the next send is done with.
    services.record_payment(payment_id="alipay-1", amount_value=1000, amount_currency="USD")
    assert is_acknowledged(post(*told))


def test_what_a_message_says_counts_also_without_its_document(gateway):
    gateway.add_payment(payment_request_id="order-1", amount_value=1250)
    notification = dataclasses.replace(verified(gateway, "order-1"), document={})
    services.record_notification(notification)
    assert Payment.objects.get().amount_value == 1250


def test_a_known_payment_needs_no_amount(gateway):
    gateway.add_payment(payment_id="payment-1")
    services.record_payment(payment_id="payment-1")
    services.record_notification(verified(gateway, "payment-1", paymentAmount=None))
    assert Payment.objects.get().status == "SUCCESS"
    assert Payment.objects.get().amount_value is None


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ({"currency": "USD", "value": "1"}, "0.01 USD"),
        ({"currency": "JPY", "value": "1000"}, "1,000 JPY"),
        ({"currency": "usd", "value": "1000"}, '{"currency": "usd", "value": "1000"}'),
        ({"currency": "USD", "value": "10.00"}, '{"currency": "USD", "value": "10.00"}'),
    ],
)
def test_an_amount_that_contradicts_the_books_is_kept_shown_and_acknowledged(
    gateway, pay, caplog, admin_client, amount, told
):
    payment = pay(amount_value=1000, amount_currency="USD")
    for _ in range(3):
        assert is_acknowledged(post(*message(gateway, payment.payment_id, paymentAmount=amount)))
    stored = Payment.objects.get()
    assert (stored.amount_value, stored.amount_currency) == (1000, "USD")
    assert stored.status == "SUCCESS"
    assert list(stored.events.filter(kind="contradicted").values_list("text", flat=True)) == [told]
    assert str(payment.pk) in caplog.text
    assert "Alipay told another amount than the one recorded" in text(
        admin_client.get(page_of(payment))
    )


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"paymentRequestId": "another"}, "payment_request_id"),
        ({"paymentRequestId": "x" * 65}, "payment_request_id"),
        ({"paymentRequestId": "a\x00b\ud800"}, "payment_request_id"),
    ],
)
def test_what_contradicts_the_books_is_refused_and_nothing_is_stored(
    gateway, pay, caplog, fields, name
):
    payment = pay(amount_value=1000, amount_currency="USD")
    before = Payment.objects.values().get()
    with pytest.raises(ValidationError) as caught:
        services.record_notification(verified(gateway, payment.payment_id, **fields))
    assert name in caught.value.message_dict
    assert is_refused(post(*message(gateway, payment.payment_id, **fields)))
    assert name in caplog.text
    assert Payment.objects.values().get() == before


def test_ids_of_two_payments_are_refused(gateway, pay):
    pay("a")
    pay("b")
    headers, body = message(gateway, "payment-a", paymentRequestId="request-b")
    assert is_refused(post(headers, body))
    assert set(Payment.objects.values_list("status", flat=True)) == {"PROCESSING"}


@pytest.mark.parametrize("order", ["SSF", "SFS", "FSS", "FFS"])
def test_duplicates_and_any_order_end_as_paid_once_alipay_has_said_so(gateway, pay, order):
    payment = pay(paid_at=None)
    for result in order:
        assert is_acknowledged(post(*message(gateway, payment.payment_id, result)))
    stored = Payment.objects.get()
    assert stored.status == "SUCCESS"
    assert stored.paid_at is not None and stored.failed_at is not None


def test_alipays_word_leads_out_of_fail_and_is_told(gateway, pay, caplog):
    told = []

    def receive(sender, payment, **kwargs):
        told.append(payment.status)

    paid_after_failure.connect(receive)
    payment = pay(status="PROCESSING", failed_at=timezone.now())
    assert payment.status == "FAIL"
    services.record_payment(payment_id=payment.payment_id, paid_at=timezone.now())
    assert Payment.objects.get().status == "FAIL", "the shop's own word does not"
    post(*message(gateway, payment.payment_id, "S"))
    paid_after_failure.disconnect(receive)
    assert Payment.objects.get().status == "SUCCESS"


def test_a_rollback_of_the_shop_takes_the_notification_with_it(gateway, pay, late_payments):
    payment = pay()
    services.cancel_payment(payment)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        services.record_notification(verified(gateway, payment.payment_id))
        _ = 1 / 0
    assert Payment.objects.get().paid_at is None
    assert not late_payments


@pytest.mark.django_db(transaction=True)
def test_a_result_that_comes_during_the_cancel_is_kept_and_does_not_stop_it(
    gateway, pay, late_payments
):
    payment = pay()
    other_answers = []

    def notify(call):
        other_answers.append(post(*message(gateway, payment.payment_id)))
        connection.close()

    gateway.before_answer = notify
    cancellation = services.cancel_payment(payment)
    assert is_acknowledged(other_answers[0])
    assert cancellation.status == "SUCCEEDED"
    stored = Payment.objects.get()
    assert stored.status == "CANCELLED"
    assert stored.paid_at is not None
    assert not late_payments


# --- after the cancellation ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_success_after_the_cancellation_is_kept_told_once_and_cancels_nothing_back(
    gateway, pay, late_payments, caplog, admin_client
):
    payment = pay()
    assert services.cancel_payment(payment).status == "SUCCEEDED"
    sentence = "this payment was paid after it had been cancelled"
    assert sentence not in text(admin_client.get(page_of(payment)))
    for _ in range(3):
        assert is_acknowledged(post(*message(gateway, payment.payment_id)))
    stored = Payment.objects.get()
    assert stored.status == "CANCELLED"
    assert stored.paid_at > stored.cancelled_at
    assert late_payments == [payment.pk]
    assert caplog.text.count("reported as paid although it is CANCELLED") == 1
    assert sentence in text(admin_client.get(page_of(payment)))
    assert Cancellation.objects.get().status == "SUCCEEDED"


@pytest.mark.django_db(transaction=True)
def test_a_payment_paid_after_it_was_called_unknown_is_told_until_it_is_cancelled_anew(
    gateway, pay, clock, admin_client, late_rejections
):
    payment = pay(known=False)
    unpaid = pay("never-paid", known=False)
    for each in (payment, unpaid):
        cancellation = services.cancel_payment(each)
    while services.process_due_cancellations().processed or cancellation.status == "PENDING":
        clock.shift(60)
        cancellation.refresh_from_db()
    assert (cancellation.status, cancellation.result_code) == ("REJECTED", "ORDER_NOT_EXIST")
    works = "/admin/django_alipay_cancel/cancellation/"
    line = "Paid after Alipay had not known it: <strong>1</strong>"
    assert line not in admin_client.get(works).content.decode()
    clock.shift(60)
    gateway.add_payment(payment_request_id="request-order-1", payment_id="payment-order-1")
    gateway.payment("payment-order-1").amount_value = 1250
    for _ in range(2):
        assert is_acknowledged(post(*message(gateway, payment.payment_id)))
    assert late_rejections == [payment.pk]
    assert line in admin_client.get(works).content.decode()
    listed = text(admin_client.get(f"{works}?paid_later=1"))
    assert "order-1" in listed and "never-paid" not in listed
    assert "the buyer has paid since" in text(admin_client.get(page_of(payment)))
    payment.refresh_from_db()
    assert services.cancel_payment(payment).status == "SUCCEEDED"
    assert line not in admin_client.get(works).content.decode()


@pytest.mark.django_db(transaction=True)
def test_every_way_in_sends_the_signal(gateway, pay, late_payments):
    by_code, by_inquiry = pay("by-code"), pay("by-inquiry")
    for payment in (by_code, by_inquiry):
        services.cancel_payment(payment)
    services.record_payment(payment_id=by_code.payment_id, paid_at=timezone.now())
    gateway.payment(by_inquiry.payment_id).status = "SUCCESS"
    services.refresh_payment(by_inquiry)
    assert late_payments == [by_code.pk, by_inquiry.pk]
    assert set(Payment.objects.values_list("status", flat=True)) == {"CANCELLED"}


@pytest.mark.django_db(transaction=True)
def test_the_signal_comes_after_the_commit_and_a_receiver_that_raises_stops_nobody(
    gateway, pay, late_payments
):
    payment = pay()
    services.cancel_payment(payment)

    def stumble(**kwargs):
        raise RuntimeError

    paid_after_cancellation.connect(stumble)
    try:
        with transaction.atomic():
            services.record_notification(verified(gateway, payment.payment_id))
            assert not late_payments
        assert late_payments == [payment.pk]
    finally:
        paid_after_cancellation.disconnect(stumble)


@pytest.mark.django_db(transaction=True)
def test_a_payment_that_was_paid_before_its_cancellation_is_no_late_payment(
    gateway, pay, late_payments, admin_client
):
    payment = pay(status="SUCCESS", paid_at=timezone.now())
    services.cancel_payment(payment)
    assert is_acknowledged(post(*message(gateway, payment.payment_id)))
    assert not late_payments
    page = text(admin_client.get(page_of(payment)))
    assert "paid after it had been cancelled" not in page


@pytest.mark.django_db(transaction=True)
def test_the_same_message_many_times_at_once_is_one_fact(gateway, pay, late_payments):
    payment = pay()
    services.cancel_payment(payment)
    headers, body = message(gateway, payment.payment_id)
    start = threading.Barrier(6)
    answers = []

    def deliver():
        try:
            start.wait()
            answers.append(post(headers, body))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert all(map(is_acknowledged, answers))
    assert late_payments == [payment.pk]


@pytest.mark.django_db(transaction=True)
def test_an_unknown_payment_told_many_times_at_once_is_one_row(gateway):
    gateway.add_payment(payment_request_id="order-1")
    headers, body = message(gateway, "order-1")
    start = threading.Barrier(6)
    answers = []

    def deliver():
        try:
            start.wait()
            answers.append(post(headers, body))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deliver) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert all(map(is_acknowledged, answers))
    assert Payment.objects.get().status == "SUCCESS"


# --- the optional view ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_alipay_is_acknowledged_over_real_http_at_the_first_send(live_server, gateway, pay):
    payment = pay()
    outcome = gateway.notify(f"{live_server.url}{PATH}", payment.payment_id)
    assert (outcome.sends, outcome.acknowledged) == (1, True)
    assert Payment.objects.get().status == "SUCCESS"


@pytest.mark.django_db(transaction=True)
def test_alipay_sends_again_until_the_settings_work(live_server, settings, gateway, pay):
    payment = pay()
    working = settings.ALIPAY_CANCEL
    settings.ALIPAY_CANCEL = {}
    outcome = gateway.notify(f"{live_server.url}{PATH}", payment.payment_id)
    assert (outcome.sends, outcome.acknowledged) == (8, False)
    assert Payment.objects.get().status == "PROCESSING"
    settings.ALIPAY_CANCEL = working
    assert gateway.notify(f"{live_server.url}{PATH}", payment.payment_id).acknowledged


def test_only_post_is_answered_and_no_csrf_token_is_asked_for(gateway, pay):
    client = Client(enforce_csrf_checks=True)
    assert is_acknowledged(post(*message(gateway, pay().payment_id), client=client))
    for method in ("get", "put", "delete", "patch"):
        assert getattr(client, method)(PATH).status_code == 405


def test_a_body_of_ten_megabytes_is_refused(gateway, pay):
    headers, _body = message(gateway, pay().payment_id)
    assert is_refused(post(headers, b" " * 10_000_000))


def test_an_error_of_ours_is_never_a_success(gateway, pay, monkeypatch):
    headers, body = message(gateway, pay().payment_id)
    # The database breaks: nothing the message could be blamed for.
    monkeypatch.setattr(Payment, "store", lambda *args, **kwargs: 1 / 0)
    response = post(headers, body, client=Client(raise_request_exception=False))
    assert response.status_code == 500


def test_the_view_is_exempt_from_atomic_requests():
    assert payment_notification._non_atomic_requests == set(connections)


def test_what_a_stranger_writes_cannot_forge_a_log_line(gateway, pay, caplog):
    headers, body = message(gateway, pay().payment_id)
    caplog.set_level(logging.INFO)
    forged = headers | {"tracerid": "1\r\nERROR all is lost", "signature": "a\r\nERROR b"}
    assert is_refused(post(forged, body))
    headers, body = message(gateway, "payment-order-1", notifyType="X\nERROR c\x1b[2J")
    assert is_acknowledged(post(headers | {"tracerid": "2\nERROR d"}, body))
    assert not [line for line in caplog.text.splitlines() if line.startswith("ERROR")]
    assert not any("\n" in r.getMessage() or "\x1b" in r.getMessage() for r in caplog.records)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_never_stands_still_is_told_and_nothing_is_overwritten(gateway, pay):
    payment = pay()
    states = itertools.cycle(["FAIL", "PROCESSING"])

    def somebody_is_quicker(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and "paid_at" in sql:
            with connection.cursor() as cursor:
                table = connection.ops.quote_name(Payment._meta.db_table)
                cursor.execute(f"UPDATE {table} SET status = %s", [next(states)])
        return execute(sql, params, many, context)

    headers, body = message(gateway, payment.payment_id)
    notification = services.verify_notification(headers=headers, body=body, path=PATH)
    with connection.execute_wrapper(somebody_is_quicker), pytest.raises(ConcurrentTransition):
        services.record_notification(notification)
    assert Payment.objects.get().paid_at is None
    services.record_notification(notification)
    assert Payment.objects.get().paid_at is not None
