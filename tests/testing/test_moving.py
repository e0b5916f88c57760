"""capture, refund and inquiryRefund: each once, within the amount, and shown by an inquiry."""

from __future__ import annotations

import pytest

from django_alipay_cancel.testing import Fault
from tests.testing.calling import INQUIRY, call

ROOT = "/ams/sandbox/api/v1/payments/"


def usd(value):
    return {"currency": "USD", "value": str(value)}


def capture(gateway, id="c-1", value=400, **changes):
    asked = {"captureRequestId": id, "paymentId": "alipay-1", "captureAmount": usd(value)}
    return call(gateway, f"{ROOT}capture", **asked | changes)


def refund(gateway, id="r-1", value=400, **changes):
    asked = {"refundRequestId": id, "paymentId": "alipay-1", "refundAmount": usd(value)}
    return call(gateway, f"{ROOT}refund", **asked | changes)


def inquire_refund(gateway, **ids):
    return call(gateway, f"{ROOT}inquiryRefund", **ids)


@pytest.fixture
def add(gateway):
    def make(status="SUCCESS"):
        return gateway.add_payment(
            payment_request_id="order-1", payment_id="alipay-1", status=status, amount_value=1000
        )

    return make


def listed(gateway):
    told = call(gateway, INQUIRY, paymentId="alipay-1").document
    return [
        (entry["transactionType"], entry["transactionRequestId"], entry["transactionAmount"])
        for entry in told.get("transactions", [])
    ]


def test_an_authorization_is_captured_in_parts_each_once(gateway, add):
    add("AUTHORIZED")
    first = capture(gateway)
    assert (first.code, first.document["captureAmount"]) == ("SUCCESS", usd(400))
    assert capture(gateway).document == first.document
    assert capture(gateway, value=500).code == "REPEAT_REQ_INCONSISTENT"
    assert capture(gateway, "c-2", 700).code == "CAPTURE_AMOUNT_EXCEED_AUTH_LIMIT"
    assert capture(gateway, "c-2", 600).code == "SUCCESS"
    assert listed(gateway) == [("CAPTURE", "c-1", usd(400)), ("CAPTURE", "c-2", usd(600))]
    assert call(gateway, paymentId="alipay-1").code == "ORDER_STATUS_INVALID"


@pytest.mark.parametrize(
    ("status", "code"),
    [("SUCCESS", "AUTH_NOT_FOUND"), ("CANCELLED", "AUTH_CANCELLED"), ("FAIL", "AUTH_NOT_FOUND")],
)
def test_only_an_authorization_is_captured(gateway, add, status, code):
    add(status)
    assert capture(gateway).code == code
    assert listed(gateway) == []


def test_an_authorization_that_ended_cannot_be_captured(gateway, add):
    add("AUTHORIZED")
    gateway.advance(8 * 86400)
    assert capture(gateway).code == "AUTH_EXPIRED"


def test_a_payment_is_refunded_in_parts_each_once_and_then_not_cancelled(gateway, add):
    add()
    first = refund(gateway)
    assert (first.code, first.document["refundAmount"]) == ("SUCCESS", usd(400))
    assert refund(gateway).document == first.document
    assert refund(gateway, value=5).code == "REPEAT_REQ_INCONSISTENT"
    assert refund(gateway, "r-2", 601).code == "REFUND_AMOUNT_EXCEED"
    assert refund(gateway, "r-3", 600).code == "SUCCESS"
    assert listed(gateway) == [("REFUND", "r-1", usd(400)), ("REFUND", "r-3", usd(600))]
    assert call(gateway, paymentId="alipay-1").code == "PROCESS_FAIL"
    told = inquire_refund(gateway, refundRequestId="r-1").document
    assert (told["refundStatus"], told["refundAmount"]) == ("SUCCESS", usd(400))
    assert "paymentId" not in told
    assert inquire_refund(gateway, refundId=told["refundId"]).document == told
    assert inquire_refund(gateway, refundRequestId="r-9").code == "REFUND_NOT_EXIST"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("CANCELLED", "ORDER_IS_CANCELED"),
        ("FAIL", "ORDER_IS_CLOSED"),
        ("PROCESSING", "ORDER_STATUS_INVALID"),
        ("AUTHORIZED", "ORDER_STATUS_INVALID"),
    ],
)
def test_only_paid_money_is_refunded(gateway, add, status, code):
    add(status)
    assert refund(gateway).code == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"refundAmount": {"currency": "EUR", "value": "400"}}, "CURRENCY_NOT_SUPPORT"),
        ({"refundAmount": None}, "PARAM_ILLEGAL"),
        ({"refundRequestId": None}, "PARAM_ILLEGAL"),
        ({"paymentId": None, "paymentRequestId": "order-1"}, "PARAM_ILLEGAL"),
        ({"paymentId": "nobody"}, "ORDER_NOT_EXIST"),
    ],
)
def test_a_refund_that_lacks_something_is_none(gateway, add, changes, code):
    add()
    assert refund(gateway, **changes).code == code
    assert listed(gateway) == []


