"""pay: in a store and online, answered, lost, late, and ended by the clock."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from django_alipay_cancel.testing import Fault
from tests.testing.calling import INQUIRY, call
from tests.testing.ordering import FORMS, PAY, pay

NOON = datetime.fromisoformat("2026-01-02T12:00:00+08:00")


def inquire(gateway, id="order-1"):
    told = call(gateway, INQUIRY, paymentRequestId=id).document
    return told.get("paymentStatus") or told["result"]["resultCode"]


def test_a_buyer_who_shows_the_code_has_paid_at_once(gateway):
    told = pay(gateway, "PaymentCode")
    assert (told.code, told.result_status) == ("SUCCESS", "S")
    assert told.is_genuine(gateway, PAY)
    assert told.document["paymentAmount"] == {"currency": "USD", "value": "1250"}
    assert {"paymentId", "paymentTime", "paymentCreateTime"} <= told.document.keys()
    assert inquire(gateway) == "SUCCESS"


@pytest.mark.parametrize("form", ["OrderCode", "EntryCode", "Cashier"])
def test_every_other_buyer_is_waited_for_and_told_how_to_pay(gateway, form):
    told = pay(gateway, form)
    assert (told.code, told.result_status) == ("PAYMENT_IN_PROCESS", "U")
    assert told.document["paymentId"]
    if form == "OrderCode":
        kinds = [
            (code["codeValueType"], code["displayType"])
            for code in told.document["orderCodeForm"]["codeDetails"]
        ]
        assert kinds == [("QRCODE", "BIGIMAGE"), ("QRCODE", "TEXT")]
    else:
        assert told.document["redirectActionForm"]["redirectUrl"] == told.document["normalUrl"]
    assert inquire(gateway) == "PROCESSING"
    gateway.buyer_pays("order-1")
    assert inquire(gateway) == "SUCCESS"
    assert pay(gateway, form).code == "SUCCESS", "a repeat tells what became of it"


@pytest.mark.parametrize("form", FORMS)
def test_a_repeat_is_the_same_payment_and_over_another_amount_none(gateway, form):
    first, again = pay(gateway, form), pay(gateway, form)
    assert first.document == again.document
    assert len(gateway.payments) == 1
    told = pay(gateway, form, paymentAmount={"currency": "USD", "value": "1"})
    assert (told.code, told.result_status) == ("REPEAT_REQ_INCONSISTENT", "F")


@pytest.mark.parametrize(
    "changes",
    [
        {"paymentAmount": None},
        {"paymentAmount": {"currency": "USD", "value": "12.50"}},
        {"paymentAmount": {"currency": "USD", "value": "0"}},
        {"paymentAmount": {"currency": "dollar", "value": "1250"}},
        {"paymentMethod": None},
        {"paymentMethod": {"paymentMethodType": "CONNECT_WALLET"}},  # no code was shown
        {"paymentFactor": {"inStorePaymentScenario": "Telepathy"}},
        {"productCode": None},
        {"order": None},
        {"paymentExpiryTime": "soon"},
        {"paymentExpiryTime": "2020-01-01T00:00:00+08:00"},
        {"paymentRequestId": None},
        {"paymentRequestId": "x" * 65},
    ],
)
def test_what_lacks_something_is_no_payment(gateway, changes):
    assert pay(gateway, "PaymentCode", **changes).code == "PARAM_ILLEGAL"
    assert gateway.payments == ()


def test_a_refused_payment_has_failed(gateway):
    gateway.misbehave(Fault.RESULT, api="pay", result_code="USER_BALANCE_NOT_ENOUGH")
    for _ in range(2):
        assert pay(gateway).code == "USER_BALANCE_NOT_ENOUGH"
    assert inquire(gateway) == "FAIL"


@pytest.mark.parametrize(
    ("fault", "options", "code"),
    [
        (
            Fault.RESULT,
            {"result_code": "PAYMENT_IN_PROCESS", "result_status": "U"},
            "PAYMENT_IN_PROCESS",
        ),
        (Fault.UNKNOWN_RESULT, {}, "UNKNOWN_EXCEPTION"),
    ],
)
def test_the_buyer_may_have_to_do_something_first(gateway, fault, options, code):
    gateway.misbehave(fault, api="pay", **options)
    told = pay(gateway)
    assert (told.code, told.result_status) == (code, "U")
    assert inquire(gateway) == "PROCESSING"
    gateway.buyer_pays("order-1")
    assert inquire(gateway) == "SUCCESS"


@pytest.mark.parametrize(
    ("fault", "found"),
    [(Fault.ANSWER_LOST_AFTER, "SUCCESS"), (Fault.ANSWER_LOST_BEFORE, "ORDER_NOT_EXIST")],
)
def test_the_answer_may_be_lost(gateway, fault, found):
    gateway.misbehave(fault, api="pay")
    with pytest.raises(ConnectionError):
        pay(gateway)
    assert inquire(gateway) == found


def test_a_request_may_take_effect_long_after_it_was_sent(gateway):
    gateway.set_clock(NOON)
    gateway.misbehave(Fault.EFFECT_LATER, api="pay", seconds=40)
    with pytest.raises(ConnectionError):
        pay(gateway)
    gateway.advance(39)
    assert inquire(gateway) == "ORDER_NOT_EXIST"
    assert call(gateway, paymentRequestId="order-1").code == "ORDER_NOT_EXIST"
    gateway.advance(1)
    assert inquire(gateway) == "SUCCESS"
    assert gateway.payment("order-1").paid_at == NOON + timedelta(seconds=40)
    assert call(gateway, paymentRequestId="order-1").code == "SUCCESS"


@pytest.mark.parametrize(
    ("changes", "minutes"),
    [({}, 14), ({"paymentExpiryTime": "2026-01-02T12:03:00+08:00"}, 3)],
)
def test_what_nobody_pays_is_closed_by_the_clock(gateway, changes, minutes):
    gateway.set_clock(NOON)
    pay(gateway, "OrderCode", **changes)
    gateway.advance(minutes * 60 - 1)
    assert inquire(gateway) == "PROCESSING"
    gateway.advance(1)
    assert inquire(gateway) == "FAIL"
    assert pay(gateway, "OrderCode", **changes).code == "ORDER_IS_CLOSED"
    with pytest.raises(ValueError, match="nothing can be paid"):
        gateway.buyer_pays("order-1")


def test_a_card_may_be_authorized_only(gateway):
    gateway.set_clock(NOON)
    pay(gateway, "Cashier", paymentFactor={"isAuthorization": True})
    gateway.buyer_pays("order-1")
    told = pay(gateway, "Cashier", paymentFactor={"isAuthorization": True}).document
    assert told["authExpiryTime"] == "2026-01-09T12:00:00+08:00"
    assert gateway.payment("order-1").method == "card"
    assert call(gateway, paymentRequestId="order-1").code == "SUCCESS"


def test_a_cancelled_payment_is_closed_for_its_buyer_and_late_money_goes_back(gateway):
    pay(gateway, "OrderCode")
    assert call(gateway, paymentRequestId="order-1").code == "SUCCESS"
    assert pay(gateway, "OrderCode").code == "ORDER_IS_CLOSED"
    gateway.buyer_pays("order-1")
    assert inquire(gateway) == "CANCELLED"
    with pytest.raises(ValueError, match="cannot fail"):
        gateway.payment_fails("order-1")


def test_the_paths_of_the_sandbox_and_of_the_real_one_are_both_served(gateway):
    real = PAY.replace("/sandbox", "")
    assert pay(gateway, path=real).is_genuine(gateway, real)
