"""What is believed of a reply, and what of it is stored."""

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from far_end import ALIPAY_KEY, ALIPAY_PUBLIC_KEY, CLIENT_ID, MERCHANT_KEY, VECTORS
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.answers import (
    MAXIMUM_STORED_BODY,
    Answer,
    Expectation,
    one_line,
    read_answer,
    safe_text,
)
from django_alipay_cancel.alipay.signing import content_to_be_signed, load_public_key, sign
from django_alipay_cancel.alipay.times import parse_time
from django_alipay_cancel.alipay.transport import Reply

PATH = "/ams/api/v1/payments/cancel"
TIME = "2026-01-02T03:04:05+00:00"
SUCCESS = {"resultCode": "SUCCESS", "resultStatus": "S", "resultMessage": "Success"}


def document(**fields: Any) -> bytes:
    return json.dumps({"result": SUCCESS, "paymentId": "2019", **fields}).encode()


def reply(
    body: bytes,
    *,
    key: rsa.RSAPrivateKey = ALIPAY_KEY,
    signed_body: bytes | None = None,
    path: str = PATH,
    client_id: str = CLIENT_ID,
    time: str = TIME,
    key_version: str = "1",
    status: int = 200,
    **headers: str | None,
) -> Reply:
    """A signed answer; ``headers`` replace or, with None, remove one, "_" standing for "-"."""
    content = content_to_be_signed(
        path=path,
        client_id=client_id,
        time=time,
        body=body if signed_body is None else signed_body,
    )
    signature = f"algorithm=RSA256,keyVersion={key_version},signature={sign(content, key)}"
    fields: dict[str, str | None] = {
        "signature": signature,
        "response-time": time,
        "client-id": client_id,
    }
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in fields.items() if value is not None}
    return Reply(status=status, headers=HTTPHeaderDict(kept), body=body)


def expectation(**changes: Any) -> Expectation:
    values: dict[str, Any] = {
        "path": PATH,
        "client_id": CLIENT_ID,
        "public_keys": (("1", ALIPAY_PUBLIC_KEY),),
        "payment_id": "2019",
    }
    return Expectation(**values | changes)


def answer(body: bytes, *, expected: Expectation | None = None, **options: Any) -> Answer:
    return read_answer(reply(body, **options), expected or expectation())


@pytest.mark.parametrize("case", [c for c in VECTORS["cases"] if c["kind"] == "response"])
def test_responses_of_the_vectors_are_verified(case: dict[str, str]) -> None:
    headers = {"signature": case["header"], "response-time": case["time"]}
    expected = expectation(path=case["path"], client_id=case["client_id"], payment_id=None)
    body = case["body"].encode()
    judged = read_answer(Reply(status=200, headers=HTTPHeaderDict(headers), body=body), expected)
    assert judged.verified
    flipped = body.replace(b"result", b"rezult", 1)
    judged = read_answer(Reply(status=200, headers=HTTPHeaderDict(headers), body=flipped), expected)
    assert judged.error == "bad_signature"


# --- whom to believe ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, ""),
        ({"client_id": CLIENT_ID, "client-id": None}, ""),
        pytest.param({"key": MERCHANT_KEY}, "bad_signature", id="our own key"),
        ({"signed_body": document(paymentId="2020")}, "bad_signature"),
        ({"path": "/ams/api/v1/payments/inquiryPayment"}, "bad_signature"),
        ({"response_time": "2026-01-02T03:04:06+00:00"}, "bad_signature"),
        pytest.param(
            {"response_time": "2026-01-02T03:04:05\xff"}, "bad_signature", id="a time beyond ASCII"
        ),
        ({"signature": None}, "bad_signature"),
        ({"signature": " "}, "bad_signature"),
        ({"response_time": None}, "bad_signature"),
        ({"response_time": ""}, "bad_signature"),
        ({"signature": "algorithm=RSA256,keyVersion=1,signature=AAAA"}, "bad_signature"),
        ({"signature": "nonsense"}, "bad_signature"),
        ({"signature": None, "response_time": None}, "unsigned"),
        ({"signature": "", "response_time": " "}, "unsigned"),
        ({"client_id": "another"}, "wrong_client"),
        ({"client-id": "another"}, "wrong_client"),
        ({"client-id": ""}, "wrong_client"),
        ({"content_encoding": "gzip"}, "invalid_body"),
        ({"content_encoding": "identity"}, ""),
    ],
    ids=str,
)
def test_only_what_alipay_signed_for_this_client_and_call_is_believed(
    options: dict[str, Any], error: str
) -> None:
    judged = answer(document(), **options)
    assert judged.error == error
    assert judged.verified is (not error)
    assert judged.sent
    assert judged.payment_id == ("" if error else "2019")


