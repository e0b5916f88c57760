"""What a cancel and an inquiry do in each state of a payment, and when the window ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from django_alipay_cancel.testing.fake_payment import METHODS, Status
from tests.testing.calling import INQUIRY, call

PAID_AT = datetime.fromisoformat("2024-03-01T10:00:00-08:00")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("PROCESSING", "SUCCESS"),
        ("PENDING", "SUCCESS"),
        ("SUCCESS", "SUCCESS"),
        ("AUTHORIZED", "SUCCESS"),
        ("CAPTURED", "ORDER_STATUS_INVALID"),
        ("FAIL", "ORDER_STATUS_INVALID"),
        ("REFUNDED", "PROCESS_FAIL"),
    ],
)
def test_a_cancel_takes_effect_where_the_state_allows_it(gateway, status, code):
    payment = gateway.add_payment(payment_request_id="order-1", status=status)
    told = call(gateway, paymentRequestId="order-1")
    assert (told.code, told.result_status) == (code, "S" if code == "SUCCESS" else "F")
    assert payment.status == ("CANCELLED" if code == "SUCCESS" else status)
    assert payment.cancel_effects == (code == "SUCCESS")
    if code != "SUCCESS":
        assert told.document.keys() == {"result"}


def test_an_unknown_payment_does_not_exist(gateway):
    assert call(gateway, paymentId="nobody").code == "ORDER_NOT_EXIST"
    assert call(gateway, INQUIRY, paymentId="nobody").code == "ORDER_NOT_EXIST"


def test_cancelling_again_repeats_the_first_answer_and_has_no_effect(gateway):
    gateway.set_clock(PAID_AT)
    payment = gateway.add_payment(payment_request_id="order-1")
    first = call(gateway, paymentRequestId="order-1")
    gateway.advance(7 * 86400)
    again = call(gateway, paymentId=payment.payment_id)
    assert again.body == first.body
    assert again.headers["response-time"] != first.headers["response-time"]
    assert payment.cancel_time == PAID_AT
    assert payment.cancel_effects == 1


@pytest.mark.parametrize(
    ("status", "told_as", "code"),
    [
        ("PROCESSING", "PROCESSING", "PAYMENT_IN_PROCESS"),
        ("PENDING", "PENDING", "PAYMENT_IN_PROCESS"),
        ("SUCCESS", "SUCCESS", "SUCCESS"),
        ("AUTHORIZED", "SUCCESS", "SUCCESS"),
        ("CAPTURED", "SUCCESS", "SUCCESS"),
        ("REFUNDED", "SUCCESS", "SUCCESS"),
        ("FAIL", "FAIL", "RISK_REJECT"),
    ],
)
def test_an_inquiry_tells_the_state(gateway, status, told_as, code):
    gateway.set_clock(PAID_AT)
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1", status=status)
    told = call(gateway, INQUIRY, paymentRequestId="order-1").document
    assert told["result"]["resultStatus"] == "S"
    assert (told["paymentStatus"], told["paymentResultCode"]) == (told_as, code)
    assert (told["paymentRequestId"], told["paymentId"]) == ("order-1", "alipay-1")
    assert told["paymentAmount"] == {"currency": "USD", "value": "1000"}
    assert told.get("paymentTime") == (
        "2024-03-02T02:00:00+08:00" if told_as == "SUCCESS" else None
    )


def test_an_inquiry_tells_a_cancelled_payment_without_a_cancel_time(gateway):
    gateway.add_payment(payment_request_id="order-1")
    call(gateway, paymentRequestId="order-1")
    told = call(gateway, INQUIRY, paymentRequestId="order-1").document
    assert told["paymentStatus"] == "CANCELLED"
    assert "cancelTime" not in told


@pytest.mark.parametrize(
    ("status", "types"), [("REFUNDED", ["REFUND"]), ("CAPTURED", ["CAPTURE"]), ("SUCCESS", None)]
)
def test_an_inquiry_lists_transactions_where_there_are_any(gateway, status, types):
    gateway.add_payment(payment_request_id="order-1", status=status)
    told = call(gateway, INQUIRY, paymentRequestId="order-1").document.get("transactions")
    assert (told and [entry["transactionType"] for entry in told]) == types


NEXT_DAY = datetime.fromisoformat("2024-03-02T16:15:00+00:00")  # 00:15 of 3 March in UTC+8
SEVEN_DAYS = PAID_AT + timedelta(days=7)


@pytest.mark.parametrize("status", ["SUCCESS", "AUTHORIZED"])
@pytest.mark.parametrize(
    ("method", "ends"),
    [("default", NEXT_DAY), ("card", SEVEN_DAYS), ("mercado_pago", SEVEN_DAYS)],
)
def test_a_paid_payment_can_be_cancelled_until_its_window_ends(gateway, status, method, ends):
    for name, moment in (("late", ends), ("in-time", ends - timedelta(seconds=1))):
        gateway.set_clock(moment)
        gateway.add_payment(payment_request_id=name, status=status, method=method, paid_at=PAID_AT)
    assert call(gateway, paymentRequestId="in-time").code == "SUCCESS"
    gateway.advance(1)
    assert call(gateway, paymentRequestId="late").code == "CANCEL_WINDOW_EXCEED"
    assert gateway.payment("late").status == status


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("bank_transfer", "PROCESSING", "SUCCESS"),
        ("bank_transfer", "SUCCESS", "PAYMENT_METHOD_NOT_SUPPORTED"),
        ("jkopay", "PROCESSING", "PAYMENT_METHOD_NOT_SUPPORTED"),
        ("jkopay", "SUCCESS", "PAYMENT_METHOD_NOT_SUPPORTED"),
    ],
)
def test_some_methods_cannot_cancel(gateway, method, status, code):
    gateway.add_payment(payment_request_id="order-1", method=method, status=status)
    assert call(gateway, paymentRequestId="order-1").code == code


def test_an_unpaid_payment_is_closed_at_any_time(gateway):
    gateway.add_payment(payment_request_id="order-1", status="PROCESSING")
    gateway.advance(30 * 86400)
    assert call(gateway, paymentRequestId="order-1").code == "SUCCESS"


def test_what_is_authorized_or_captured_was_paid_by_card(gateway):
    methods = {
        status: gateway.add_payment(status=status).method
        for status in ("AUTHORIZED", "CAPTURED", "SUCCESS")
    }
    assert methods == {"AUTHORIZED": "card", "CAPTURED": "card", "SUCCESS": "default"}


def test_an_authorization_ends_after_seven_days(gateway):
    gateway.set_clock(PAID_AT)
    gateway.add_payment(payment_request_id="order-1", status="AUTHORIZED")
    told = call(gateway, INQUIRY, paymentRequestId="order-1").document
    assert told["paymentStatus"] == "SUCCESS"
    assert datetime.fromisoformat(told["authExpiryTime"]) == SEVEN_DAYS
    gateway.advance(7 * 86400 + 1)
    told = call(gateway, INQUIRY, paymentRequestId="order-1").document
    assert (told["paymentStatus"], told["paymentResultCode"]) == ("FAIL", "AUTH_EXPIRED")
    assert call(gateway, paymentRequestId="order-1").code == "CANCEL_WINDOW_EXCEED"


def test_an_unpaid_payment_fails_when_its_time_is_up(gateway):
    gateway.set_clock(PAID_AT)
    gateway.add_payment(
        payment_request_id="order-1",
        status="PROCESSING",
        expires_at=PAID_AT + timedelta(minutes=5),
    )
    gateway.advance(299)
    assert gateway.payment("order-1").status == "PROCESSING"
    gateway.advance(1)
    told = call(gateway, INQUIRY, paymentRequestId="order-1").document
    assert (told["paymentStatus"], told["paymentResultCode"]) == ("FAIL", "ORDER_IS_CLOSED")
    assert call(gateway, paymentRequestId="order-1").code == "ORDER_STATUS_INVALID"


def test_null_beside_the_other_id_is_nothing(gateway):
    gateway.add_payment(payment_request_id="order-1")
    assert call(gateway, paymentId=None, paymentRequestId="order-1").code == "SUCCESS"


def test_only_paid_money_needs_balance(gateway):
    assert gateway.balance_is_enough
    gateway.balance_is_enough = False
    gateway.add_payment(payment_request_id="paid")
    gateway.add_payment(payment_request_id="authorized", status="AUTHORIZED")
    assert call(gateway, paymentRequestId="paid").code == "MERCHANT_BALANCE_NOT_ENOUGH"
    assert call(gateway, paymentRequestId="authorized").code == "SUCCESS"
    gateway.balance_is_enough = True
    assert call(gateway, paymentRequestId="paid").code == "SUCCESS"


def test_the_clock_stands_still_when_set_and_goes_on_when_let_go(gateway):
    gateway.set_clock(PAID_AT)
    assert gateway.now == gateway.now == PAID_AT
    gateway.advance(90)
    assert gateway.now == PAID_AT + timedelta(seconds=90)
    gateway.set_clock(None)
    assert abs(gateway.now - datetime.now(UTC)) < timedelta(seconds=5)
    with pytest.raises(ValueError, match="no UTC offset"):
        gateway.set_clock(datetime(2024, 3, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "PAID"},
        {"method": "barter"},
        {"paid_at": datetime(2024, 3, 1)},
        {"payment_id": "taken"},
        {"payment_request_id": "taken"},
    ],
)
def test_a_payment_that_makes_no_sense_is_refused(gateway, wrong):
    gateway.add_payment(payment_id="taken")
    with pytest.raises(ValueError, match=r"PAID|barter|offset|taken"):
        gateway.add_payment(**wrong)
    assert len(gateway.payments) == 1


def test_ids_not_given_are_made_up_and_both_find_the_payment(gateway):
    payment = gateway.add_payment()
    other = gateway.add_payment()
    assert gateway.payments == (payment, other)
    assert gateway.payment(payment.payment_id) is gateway.payment(payment.payment_request_id)
    assert all(len(each) <= 64 for each in payment.ids)


def test_every_status_and_method_has_a_rule(gateway):
    for status in Status:
        for method in METHODS:
            payment = gateway.add_payment(status=status, method=method)
            assert call(gateway, paymentId=payment.payment_id).signed
            assert call(gateway, INQUIRY, paymentId=payment.payment_id).result_status == "S"
