"""What is believed of a notification, and what is read of it: the part without a database."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from far_end import ALIPAY_KEY, ALIPAY_PUBLIC_KEY, CLIENT_ID

from django_alipay_cancel.alipay.notifications import (
    ACKNOWLEDGEMENT,
    REFUSAL,
    PaymentMessage,
    Unbelievable,
    read_message,
)
from django_alipay_cancel.alipay.signing import content_to_be_signed, signature_header

PATH = "/notify/"
TIME = "2026-01-02T11:04:05+08:00"
WHOLE = {
    "notifyType": "PAYMENT_RESULT",
    "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success"},
    "paymentRequestId": "order-1",
    "paymentId": "alipay-1",
    "paymentAmount": {"value": "1250", "currency": "JPY"},
    "paymentTime": "2026-01-02T11:04:05+08:00",
}


def headers_for(body: bytes, *, path: str = PATH, **changes: str) -> dict[str, str]:
    content = content_to_be_signed(path=path, client_id=CLIENT_ID, time=TIME, body=body)
    headers = {
        "Signature": signature_header(content, ALIPAY_KEY, "1"),
        "Client-Id": CLIENT_ID,
        "Request-Time": TIME,
    }
    return headers | {name.replace("_", "-"): value for name, value in changes.items()}


def read(body: bytes, headers: dict[str, str] | None = None, *, path: str = PATH) -> PaymentMessage:
    return read_message(
        headers_for(body) if headers is None else headers,
        body,
        path=path,
        client_id=CLIENT_ID,
        public_keys=(("1", ALIPAY_PUBLIC_KEY),),
    )


def message(**fields: Any) -> PaymentMessage:
    return read(json.dumps(WHOLE | fields).encode())


def why_not(*arguments: Any, **options: Any) -> str:
    with pytest.raises(Unbelievable) as problem:
        read(*arguments, **options)
    assert str(problem.value) == problem.value.error
    return problem.value.error


def test_a_whole_message_is_read_field_by_field() -> None:
    body = json.dumps(WHOLE).encode()
    assert read(body, headers_for(body, tracerid=" 0a1b\n2c ")) == PaymentMessage(
        notify_type="PAYMENT_RESULT",
        result_status="S",
        result_code="SUCCESS",
        payment_request_id="order-1",
        payment_id="alipay-1",
        amount_value=1250,
        amount_currency="JPY",
        paid_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        trace_id="0a1b 2c",
    )


def test_a_capture_is_dated_by_its_own_time_and_nothing_else_is() -> None:
    times = {"captureTime": "2026-01-03T00:00:00Z", "paymentTime": "2026-01-02T00:00:00Z"}
    captured = message(notifyType="CAPTURE_RESULT", **times)
    assert captured.paid_at == datetime(2026, 1, 3, tzinfo=UTC)
    assert message(**times).paid_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert message(notifyType="CAPTURE_RESULT").paid_at is None


def test_an_authorization_says_until_when_and_a_refund_says_whose() -> None:
    read_at = message(authExpiryTime="2026-01-09T00:00:00Z").auth_expires_at
    assert read_at == datetime(2026, 1, 9, tzinfo=UTC)
    assert message(refundRequestId="r-1").refund_request_id == "r-1"


def test_a_message_that_says_nothing_is_read_as_nothing() -> None:
    assert read(b"{}") == PaymentMessage(
        notify_type="",
        result_status="",
        result_code="",
        payment_request_id="",
        payment_id="",
        amount_value=None,
        amount_currency="",
        paid_at=None,
        trace_id="",
    )


@pytest.mark.parametrize("odd", [None, True, ["S"], {"a": "b"}])
def test_a_field_of_another_kind_is_no_field(odd: Any) -> None:
    odd_fields = dict.fromkeys(WHOLE, odd)
    read_fields = vars(read(json.dumps(odd_fields).encode()))
    assert set(read_fields.values()) <= {"", None}


@pytest.mark.parametrize("field", ["notifyType", "resultStatus", "resultCode"])
@pytest.mark.parametrize(("said", "kept"), [("x" * 65, "x" * 64), ("x" * 64, "x" * 64)])
def test_what_is_ours_to_compare_is_cut_to_its_length(field: str, said: str, kept: str) -> None:
    changed = {field: said} if field == "notifyType" else {"result": {field: said}}
    assert kept in vars(message(**changed)).values()


def test_a_trace_id_is_cut_to_its_length() -> None:
    assert read(b"{}", headers_for(b"{}", tracerid="x" * 65)).trace_id == "x" * 64


@pytest.mark.parametrize("id", [" order-1 ", "x" * 100, "订单"])
def test_an_id_is_taken_as_it_stands(id: str) -> None:
    assert message(paymentRequestId=id).payment_request_id == id
    assert message(paymentId=id).payment_id == id


@pytest.mark.parametrize(
    ("value", "minor_units"),
    [
        ("0", 0),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("12.50", None),
        ("-1", None),
        ("", None),
        ("１２", None),
        ("²", None),
    ],
)
def test_an_amount_is_a_whole_number_of_minor_units(value: str, minor_units: int | None) -> None:
    assert message(paymentAmount={"value": value}).amount_value == minor_units


def test_an_amount_may_come_as_a_number() -> None:
    assert message(paymentAmount={"value": 1250}).amount_value == 1250


@pytest.mark.parametrize("body", [b"", b"[]", b'"S"', b"null", b"\xff", b'{"a":1,"a":2}'])
def test_what_is_signed_but_no_object_cannot_be_read(body: bytes) -> None:
    assert why_not(body) == "invalid_body"


def test_the_largest_message_is_read_and_none_beyond() -> None:
    largest = json.dumps({"x": "x" * (64 * 1024 - 9)}).encode()
    assert len(largest) == 64 * 1024
    assert read(largest).payment_id == ""
    assert why_not(largest + b" ") == "too_large"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"Client_Id": "another"}, "wrong_client"),
        ({"Signature": "", "Request_Time": ""}, "unsigned"),
        ({"Signature": ""}, "bad_signature"),
        ({"Request_Time": "2026-01-02T11:04:06+08:00"}, "bad_signature"),
    ],
)
def test_what_alipay_did_not_sign_is_not_believed(changes: dict[str, str], error: str) -> None:
    assert why_not(b"{}", headers_for(b"{}", **changes)) == error


@pytest.mark.parametrize("signed", ["/notify/?shop=1&x=%2F", "/notify/"])
def test_a_query_may_be_signed_or_not(signed: str) -> None:
    assert read(b"{}", headers_for(b"{}", path=signed), path="/notify/?shop=1&x=%2F")


@pytest.mark.parametrize("path", ["/", "/?shop=1"])
@pytest.mark.parametrize("signed", ["/", ""])
def test_of_a_bare_address_the_path_may_be_empty(path: str, signed: str) -> None:
    assert read(b"{}", headers_for(b"{}", path=signed), path=path)


def test_why_a_signature_does_not_verify_is_told_in_one_line_of_some_length() -> None:
    headers = headers_for(b"{}", Client_Id=f"5X9\n{'x' * 300}")
    with pytest.raises(Unbelievable) as other:
        read(b"{}", headers)
    told = (other.value.error, other.value.cause, other.value.detail)
    assert told == ("wrong_client", "other_client", f"5X9 {'x' * 252}")
    with pytest.raises(Unbelievable) as large:
        read(b" " * (64 * 1024 + 1), headers)
    assert (large.value.cause, large.value.detail) == ("", "")


@pytest.mark.parametrize("path", ["/notify/", "/notify/?shop=1"])
def test_what_was_signed_for_no_address_is_not_believed(path: str) -> None:
    assert why_not(b"{}", headers_for(b"{}", path=""), path=path) == "bad_signature"


@pytest.mark.parametrize("signed", ["/notify/?shop=2", "/notify", "/"])
def test_another_address_than_ours_is_not_believed(signed: str) -> None:
    headers = headers_for(b"{}", path=signed)
    assert why_not(b"{}", headers, path="/notify/?shop=1") == "bad_signature"


def test_what_alipay_is_answered_is_what_its_page_asks_for() -> None:
    """https://docs.antom.com/ac/ams/paymentrn_online"""
    assert ACKNOWLEDGEMENT == {
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success"}
    }
    assert REFUSAL["result"]["resultStatus"] == "F"