@pytest.mark.parametrize("name", ["signature", "response-time", "client-id"])
def test_a_repeated_header_is_not_believed_even_when_both_agree(name: str) -> None:
    genuine = reply(document())
    genuine.headers.add(name.upper(), genuine.headers[name])
    assert read_answer(genuine, expectation()).error == "bad_signature"


def test_another_algorithm_is_not_believed() -> None:
    genuine = reply(document())
    genuine.headers["signature"] = genuine.headers["signature"].replace("RSA256", "RSA512")
    assert read_answer(genuine, expectation()).error == "bad_signature"


def test_the_key_that_the_key_version_names_is_tried_first_and_then_the_others() -> None:
    other = load_public_key(VECTORS["merchant_key"]["public_base64"])
    expected = expectation(public_keys=(("1", ALIPAY_PUBLIC_KEY), ("2", other)))
    assert answer(document(), expected=expected, key_version="1").verified
    assert answer(document(), expected=expected, key_version="2", key=MERCHANT_KEY).verified
    assert answer(document(), expected=expected, key_version="2", key=ALIPAY_KEY).verified
    only_other = expectation(public_keys=(("1", other), ("2", other)))
    assert answer(document(), expected=only_other, key_version="2").error == "bad_signature"


@pytest.mark.parametrize("key_version", ["3", ""])
def test_an_unknown_key_version_may_be_any_configured_key(key_version: str) -> None:
    other = load_public_key(VECTORS["merchant_key"]["public_base64"])
    expected = expectation(public_keys=(("1", other), ("2", ALIPAY_PUBLIC_KEY)))
    assert answer(document(), expected=expected, key_version=key_version).verified
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    judged = answer(document(), expected=expected, key_version=key_version, key=stranger)
    assert judged.error == "bad_signature"


@pytest.mark.parametrize("status", ["S", "F", "U"])
def test_an_unsigned_answer_keeps_its_code_for_the_operator(status: str) -> None:
    result = {"resultCode": "KEY_NOT_FOUND", "resultStatus": status, "resultMessage": "no key"}
    judged = answer(document(result=result), signature=None, response_time=None)
    assert judged.error == "unsigned"
    assert (judged.result_status, judged.result_code) == (status, "KEY_NOT_FOUND")
    assert judged.result_message == "no key"
    assert judged.ids_match is None


def test_another_status_than_200_is_not_believed_even_signed() -> None:
    page = document(note="a\r\nb" + "x" * 300)
    judged = answer(page, status=502)
    assert (judged.error, judged.http_status) == ("http_status", 502)
    assert judged.result_status == ""
    assert judged.detail == f"{len(page)} bytes of no type"
    assert "2019" in judged.response_body


@pytest.mark.parametrize(
    ("error", "sent"),
    [("timeout", True), ("connection_failed", False), ("too_large", True)],
)
def test_what_the_transport_says_stands(error: str, sent: bool) -> None:
    judged = read_answer(Reply(sent=sent, error=error, detail="why\n"), expectation())
    assert (judged.error, judged.sent, judged.detail) == (error, sent, "why")


# --- freshness ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "error"),
    [(0, ""), (-50, ""), (50, ""), (-70, "stale_response"), (70, "stale_response")],
)
def test_the_response_time_is_judged_when_a_tolerance_is_set(seconds: int, error: str) -> None:
    said = datetime.now(timezone(timedelta(hours=5, minutes=30))) + timedelta(seconds=seconds)
    when = said.isoformat(timespec="seconds")
    expected = expectation(response_time_tolerance=60)
    assert answer(document(), expected=expected, time=when).error == error
    assert answer(document(), time=when).verified


@pytest.mark.parametrize("ahead", [60, -60])
def test_a_response_time_just_within_the_tolerance_is_taken(ahead: int) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    expected = expectation(response_time_tolerance=60)
    with time_machine.travel(now - timedelta(seconds=ahead), tick=False):
        assert answer(document(), expected=expected, time=now.isoformat()).verified


