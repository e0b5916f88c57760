"""Control from another process: everything under /fake/."""

from __future__ import annotations

import pytest
import requests

from tests.testing.calling import call


def test_payments_are_added_and_listed(gateway):
    added = requests.post(
        f"{gateway.url}/fake/payments",
        json={
            "payment_request_id": "order-1",
            "payment_id": "alipay-1",
            "status": "AUTHORIZED",
            "method": "card",
            "amount_value": 1250,
            "amount_currency": "EUR",
            "paid_at": "2024-03-01T10:00:00-08:00",
        },
        timeout=5,
    )
    assert added.status_code == 201
    assert added.json() == {
        "payment_request_id": "order-1",
        "payment_id": "alipay-1",
        "status": "AUTHORIZED",
        "method": "card",
        "amount_value": 1250,
        "amount_currency": "EUR",
        "paid_at": "2024-03-02T02:00:00+08:00",
        "cancel_time": None,
        "cancel_effects": 0,
        "refunded_value": 0,
    }
    listed = requests.get(f"{gateway.url}/fake/payments", timeout=5)
    assert listed.json() == {"payments": [added.json()]}


def test_a_fault_is_ordered_by_its_name(gateway):
    ordered = requests.post(
        f"{gateway.url}/fake/misbehave",
        json={"fault": "RESULT", "payment": "order-1", "calls": 1, "result_code": "PROCESS_FAIL"},
        timeout=5,
    )
    assert ordered.status_code == 204
    assert call(gateway, paymentRequestId="order-1").code == "PROCESS_FAIL"
    assert call(gateway, paymentRequestId="order-1").code == "ORDER_NOT_EXIST"


def post(gateway, path, **document):
    return requests.post(f"{gateway.url}/fake/{path}", json=document, timeout=20)


def test_the_buyer_pays_or_does_not(gateway):
    for name in ("paid", "failed"):
        gateway.add_payment(payment_request_id=name, status="PROCESSING")
    assert post(gateway, "pay", payment="paid").json()["status"] == "SUCCESS"
    assert post(gateway, "pay", payment="failed", result="F").json()["status"] == "FAIL"
    told = post(gateway, "pay", payment="paid")
    assert (told.status_code, told.json()["detail"]) == (
        400,
        "The payment is SUCCESS: nothing can be paid.",
    )


def test_the_clock_is_read_set_and_moved_on(gateway):
    at = "2026-01-02T12:00:00+08:00"
    assert post(gateway, "clock", at=at).json() == {"now": at}
    assert post(gateway, "clock", advance=90).json() == {"now": "2026-01-02T12:01:30+08:00"}
    read = requests.get(f"{gateway.url}/fake/clock", timeout=5)
    assert read.json() == {"now": "2026-01-02T12:01:30+08:00"}
    post(gateway, "clock", at=None)
    assert gateway.now.year >= 2026


def test_a_merchant_is_notified_and_counted(gateway, merchant):
    gateway.add_payment(payment_request_id="order-1", status="AUTHORIZED")
    gateway.add_payment(payment_request_id="order-2", notify_url=merchant.url)
    order = {"url": merchant.url, "notify_type": "UPDATE_AMOUNT_RESULT", "result": "F"}
    told = post(gateway, "notify", payment="order-1", **order)
    assert told.json() == {"sends": 1, "acknowledged": True}
    assert post(gateway, "notify", payment="order-2").json()["acknowledged"]
    assert [(each.document["notifyType"], each.result_status) for each in merchant.told] == [
        ("UPDATE_AMOUNT_RESULT", "F"),
        ("PAYMENT_RESULT", "S"),
    ]
    assert "no notify URL" in post(gateway, "notify", payment="order-1").json()["detail"]
    captured = post(
        gateway, "notify", payment="order-1", url=merchant.url, notify_type="CAPTURE_RESULT"
    )
    assert "was captured" in captured.json()["detail"]