def test_without_balance_a_refund_is_refused_for_good(gateway, add):
    add()
    gateway.balance_is_enough = False
    assert refund(gateway).code == "MERCHANT_BALANCE_NOT_ENOUGH"
    gateway.balance_is_enough = True
    assert refund(gateway).code == "MERCHANT_BALANCE_NOT_ENOUGH", "it takes a new id"
    assert refund(gateway, "r-2").code == "SUCCESS"


@pytest.mark.parametrize("move", [capture, refund])
def test_its_answer_may_be_lost_before_or_after(gateway, add, move):
    add("AUTHORIZED" if move is capture else "SUCCESS")
    for fault, moved in ((Fault.ANSWER_LOST_BEFORE, 0), (Fault.ANSWER_LOST_AFTER, 1)):
        gateway.misbehave(fault, api=move.__name__)
        with pytest.raises(ConnectionError):
            move(gateway)
        assert len(listed(gateway)) == moved
    assert move(gateway).code == "SUCCESS"
    assert len(listed(gateway)) == 1


def test_an_asynchronous_refund_is_under_way_until_it_is_settled(gateway):
    gateway.add_payment(payment_id="alipay-1", refunds_take_time=True)
    first = refund(gateway, value=1000)
    assert (first.code, first.result_status) == ("REFUND_IN_PROCESS", "U")
    told = inquire_refund(gateway, refundRequestId="r-1").document
    assert (told["refundStatus"], "refundTime" in told) == ("PROCESSING", False)
    assert call(gateway, paymentId="alipay-1").code == "PROCESS_FAIL"
    gateway.refund_settles("alipay-1")
    told = inquire_refund(gateway, refundRequestId="r-1").document
    assert (told["refundStatus"], "refundTime" in told) == ("SUCCESS", True)
    with pytest.raises(ValueError, match="under way"):
        gateway.refund_settles("alipay-1")


def test_a_refund_that_fails_later_gives_nothing_back(gateway):
    payment = gateway.add_payment(payment_id="alipay-1", refunds_take_time=True)
    refund(gateway, value=1000)
    gateway.refund_settles("alipay-1", status="FAIL")
    assert inquire_refund(gateway, refundRequestId="r-1").document["refundStatus"] == "FAIL"
    assert (payment.refunded_value, payment.status) == (0, "SUCCESS")
    assert call(gateway, paymentId="alipay-1").code == "SUCCESS"


def test_a_refund_made_elsewhere_is_listed_and_counts(gateway, add):
    add()
    gateway.refund_elsewhere("order-1", 400)
    gateway.refund_elsewhere("order-1", 100, status="FAIL")
    assert [entry[2] for entry in listed(gateway)] == [usd(400), usd(100)]
    assert refund(gateway, value=601).code == "REFUND_AMOUNT_EXCEED"
    assert refund(gateway, "r-2", 600).code == "SUCCESS"


@pytest.mark.parametrize(
    ("fault", "options", "refunds"),
    [
        (Fault.THROTTLED, {}, 0),
        (Fault.UNKNOWN_RESULT, {}, 0),
        (Fault.UNKNOWN_RESULT, {"applied": True}, 1),
        (Fault.RESULT, {"result_code": "PROCESS_FAIL", "applied": True}, 1),
        (Fault.OTHER_IDS, {}, 0),
        (Fault.NO_IDS, {}, 1),
        (Fault.NO_IDS, {"applied": False}, 0),
        (Fault.HTTP_STATUS, {"status": 503}, 0),
        (Fault.WRONG_KEY, {}, 1),
    ],
)
def test_each_fault_of_a_refund_is_applied_or_not(gateway, add, fault, options, refunds):
    payment = add()
    gateway.misbehave(fault, api="refund", **options)
    refund(gateway, value=1000)
    assert len(payment.refunds) == refunds
    assert refund(gateway, value=1000).code == "SUCCESS", "the same id is the same refund"
    assert payment.refunded_value == 1000


def test_a_refund_may_take_effect_after_its_answer_was_lost(gateway, add):
    payment = add()
    gateway.misbehave(Fault.EFFECT_LATER, api="refund", seconds=30)
    with pytest.raises(ConnectionError):
        refund(gateway, value=1000)
    assert payment.refunded_value == 0
    gateway.advance(30)
    assert gateway.payment("order-1").refunded_value == 1000


def test_an_inquiry_may_lag_behind_a_refund_and_know_nothing_of_it(gateway, add):
    add()
    refund(gateway)
    gateway.misbehave(Fault.REFUNDS_LAG)
    assert (listed(gateway), len(listed(gateway))) == ([], 1)
    gateway.misbehave(Fault.REFUND_AS_NULLS, api="inquiryRefund")
    told = inquire_refund(gateway, refundRequestId="r-1").document
    assert (told["result"]["resultStatus"], told["refundStatus"]) == ("S", None)