@pytest.mark.parametrize("when", ["yesterday", "2026-01-02T03:04:05", "9999-12-31T23:59:59-14:00"])
def test_a_response_time_that_cannot_be_judged_is_stale(when: str) -> None:
    judged = answer(document(), expected=expectation(response_time_tolerance=1e12), time=when)
    assert judged.error == "stale_response"
    assert judged.result_code == "SUCCESS"


# --- one strict parser --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"S"',
        b"<html>",
        b"{}",
        b'{"result": null}',
        b'{"result": {"resultCode": "SUCCESS"}}',
        b'{"result": {"resultStatus": "s"}}',
        b'{"result": {"resultStatus": "SUCCESS"}}',
        b'{"result": {"resultStatus": ["S"]}}',
        b'{"result": {"resultStatus": true}}',
        b'{"result": {"resultStatus": "F", "resultStatus": "S"}}',
        b'{"result": {"resultStatus": "F"}, "result": {"resultStatus": "S"}}',
        b'{"result": {"resultStatus": "F"}, "resul\\u0074": {"resultStatus": "S"}}',
        b'{"result": {"resultStatus": "S"}} {}',
        b'{"result": {"resultStatus": "S"}, "a": [{"b": 1, "b": 1}]}',
        b'{"result": {"resultStatus": "S"}, "a": NaN}',
        b'{"result": {"resultStatus": "S"}, "a": -Infinity}',
        b'{"result": {"resultStatus": "S"}, "a": ' + b"1" * 65 + b"}",
        b'{"result": {"resultStatus": "S"}, "a": 1e' + b"1" * 65 + b"}",
        b'{"result": {"resultStatus": "S"}, "a": ' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"result": {"resultStatus": "S"}, "a": "\xff"}',
        b'\xef\xbb\xbf{"result": {"resultStatus": "S"}}',
        '{"result": {"resultStatus": "S"}}'.encode("utf-16"),
        b"[" * 60_000,
        b'{"a":' * 12_000,
    ],
    ids=lambda body: repr(body[:70]).replace("\\", "/"),
)
@pytest.mark.parametrize("signed", [True, False])
def test_what_is_not_one_plain_answer_is_invalid(body: bytes, signed: bool) -> None:
    missing = {} if signed else {"signature": None, "response_time": None}
    judged = answer(body, **missing)
    assert judged.error == "invalid_body"
    assert judged.result_status == ""


def test_odd_but_lawful_json_is_read() -> None:
    deep = json.loads("[" * 31 + "]" * 31)
    judged = answer(document(deep=deep, text="[" * 100 + '\\"', price=1.5, huge=10**60))
    assert judged.verified


@pytest.mark.parametrize("body", [b'"\\' * 32_000, b'"' + b'\\"' * 32_000, b'"' * 65_000])
def test_a_hostile_text_is_refused_quickly(body: bytes) -> None:
    started = time.process_time()
    assert answer(body).error == "invalid_body"
    assert time.process_time() - started < 0.5


def test_a_signed_s_with_an_unknown_code_is_an_s() -> None:
    judged = answer(document(result={"resultStatus": "S", "resultCode": "BRAND_NEW"}))
    assert (judged.error, judged.result_status, judged.result_code) == ("", "S", "BRAND_NEW")


# --- ids ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answered", "match"),
    [
        ({"paymentId": "2019"}, True),
        ({"paymentId": "2019", "paymentRequestId": "pay_1"}, True),
        ({"paymentId": None, "paymentRequestId": "pay_1"}, True),
        ({"paymentId": 2019}, True),
        ({"paymentId": None}, None),
        ({"paymentId": ""}, None),
        ({"paymentId": {"a": 1}}, None),
        ({"paymentId": "2020"}, False),
        ({"paymentId": "2019 "}, False),
        ({"paymentId": "2019", "paymentRequestId": "pay_2"}, False),
        ({"paymentId": "2019" + "0" * 100}, False),
    ],
    ids=str,
)
def test_answered_ids_are_compared_with_those_asked_about(
    answered: dict[str, Any], match: bool | None
) -> None:
    expected = expectation(payment_request_id="pay_1")
    judged = answer(document(**answered), expected=expected)
    assert judged.ids_match is match
    assert judged.error == ("id_mismatch" if match is False else "")
    assert judged.result_status == "S"


def test_an_id_that_was_not_asked_about_compares_with_nothing() -> None:
    expected = expectation(payment_id=None, payment_request_id="pay_1")
    judged = answer(document(), expected=expected)
    assert (judged.ids_match, judged.verified) == (None, True)


# --- the inquiry --------------------------------------------------------------------------------


