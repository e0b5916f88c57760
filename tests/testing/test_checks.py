"""What the gateway checks before it looks at a payment, and in which order."""

from __future__ import annotations

import json
import re
import socket
from urllib.parse import unquote, urlsplit

import pytest

from tests.testing.calling import CANCEL, INQUIRY, Told, call, connect, send, signed_headers

BODY = b'{"paymentRequestId":"order-1"}'
PATHS = [f"/ams/{part}api/v1/payments/cancel" for part in ("", "sandbox/")]


def post(gateway, path=CANCEL, body=BODY, method="POST", sign=None, headers=None) -> Told:
    """Call with one part changed: ``sign`` is the path signed, a header None is left out."""
    given = {**signed_headers(gateway, sign or path, body), **(headers or {})}
    given = {name: text for name, text in given.items() if text is not None}
    connection = connect(gateway)
    try:
        return send(connection, path, body, given, method)
    finally:
        connection.close()


def test_a_correct_call_is_carried_out_and_signed(gateway):
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1")
    told = post(gateway)
    assert told.status == 200
    assert told.document == {
        "result": {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "success."},
        "paymentRequestId": "order-1",
        "paymentId": "alipay-1",
        "cancelTime": gateway.payment("order-1").cancel_time.isoformat(),
    }
    assert told.body == json.dumps(told.document, separators=(",", ":")).encode()
    assert told.is_genuine(gateway, CANCEL)


def test_the_header_names_of_an_answer_are_lower_case(gateway):
    told = post(gateway)
    assert {"signature", "client-id", "response-time", "content-type"} <= told.headers.keys()
    assert all(name == name.lower() for name in told.headers)


def test_the_response_time_is_iso_with_an_offset_in_whole_seconds(gateway):
    time = post(gateway).headers["response-time"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", time)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("api", ["cancel", "inquiryPayment"])
def test_both_twins_of_a_route_sign_the_path_that_was_asked_for(gateway, path, api):
    path = path.replace("cancel", api)
    gateway.add_payment(payment_request_id="order-1")
    told = post(gateway, path)
    assert told.code == "SUCCESS"
    assert told.is_genuine(gateway, path)
    assert not told.is_genuine(gateway, PATHS[0] if "sandbox" in path else CANCEL)


def test_a_query_is_part_of_what_is_signed(gateway):
    gateway.add_payment(payment_request_id="order-1")
    told = post(gateway, CANCEL + "?a=1")
    assert told.code == "SUCCESS"
    assert told.is_genuine(gateway, CANCEL + "?a=1")


# In the order of the checks.
BROKEN = [
    ("NO_INTERFACE_DEF", {"path": "/ams/api/v1/payments/consult"}),
    ("METHOD_NOT_SUPPORTED", {"method": "PUT"}),
    ("MEDIA_TYPE_NOT_ACCEPTABLE", {"headers": {"Content-Type": "text/plain"}}),
    ("CLIENT_INVALID", {"headers": {"Client-Id": "5X00000000000001"}}),
    ("KEY_NOT_FOUND", {"headers": {"Signature": "keyVersion=9,signature=AAAA"}}),
    ("INVALID_SIGNATURE", {"sign": "/ams/api/v1/payments/other"}),
    ("PARAM_ILLEGAL", {"body": b"{}"}),
]


@pytest.mark.parametrize("first", range(len(BROKEN)), ids=[code for code, _ in BROKEN])
def test_of_several_checks_that_fail_the_first_names_the_answer(gateway, first):
    code = BROKEN[first][0]
    changes: dict = {}
    headers: dict = {}
    for _, broken in BROKEN[first:]:
        headers |= broken.get("headers", {})
        changes |= broken
    told = post(gateway, **{**changes, "headers": headers})
    assert (told.status, told.code, told.result_status) == (200, code, "F")
    assert told.signed == ("response-time" in told.headers) == (code == "PARAM_ILLEGAL")


@pytest.mark.parametrize("client_id", [None, ""])
def test_a_missing_client_id_is_refused(gateway, client_id):
    assert post(gateway, headers={"Client-Id": client_id}).code == "CLIENT_INVALID"


@pytest.mark.parametrize("signature", [None, "", "algorithm=RSA256", "signature=AAAA", "nonsense"])
def test_a_missing_or_broken_signature_is_refused_unsigned(gateway, signature):
    told = post(gateway, headers={"Signature": signature})
    assert (told.code, told.signed) == ("INVALID_SIGNATURE", False)


def test_a_request_changed_after_signing_is_refused_and_changes_nothing(gateway):
    gateway.add_payment(payment_request_id="order-1")
    connection = connect(gateway)
    told = send(connection, CANCEL, BODY, signed_headers(gateway, CANCEL, b"{}"))
    connection.close()
    assert told.code == "INVALID_SIGNATURE"
    assert gateway.payment("order-1").status == "SUCCESS"


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: text.replace(",", ", "),
        lambda text: re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text),
        unquote,
        lambda text: text.rpartition(",")[2],
    ],
    ids=["spaces", "lower hex", "raw base64", "signature alone"],
)
def test_every_spelling_of_the_signature_header_is_accepted(gateway, rewrite):
    header = rewrite(signed_headers(gateway, CANCEL, BODY)["Signature"])
    assert post(gateway, headers={"Signature": header}).code == "ORDER_NOT_EXIST"


