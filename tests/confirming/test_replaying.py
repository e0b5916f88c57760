"""FakeAlipay.like answers as a gateway did that a file of confirm_gateway tells of."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from django_alipay_cancel.confirming.asking import call_api
from django_alipay_cancel.confirming.run import Run
from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.confirming.telling import client_of, written

F_CLOSED = {"status": "F", "code": "ORDER_IS_CLOSED"}
S = {"status": "S", "code": "SUCCESS"}
FAILED = {**S, "payment_status": "FAIL"}


def test_cancels_of_what_is_failed_expired_or_unknown_are_replayed(tmp_path):
    file = written(
        tmp_path,
        cancel_of_failed={"inquiry": FAILED, "cancel": S},
        cancel_of_expired={"inquiry": FAILED, "cancel": F_CLOSED},
        cancel_before_pay={"cancel": {"status": "U", "code": "UNKNOWN_EXCEPTION"}},
    )
    with FakeAlipay.like(file) as gateway:
        client = client_of(gateway)
        failed = gateway.add_payment(payment_request_id="failed-1", status="FAIL")
        gateway.add_payment(
            payment_request_id="expired-1",
            status="PROCESSING",
            expires_at=gateway.now - timedelta(seconds=1),
        )
        answer = client.cancel(client.request_body(payment_request_id="failed-1", payment_id=None))
        assert (answer.result_status, answer.ids_match) == ("S", True)
        assert failed.status == "FAIL"
        for id, told in (("expired-1", "F ORDER_IS_CLOSED"), ("nobody", "U UNKNOWN_EXCEPTION")):
            assert str(call_api(client, "cancel", {"paymentRequestId": id})) == told


def test_a_cancel_that_did_not_meet_a_failed_payment_is_not_replayed(tmp_path):
    paid = {**S, "payment_status": "SUCCESS"}
    file = written(tmp_path, cancel_of_failed={"inquiry": paid, "cancel": S})
    with FakeAlipay.like(file) as gateway:
        gateway.add_payment(payment_request_id="failed-1", status="FAIL")
        told = call_api(client_of(gateway), "cancel", {"paymentRequestId": "failed-1"})
    assert str(told) == "F ORDER_STATUS_INVALID"


def test_what_was_not_signed_is_not_replayed_as_a_result(tmp_path):
    unsigned = {**F_CLOSED, "signed": "no"}
    with FakeAlipay.like(written(tmp_path, cancel_before_pay={"cancel": unsigned})) as gateway:
        told = call_api(client_of(gateway), "cancel", {"paymentRequestId": "nobody"})
    assert str(told) == "F ORDER_NOT_EXIST"


def test_refusals_are_replayed_with_their_http_status_and_signature(tmp_path):
    file = written(
        tmp_path,
        unsigned_errors={
            "unknown keyVersion": {"http_status": 401, "status": "F", "code": "KEY_NOT_FOUND"},
            "no id": {"signed": "no", "status": "F", "code": "PARAM_MISSING"},
            "unknown client": {"http_status": None, "error": "timeout"},
        },
    )
    with FakeAlipay.like(file) as gateway:
        client = client_of(gateway)
        wrong_key = call_api(client, "inquiryPayment", {}, key_version="99")
        no_id = call_api(client, "inquiryPayment", {})
    assert str(wrong_key) == "F KEY_NOT_FOUND HTTP 401"
    assert str(no_id) == "F PARAM_MISSING unsigned"


@pytest.mark.parametrize("before", ["PROCESSING", "SUCCESS", "AUTHORIZED"])
def test_an_inquiry_after_a_cancel_is_replayed_by_what_was_cancelled(tmp_path, before):
    points = ("inquiry_after_cancel", "cancel_of_paid", "cancel_of_authorized")
    after = [
        {**S, "payment_status": "SUCCESS", "transactions": (f"VOID {word}",), "ids": ("paymentId",)}
        for word in ("FAIL", "SUCCESS", "PENDING")
    ]
    file = written(
        tmp_path,
        second_cancel={"first": S, "second": S},
        inquiry_after_cancel={"unpaid": after[0]},
        cancel_of_paid={"first": S, "after": after[1]},
        cancel_of_authorized={"first": S, "after": after[2]},
    )
    assert set(points) <= json.loads(file.read_text())["points"].keys()
    with FakeAlipay.like(file) as gateway:
        client = client_of(gateway)
        gateway.add_payment(payment_request_id="order-1", status=before)
        body = {"paymentRequestId": "order-1"}
        call_api(client, "cancel", body)
        told = call_api(client, "inquiryPayment", body)
    word = {"PROCESSING": "FAIL", "SUCCESS": "SUCCESS", "AUTHORIZED": "PENDING"}[before]
    assert told.inquiry() == f"S SUCCESS SUCCESS, paymentId, transactions VOID {word}"


def test_an_s_to_what_fake_alipay_would_refuse_is_told_with_its_ids(tmp_path):
    file = written(
        tmp_path,
        second_cancel={"first": S, "second": S},
        cancel_before_pay={"cancel": S},
        pay_after_cancel={"pay": {"status": "S", "code": "SUCCESS"}},
    )
    gateway = FakeAlipay.like(file)
    with gateway:
        client = client_of(gateway)
        run = Run(client=client, sleep=gateway.advance)
        unknown = run.cancel({"paymentRequestId": "nobody"})
        run.pay("order-1")
        run.cancel(run.named("order-1"))
        again = run.pay("order-1")
    assert (str(unknown), unknown.ids) == ("S SUCCESS", ("paymentRequestId",))
    assert (str(again), again.ids) == ("S SUCCESS", ("paymentId", "paymentRequestId"))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({}, "S SUCCESS CANCELLED, paymentId and paymentRequestId, transactions absent"),
        ({"payment_status": "FAIL"}, "S SUCCESS FAIL, no id, transactions absent"),
    ],
)
def test_an_inquiry_is_replayed_when_it_told_a_status(tmp_path, after, told):
    after = {"unpaid": {**S, **after}}
    file = written(tmp_path, second_cancel={"first": S}, inquiry_after_cancel=after)
    with FakeAlipay.like(file) as gateway:
        gateway.add_payment(payment_request_id="order-1", status="PROCESSING")
        client, body = client_of(gateway), {"paymentRequestId": "order-1"}
        call_api(client, "cancel", body)
        assert call_api(client, "inquiryPayment", body).inquiry() == told


def test_a_fault_goes_before_what_is_replayed(tmp_path):
    file = written(tmp_path, cancel_before_pay={"cancel": F_CLOSED})
    with FakeAlipay.like(file) as gateway:
        gateway.misbehave(Fault.THROTTLED)
        told = call_api(client_of(gateway), "cancel", {"paymentRequestId": "nobody"})
    assert str(told) == "U REQUEST_TRAFFIC_EXCEED_LIMIT"


OTHER_FILES = (
    "",
    "[]",
    '{"format": 2}',
    '{"format": 1}',
    '{"format": 1, "points": {"key_version": {"said": 3}}}',
)


@pytest.mark.parametrize("text", OTHER_FILES)
def test_another_kind_of_file_is_named(tmp_path, text):
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"other\.json is no file of confirm_gateway, format 1"):
        FakeAlipay.like(file)


def test_no_answer_and_no_json_are_told_as_such():
    with FakeAlipay() as gateway:
        client = client_of(gateway)
        gateway.misbehave(Fault.ANSWER_LOST_BEFORE)
        gateway.misbehave(Fault.NOT_JSON)
        body = {"paymentRequestId": "nobody"}
        lost, page = (call_api(client, "inquiryPayment", body) for _ in range(2))
    assert str(lost) == "no answer (connection_lost)"
    assert (page.signed, page.code, page.status) == ("no", "", "")


def test_an_answer_signed_over_the_path_alone_is_told_apart_from_a_wrong_signature(monkeypatch):
    with FakeAlipay() as gateway:
        client = client_of(gateway)
        body = {"paymentRequestId": "nobody"}
        # Nothing in FakeAlipay drops a query, as a gateway behind a rewriting proxy might.
        seal = gateway._answering.seal
        monkeypatch.setattr(
            gateway._answering, "seal", lambda uri: seal(uri.replace("?nonce=1", ""))
        )
        without = call_api(client, "inquiryPayment", body, query="?nonce=1")
        gateway.misbehave(Fault.WRONG_KEY)
        wrong = call_api(client, "inquiryPayment", body, query="?nonce=1")
    assert str(without) == "F ORDER_NOT_EXIST signed without the query"
    assert str(wrong) == "F ORDER_NOT_EXIST wrongly signed"