def test_an_inquiry_is_read() -> None:
    judged = answer(
        document(
            paymentStatus="Cancelled", paymentTime="2026-01-01T10:00:00+0800", transactions=None
        )
    )
    assert judged.payment_status == "CANCELLED"
    assert judged.payment_time == datetime(2026, 1, 1, 2, tzinfo=UTC)
    assert judged.cancel_time is None
    assert not judged.cancelled_by_transaction


@pytest.mark.parametrize(
    ("transactions", "cancelled"),
    [
        ([{"transactionType": "CANCEL", "transactionStatus": "SUCCESS"}], True),
        ([{"transactionType": "void", "transactionResult": {"resultStatus": "S"}}], True),
        ([1, {"transactionType": "CANCEL", "transactionStatus": "success"}], True),
        (
            [
                {
                    "transactionType": "CANCEL",
                    "transactionStatus": "SUCCESS",
                    "transactionResult": {"resultStatus": "S"},
                }
            ],
            True,
        ),
        ([{"transactionType": "REFUND", "transactionStatus": "SUCCESS"}], False),
        ([{"transactionType": "CANCEL"}], False),
        ([{"transactionType": "CANCEL", "transactionStatus": "FAIL"}], False),
        (
            [
                {
                    "transactionType": "CANCEL",
                    "transactionStatus": "FAIL",
                    "transactionResult": {"resultStatus": "S"},
                }
            ],
            False,
        ),
        ([{"transactionType": {}, "transactionStatus": []}], False),
        ([None, "CANCEL", [[]]], False),
        ("CANCEL", False),
        ({"transactionType": "CANCEL"}, False),
    ],
    ids=str,
)
def test_a_done_cancel_among_the_transactions_counts(transactions: Any, cancelled: bool) -> None:
    judged = answer(document(paymentStatus="SUCCESS", transactions=transactions))
    assert judged.verified
    assert judged.cancelled_by_transaction is cancelled