@pytest.mark.parametrize(
    "time",
    [
        "1685599933871",
        "2019-07-12T12:08:56.253+05:30",
        "2019-07-12T12:08:56+00:00",
        "2019-07-12T12:08:56+0000",
        "2019-07-12T12:08:56.1234567Z",
    ],
)
def test_every_format_of_the_request_time_is_accepted(gateway, time):
    connection = connect(gateway)
    told = send(connection, CANCEL, BODY, signed_headers(gateway, CANCEL, BODY, time=time))
    connection.close()
    assert told.code == "ORDER_NOT_EXIST"


@pytest.mark.parametrize("spelling", [str.upper, str.lower])
def test_header_names_may_be_in_any_letter_case(gateway, spelling):
    headers = {spelling(name): text for name, text in signed_headers(gateway, CANCEL, BODY).items()}
    connection = connect(gateway)
    assert send(connection, CANCEL, BODY, headers).code == "ORDER_NOT_EXIST"
    connection.close()


@pytest.mark.parametrize("path", [CANCEL, CANCEL + "?a=1"])
def test_of_a_whole_url_as_target_only_path_and_query_are_signed(gateway, path):
    host = urlsplit(gateway.url).netloc
    lines = [f"POST https://{host}{path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {text}" for name, text in signed_headers(gateway, path, BODY).items()]
    lines += [f"Content-Length: {len(BODY)}", "Connection: close", "", ""]
    name, port = host.split(":")
    with socket.create_connection((name, int(port)), timeout=5) as sock:
        sock.sendall("\r\n".join(lines).encode() + BODY)
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert b'"resultCode":"ORDER_NOT_EXIST"' in answer
    assert b"\r\nsignature: " in answer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"paymentId":""}',
        b'{"paymentId":5}',
        b'{"paymentId":"%s"}' % (b"x" * 65),
        b'{"paymentId":"x","merchantAccountId":"%s"}' % (b"x" * 33),
    ],
    ids=["empty", "list", "broken", "deep", "no id", "number", "long id", "long account"],
)
def test_illegal_parameters_are_refused_with_a_signature(gateway, body):
    told = post(gateway, body=body)
    assert (told.code, told.result_status) == ("PARAM_ILLEGAL", "F")
    assert told.is_genuine(gateway, CANCEL)


def test_the_payment_id_wins_and_unknown_fields_do_not_matter(gateway):
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1")
    gateway.add_payment(payment_request_id="order-2", payment_id="alipay-2")
    told = call(gateway, INQUIRY, paymentId="alipay-2", paymentRequestId="order-1", other="x")
    assert told.document["paymentRequestId"] == "order-2"


def test_a_missing_request_time_is_an_illegal_parameter(gateway):
    headers = {**signed_headers(gateway, CANCEL, BODY, time=""), "Request-Time": None}
    assert post(gateway, headers=headers).code == "PARAM_ILLEGAL"


def test_refused_calls_are_recorded_too(gateway):
    post(gateway, headers={"Client-Id": "somebody"})
    (recorded,) = gateway.calls
    assert (recorded.api, recorded.answered) == ("cancel", "CLIENT_INVALID")
    assert (recorded.path, recorded.body) == (CANCEL, BODY)
    assert recorded.headers["client-id"] == "somebody"
