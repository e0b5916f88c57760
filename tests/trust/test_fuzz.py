"""Whatever comes in: no exception but our own, and no S believed that Alipay did not sign.

2,000 inputs of each kind; with NIGHTLY=1 in the environment 50,000.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

import hypothesis.strategies as st
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from urllib3 import HTTPHeaderDict

from django_alipay_cancel.alipay.answers import Expectation, read_answer
from django_alipay_cancel.alipay.results import ERRORS
from django_alipay_cancel.alipay.signing import (
    InvalidSignatureHeader,
    SignatureHeader,
    parse_signature_header,
)
from django_alipay_cancel.alipay.transport import Reply
from django_alipay_cancel.models import Payment
from django_alipay_cancel.testing.keys import throw_away_keys
from django_alipay_cancel.testing.wire import Seal

INPUTS = 50_000 if os.environ.get("NIGHTLY") else 2_000
many = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.timeout(6 * 3600)]

PATH = "/ams/api/v1/payments/cancel"
NOTIFY = "/alipay-notify/"
CLIENT_ID = "SANDBOX_5X00000000000000"
KEYS = throw_away_keys()

# --- what may come --------------------------------------------------------------------------------

WORDS = [
    *("S", "F", "U", "s", "", "SUCCESS", "PAYMENT_RESULT", "CANCELLED", "order-1", "USD", "1000"),
    *(
        "2026-01-02T11:04:05+08:00",
        "0001-01-01T00:00:00+14:00",
        "a\x00b",
        "\ud800",
        "\u2028",
        "é" * 99,
    ),
    *(None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**80, [], {}, [None], {"a": 1}),
]
NAMES = [
    *("result", "resultStatus", "resultCode", "resultMessage", "paymentId", "paymentRequestId"),
    *("paymentStatus", "paymentTime", "paymentAmount", "currency", "value", "cancelTime"),
    *("notifyType", "transactions", "transactionType", "transactionStatus", "transactionResult"),
]
names = st.sampled_from(NAMES)
scalars = st.sampled_from(WORDS) | st.text(max_size=20)
flat = st.dictionaries(names, scalars, max_size=4)
plausible = st.fixed_dictionaries(
    {"result": flat | st.sampled_from([{"resultStatus": status} for status in "SFU"])},
    optional={
        "paymentId": st.just("order-1") | scalars,
        "paymentRequestId": scalars,
        "notifyType": st.just("PAYMENT_RESULT") | scalars,
        "paymentTime": scalars,
        "paymentAmount": st.just({"currency": "USD", "value": "1000"}) | flat,
        "transactions": st.lists(flat | scalars, max_size=2),
    },
)
documents = plausible | st.dictionaries(names, scalars | flat, max_size=5)
bodies = (
    documents.map(lambda document: json.dumps(document).encode())
    | documents.map(
        lambda document: json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    )
    | st.binary(max_size=60)
    | st.text('{}[]",:\\1e-.tfn \u0000é', max_size=60).map(str.encode)
)
header_texts = st.sampled_from(
    ["", " ", "1", "gzip", "identity", CLIENT_ID, "\xff", "a,b"]
) | st.text(st.characters(codec="latin-1"), max_size=20)
parts = st.builds(
    lambda name, text: f"{name}={text}",
    st.sampled_from(["algorithm", "keyVersion", "signature", "", " SIGNATURE ", "x"]),
    st.sampled_from(["RSA256", "rsa256", "none", "1", "QUJD", "QUJD=", "%51%55JD", "%2", "==", ""])
    | header_texts,
)
signature_texts = (
    st.lists(parts, max_size=5).map(",".join)
    | header_texts
    | st.text("algorithm=keyVersion,signature=RSA256%+/ABCD ", max_size=60)
)
headers_of = st.fixed_dictionaries(
    {},
    optional={
        "signature": signature_texts,
        "response-time": header_texts,
        "request-time": header_texts,
        "client-id": header_texts,
        "content-encoding": header_texts,
        "tracerid": header_texts,
    },
)
signers = st.sampled_from(["Alipay", "Alipay", "Alipay before a byte was changed", "us", "nobody"])


def sealed(signer, headers, body, path, time_header):
    """Return headers and body as this signer would have them arrive."""
    if signer == "nobody":
        return headers, body
    seal = Seal(
        uri=path,
        client_id=CLIENT_ID,
        time="2026-01-02T11:04:05+08:00",
        key=KEYS.merchant if signer == "us" else KEYS.alipay,
    )
    genuine = {"client-id": CLIENT_ID, time_header: seal.time, "signature": seal.signature(body)}
    if "changed" in signer:
        at = len(body) // 2
        body = body[:at] + bytes([(body[at] + 1) % 256 if body else 0]) + body[at + 1 :]
    return {"tracerid": headers.get("tracerid", "")} | genuine, body


# --- the three ways in ----------------------------------------------------------------------------


@many
@given(
    signer=signers,
    headers=headers_of,
    body=bodies,
    status=st.sampled_from([200, 200, 200, 204, 302, 500]),
)
def test_the_reader_of_answers_never_breaks_and_believes_only_alipay(signer, headers, body, status):
    headers, body = sealed(signer, headers, body, PATH, "response-time")
    answer = read_answer(
        Reply(status=status, headers=HTTPHeaderDict(headers), body=body),
        Expectation(
            path=PATH,
            client_id=CLIENT_ID,
            public_keys=(("1", KEYS.alipay.public_key()),),
            payment_id="order-1",
        ),
    )
    assert answer.error in ("", *ERRORS)
    for text in (answer.result_code, answer.result_message, answer.trace_id, answer.detail):
        text.encode()
        assert len(text.splitlines()) <= 1
    answer.response_body.encode()
    assert "\x00" not in answer.response_body
    if signer != "Alipay" or status != 200:
        assert not answer.verified
    if answer.verified:
        assert json.loads(body)["result"]["resultStatus"] == answer.result_status
    else:
        assert (answer.payment_status, answer.payment_id, answer.cancel_time) == ("", "", None)


@many
@given(text=signature_texts | st.text(st.characters(codec=None), max_size=60))
def test_a_signature_header_is_read_or_refused(text):
    with suppress(InvalidSignatureHeader):
        header = parse_signature_header(text)
        assert isinstance(header, SignatureHeader)
        assert header.signature
        assert header.key_version is None or header.key_version.strip() == header.key_version


@pytest.mark.django_db
@many
@given(
    signer=signers,
    headers=headers_of,
    body=bodies,
    query=st.sampled_from(["", "", "?a=1", "?%00", "?é"]),
)
def test_the_notification_view_never_breaks_and_believes_only_alipay(
    gateway, signer, headers, body, query
):
    headers, body = sealed(signer, headers, body, NOTIFY, "request-time")
    Payment.objects.all().delete()
    response = Client().post(
        NOTIFY + query, data=body, content_type="application/json", headers=headers
    )
    result = response.json()["result"]["resultStatus"]
    acknowledged = (response.status_code, result) == (200, "S")
    assert acknowledged or (response.status_code in (400, 503) and result == "F")
    stored = Payment.objects.first()
    if signer != "Alipay":
        assert not acknowledged
        assert stored is None
    elif stored is not None:
        said = {"SUCCESS": "S", "FAIL": "F"}[stored.status]
        assert json.loads(body)["result"]["resultStatus"] == said