# --- fit to be stored ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-06-12T19:07:11+08:00", datetime(2019, 6, 12, 11, 7, 11, tzinfo=UTC)),
        ("2019-06-12T19:07:11+0530", datetime(2019, 6, 12, 13, 37, 11, tzinfo=UTC)),
        ("2019-06-12T19:07:11-07:00", datetime(2019, 6, 13, 2, 7, 11, tzinfo=UTC)),
        (" 2019-06-12T19:07:11Z ", datetime(2019, 6, 12, 19, 7, 11, tzinfo=UTC)),
        ("2019-06-12T19:07:11.1234567Z", datetime(2019, 6, 12, 19, 7, 11, 123456, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("2099-12-31T23:59:59Z", datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("1999-12-31T23:59:59Z", None),
        ("2100-01-01T00:00:00Z", None),
        ("2019-06-12T19:07:11", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("1685599933871", None),
        ("soon", None),
        ("", None),
        (None, None),
        (5, None),
        ({}, None),
    ],
)
def test_times_are_aware_or_none(text: object, expected: datetime | None) -> None:
    time = parse_time(text)
    assert time == expected
    assert time is None or time.tzinfo is UTC


def test_odd_types_and_characters_become_plain_text() -> None:
    result = {
        "resultStatus": "F",
        "resultCode": 404,
        "resultMessage": "a\x00b\ud800c\n\td\x1b[0m" + "é" * 300,
    }
    judged = answer(
        json.dumps({"result": result, "paymentId": "2019", "cancelTime": {}}).encode(),
        tracerid="t" * 100,
    )
    assert judged.verified
    assert judged.result_code == "404"
    assert judged.result_message.startswith("abc d[0mé")
    assert len(judged.result_message) == 256
    assert judged.trace_id == "t" * 64
    assert answer(document(result={"resultStatus": "F", "resultCode": {}})).result_code == ""


def test_a_stored_body_is_bounded() -> None:
    judged = answer(b"\xff\x00\n" + b"x" * 10_000)
    assert judged.response_body.startswith("\ufffd\nx")
    assert len(judged.response_body) == 4096


@given(st.text(st.characters(codec=None)) | st.integers() | st.none(), st.integers(0, 50))
def test_any_value_becomes_storable(value: object, limit: int) -> None:
    for text in (safe_text(value, limit), one_line(value, limit)):
        assert len(text) <= limit
        text.encode()
        assert not set(text) & {chr(code) for code in range(32)} - {"\n", "\t"}
    assert len(one_line(value, limit).splitlines()) <= 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
names = st.sampled_from(
    ["paymentId", "cancelTime", "paymentStatus", "paymentTime", "transactions", "resultCode"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(names, json_values).map(lambda fields: document(**fields))
    | st.dictionaries(names, json_values).map(
        lambda fields: document(result={**fields, "resultStatus": "F"})
    )
    | st.binary(max_size=200)
)
def test_nothing_that_is_signed_can_break_the_reader(body: bytes) -> None:
    judged = answer(body)
    assert judged.error in ("", "invalid_body", "id_mismatch")
    assert judged.payment_time is None or judged.payment_time.tzinfo is UTC


def test_what_is_cut_is_cut_to_its_length() -> None:
    long = "x" * 65
    judged = answer(
        document(
            result={"resultStatus": "S", "resultCode": long},
            paymentId=long,
            paymentRequestId=long,
            paymentStatus=long,
        ),
        expected=expectation(payment_id=None),
    )
    assert judged.result_code == judged.payment_id == judged.payment_request_id == "x" * 64
    assert judged.payment_status == "X" * 64


def test_the_answers_own_time_is_kept_when_it_is_signed() -> None:
    assert answer(document()).answered_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert answer(document(), key=MERCHANT_KEY).answered_at is None


def test_without_a_trace_id_there_is_none() -> None:
    assert answer(document()).trace_id == ""


def test_nothing_is_taken_from_a_body_that_is_said_to_be_packed() -> None:
    assert answer(document(), content_encoding="").verified
    judged = answer(document(), content_encoding="gzip")
    assert (judged.error, judged.result_code) == ("invalid_body", "")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text/html; charset=utf-8", "6 bytes of text/html"),
        ("text/\u202ehtml\x07", "6 bytes of text/html"),
        ("x" * 300, f"6 bytes of {'x' * 64}"),
    ],
)
def test_of_what_a_server_says_beside_an_error_length_and_type_are_told(
    kind: str, told: str
) -> None:
    judged = answer(b"\xff away", status=502, content_type=kind)
    assert judged.detail == told
    assert judged.response_body == "\ufffd away"


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad"])
def test_what_shows_nothing_is_dropped_from_a_line(character: str) -> None:
    assert one_line(f"{character}pa{character}id{character}", 64) == "paid"
    result = {"resultStatus": "F", "resultCode": f"A{character}B", "resultMessage": character}
    judged = answer(document(result=result))
    assert (judged.result_code, judged.result_message) == ("AB", "")


SECRET = "al/go=RSA256,sig=a+b%2Fc%3D"


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        SECRET.lower(),
        "al/go=RSA256,sig=a+b/c=",
        "al%2Fgo%3DRSA256%2Csig%3Da%2Bb%2Fc%3D",
        r"al\/go=RSA256,sig=a+b\/c=",
    ],
)
def test_a_secret_that_is_sent_back_is_kept_nowhere(spelt: str) -> None:
    long = "x" * (MAXIMUM_STORED_BODY - 10)
    for body, status in (
        (f"You sent: {spelt}!".encode(), 400),
        (f"{long}{spelt}".encode(), 400),
        (
            f'{{"result": {{"resultStatus": "F", "resultCode": "{spelt}", '
            f'"resultMessage": "{spelt}"}}}}'.encode(),
            200,
        ),
    ):
        expected = expectation(secrets=(SECRET, "short"))
        judged = read_answer(reply(body, status=status, tracerid=spelt), expected)
        everything = repr(judged).lower()
        assert "rsa256" not in everything
        assert "hidden" in everything
        assert judged.trace_id == "[hidden]"


def test_no_secret_is_in_the_representation_of_what_is_expected() -> None:
    assert "RSA256" not in repr(expectation(secrets=(SECRET,)))


def test_a_second_signature_header_is_not_believed_even_with_another_part() -> None:
    doubled = reply(document())
    assert read_answer(doubled, expectation()).verified
    doubled.headers.add("signature", "extra=1")
    assert read_answer(doubled, expectation()).error == "bad_signature"


def test_a_time_beyond_ascii_is_not_believed_even_when_it_is_signed() -> None:
    assert answer(document(), time=TIME + "é").error == "bad_signature"


def test_a_path_beyond_ascii_is_not_believed_even_when_it_is_signed() -> None:
    judged = answer(document(), path="/é", expected=expectation(path="/é"))
    assert judged.error == "bad_signature"
