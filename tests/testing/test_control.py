"""Control from another process: /fake/payments and /fake/misbehave."""

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
        ("GET", "misbehave", "", 404, "Not found"),
        ("POST", "nothing", "{}", 404, "Not found"),
    ],
)
def test_what_cannot_be_done_is_explained(gateway, method, path, body, status, detail):
    told = requests.request(method, f"{gateway.url}/fake/{path}", data=body, timeout=5)
    assert told.status_code == status
    assert detail in told.json()["detail"]
    assert gateway.payments == ()


def test_control_is_not_recorded_as_a_call(gateway):
    requests.get(f"{gateway.url}/fake/payments", timeout=5)
    assert gateway.calls == ()