def test_the_calls_are_told_without_their_signatures(gateway):
    call(gateway, paymentRequestId="order-1")
    (told,) = requests.get(f"{gateway.url}/fake/calls", timeout=5).json()["calls"]
    assert (told["api"], told["ids"], told["answered"]) == (
        "cancel",
        ["order-1"],
        "ORDER_NOT_EXIST",
    )
    assert told["body"] == '{"paymentRequestId": "order-1"}'
    assert told["headers"]["request-time"] == "1685599933871"
    assert "signature" not in told["headers"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        ("POST", "payments", "{", 400, "property name"),
        ("POST", "payments", "[]", 400, "JSON object"),
        ("POST", "payments", '{"status": "PAID"}', 400, "PAID"),
        ("POST", "payments", '{"colour": "red"}', 400, "colour"),
        ("POST", "payments", '{"paid_at": "yesterday"}', 400, "yesterday"),
        ("POST", "misbehave", "[]", 400, "JSON object"),
        ("POST", "misbehave", "{}", 400, "ANSWER_LOST_AFTER"),
        ("POST", "misbehave", '{"fault": "GZIP", "size": 1}', 400, "size"),
        ("POST", "pay", "[]", 400, "JSON object"),
        ("POST", "pay", '{"payment": "nobody"}', 400, "nobody"),
        ("POST", "pay", '{"payment": "nobody", "result": "X"}', 400, "the buyer pays"),
        ("POST", "notify", '{"payment": "nobody"}', 400, "nobody"),
        ("POST", "clock", "{}", 400, "advance"),
        ("POST", "clock", '{"at": "noon"}', 400, "noon"),
        ("POST", "clock", '{"at": "2026-01-01T00:00:00"}', 400, "no UTC offset"),
        ("GET", "misbehave", "", 404, "Not found"),
        ("POST", "nothing", "{}", 404, "Not found"),
    ],
)
def test_what_cannot_be_done_is_explained(gateway, method, path, body, status, detail):
    told = requests.request(
        method,
        f"{gateway.url}/fake/{path}",
        data=body,
        headers={"content-type": "application/json"},
        timeout=5,
    )
    assert told.status_code == status
    assert detail in told.json()["detail"]
    assert gateway.payments == ()


def test_control_is_not_recorded_as_a_call(gateway):
    requests.get(f"{gateway.url}/fake/payments", timeout=5)
    assert gateway.calls == ()


ORDER = b'{"payment_request_id": "order-1"}'
PROGRAM = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "text/plain; application/json"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": None}, 415),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example:80"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "192.0.2.1:8001"}, 403),
        ({"host": "[::1"}, 403),
        ({"host": "evil.example@127.0.0.1"}, 403),
        ({"host": ""}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["payments", "misbehave", "nothing"])
def test_no_web_page_can_control_the_gateway(gateway, path, changes, status):
    told = requests.post(
        f"{gateway.url}/fake/{path}", data=ORDER, headers={**PROGRAM, **changes}, timeout=5
    )
    assert told.status_code == status
    assert told.json()["detail"]
    assert gateway.payments == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
    ],
    ids=str,
)
def test_no_web_page_can_read_the_payments(gateway, changes):
    told = requests.get(f"{gateway.url}/fake/payments", headers=changes, timeout=5)
    assert told.status_code == 403
    assert "payments" not in told.json()


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "localhost:8001"},
        {"host": "LOCALHOST"},
        {"host": "[::1]:8001"},
        {"host": "127.0.0.2"},
        {"sec-fetch-site": "none"},
        {"content-type": "Application/JSON; charset=utf-8"},
    ],
    ids=str,
)
def test_programs_on_this_machine_can(gateway, changes):
    headers = {**PROGRAM, **changes}
    told = requests.post(f"{gateway.url}/fake/payments", data=ORDER, headers=headers, timeout=5)
    assert told.status_code == 201


def test_refunds_made_elsewhere_and_settled(gateway):
    gateway.add_payment(payment_request_id="order-1", amount_value=1000)
    asked = {"payment": "order-1", "value": 400, "status": "PROCESSING"}
    assert post(gateway, "refund", **asked).json()["refunded_value"] == 400
    assert post(gateway, "settle", payment="order-1").json()["refunded_value"] == 400
    assert post(gateway, "settle", payment="order-1").status_code == 400
