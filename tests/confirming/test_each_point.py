"""A gateway that differs in one open point: told as that, and a FakeAlipay made like it says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from django_alipay_cancel.confirming.points import POINTS
from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.documents import result, to_bytes
from django_alipay_cancel.testing.wire import Delivery, unsigned_answer
from tests.confirming.telling import NO_ROWS, REFUSED_PAY, differing, words

# Each runs the whole command, and a second time against what it wrote; what a gateway says is the
# same for every database.
pytestmark = [pytest.mark.slow, pytest.mark.once]

IDS = ("--paid=paid-1", "--authorized=auth-1", "--refundable=refund-1")
REFUNDED = {"paymentId": "refund-1"}


class Call:
    """One call of a run, and how FakeAlipay would answer it."""

    def __init__(self, gateway, request, delivery):
        self.gateway, self.request, self.delivery = gateway, request, delivery
        self.api = request.path.rpartition("/")[2]
        self.body = json.loads(request.body)
        self.id = self.body.get("paymentRequestId", "")
        self.asked = [each.api for each in gateway.calls_for(self.id)] if self.id else []
        self.told = json.loads(delivery.body)
        self.refundable = gateway.payment("refund-1")

    def names(self, which, api):
        return self.api == api and self.id.endswith(which)

    def signed(self, document, uri=None):
        seal = self.gateway._answering.seal(uri or self.request.uri)
        return seal.answer(to_bytes(document))

    def refuse(self, code):
        return self.signed(result(code, "F"))


def second_cancel(call):
    if call.names("-unpaid", "cancel") and call.asked.count("cancel") > 1:
        return call.refuse("ORDER_IS_CANCELED")


def cancel_of_failed(call):
    if call.names("-failed", "cancel"):
        return call.refuse("ORDER_IS_CLOSED")


def cancel_of_expired(call):
    if call.names("-expired", "cancel"):
        return call.signed({**result("SUCCESS"), "paymentRequestId": call.id})


def inquiry_after_cancel(call):
    cancelled = call.told.get("paymentStatus") == "CANCELLED"
    if cancelled and call.id.endswith(("-unpaid", "-lost")):
        return call.signed({**call.told, "paymentStatus": "FAIL"})


def pay_after_cancel(call):
    if call.names("-unpaid", "pay") and "cancel" in call.asked:
        return call.refuse("REPEAT_REQ_INCONSISTENT")


def a_pay_after_its_cancel_is_refused(call):
    """The cancel closes the order that is not there yet, and an inquiry knows none."""
    if call.names("-early", "pay"):
        return call.refuse("ORDER_IS_CLOSED")
    if call.names("-early", "inquiryPayment"):
        return call.refuse("ORDER_NOT_EXIST")
    if call.names("-early", "cancel"):
        return call.signed({**result("SUCCESS"), "paymentRequestId": call.id})


def a_pay_after_its_cancel_is_cancelled(call):
    if call.names("-early", "inquiryPayment"):
        return call.signed({**call.told, "paymentStatus": "CANCELLED"})


def a_pay_after_its_cancel_has_failed(call):
    if call.names("-early", "pay"):
        return call.refuse("ORDER_IS_CLOSED")
    if call.names("-early", "inquiryPayment"):
        return call.signed({**call.told, "paymentStatus": "FAIL"})


def cancel_of_paid(call):
    if call.names("paid-1", "inquiryPayment") and "cancel" in call.asked:
        return call.signed({**call.told, "paymentStatus": "SUCCESS", "transactions": None})


def cancel_of_authorized(call):
    if call.names("auth-1", "inquiryPayment") and "cancel" in call.asked:
        told = dict(call.told)
        del told["paymentRequestId"]
        return call.signed(told)


def unsigned_errors(call):
    if call.gateway.calls[-1].answered == "KEY_NOT_FOUND":
        return call.refuse("KEY_NOT_FOUND")


def key_version(call):
    if "signature" in call.delivery.headers:
        call.gateway.keys.alipay_version = "7"
        return call.signed(call.told)


def paths(call):
    """A gateway that has no sandbox: a page of its proxy, and no result."""
    if call.request.path.startswith("/ams/api/"):
        return Delivery(status=404, body=b"<html>")


def request_time(call):
    sent = datetime.fromtimestamp(int(call.request.headers["request-time"]) / 1000, UTC)
    if call.gateway.now - sent > timedelta(minutes=59):
        return call.refuse("REQUEST_EXPIRED")


def request_time_ahead(call):
    sent = datetime.fromtimestamp(int(call.request.headers["request-time"]) / 1000, UTC)
    if sent - call.gateway.now > timedelta(minutes=50):
        return unsigned_answer(to_bytes(result("INVALID_SIGNATURE", "F")))


def a_query_is_refused(call):
    if "?" in call.request.uri:
        return unsigned_answer(to_bytes(result("INVALID_SIGNATURE", "F")))


def a_query_is_not_signed_back(call):
    if "?" in call.request.uri:
        return call.signed(call.told, call.request.path)


def unknown_refund(call):
    if call.api == "inquiryRefund" and call.body["refundRequestId"].endswith("-nothing"):
        return call.signed(result("SUCCESS"))


def unknown_refund_failed(call):
    if call.api == "inquiryRefund" and call.body["refundRequestId"].endswith("-nothing"):
        return call.signed({**result("SUCCESS"), "refundStatus": "FAIL"})


def refund_is_not_final(call):
    if call.api == "inquiryRefund" and call.body["refundRequestId"].endswith("-refund"):
        return call.signed({**call.told, "refundStatus": "PROCESSING"})


def refund_in_process_is_no_u(call):
    call.refundable.refunds_take_time = True
    if call.api == "refund" and call.told["result"]["resultCode"] == "REFUND_IN_PROCESS":
        asked = len(call.gateway.calls_for("refund-1", "refund"))
        return call.refuse("REFUND_IN_PROCESS") if asked == 1 else None


def refund_in_process_is_listed_as_pending(call):
    call.refundable.refunds_take_time = True
    if call.api == "inquiryPayment" and "transactions" in call.told and call.refundable.refunds:
        listed = [{**each, "transactionStatus": "PENDING"} for each in call.told["transactions"]]
        return call.signed({**call.told, "transactions": listed})


def refund_is_listed_late(call):
    ages = [call.gateway.now - each.at for each in call.refundable.refunds]
    is_late = bool(ages) and ages[0] < timedelta(seconds=10)
    if call.api == "inquiryPayment" and call.body == REFUNDED and is_late:
        return call.signed({**call.told, "transactions": None})


def refund_is_never_listed(call):
    if call.api == "inquiryPayment" and call.body == REFUNDED:
        return call.signed({**call.told, "transactions": None})


def repeat_of_refund(call):
    if call.api == "refund" and len(call.gateway.calls_for("refund-1", "refund")) > 1:
        return call.refuse("REPEAT_REQ_INCONSISTENT")


def cancel_of_refunded(call):
    if call.api == "cancel" and call.body == REFUNDED:
        return call.refuse("CANCEL_WINDOW_EXCEED")


def lost_cancel(call):
    """The cancel lies around for twenty seconds."""
    if call.names("-lost", "cancel") and call.asked.count("cancel") == 1:
        payment = call.gateway.payment(call.id)
        payment.status = payment.status_before_cancel
        payment.cancel_arrives_at = call.gateway.now + timedelta(seconds=20)


DIFFERENCES = {
    second_cancel: "second_cancel",
    cancel_of_failed: "cancel_of_failed",
    cancel_of_expired: "cancel_of_expired",
    inquiry_after_cancel: "inquiry_after_cancel",
    pay_after_cancel: "pay_after_cancel",
    a_pay_after_its_cancel_is_refused: "cancel_before_pay",
    a_pay_after_its_cancel_is_cancelled: "cancel_before_pay",
    a_pay_after_its_cancel_has_failed: "cancel_before_pay",
    cancel_of_paid: "cancel_of_paid",
    cancel_of_authorized: "cancel_of_authorized",
    unsigned_errors: "unsigned_errors",
    key_version: "key_version",
    paths: "paths",
    request_time: "request_time",
    request_time_ahead: "request_time",
    a_query_is_refused: "query",
    a_query_is_not_signed_back: "query",
    unknown_refund: "unknown_refund",
    unknown_refund_failed: "unknown_refund",
    refund_is_not_final: "refund_final",
    refund_in_process_is_no_u: "refund_in_process",
    refund_in_process_is_listed_as_pending: "refund_listed",
    refund_is_listed_late: "refund_listed",
    refund_is_never_listed: "refund_listed",
    repeat_of_refund: "repeat_of_refund",
    cancel_of_refunded: "cancel_of_refunded",
}
# Which cancel nobody hears the answer of is not told to the gateway.
TOLD_ONLY = {lost_cancel: "lost_cancel"}


class Other(FakeAlipay):
    """A gateway that answers by itself where `differs` returns something."""

    def __init__(self, differs):
        super().__init__()
        self.differs = differs

    def handle(self, request):
        delivery = super().handle(request)
        return self.differs(Call(self, request, delivery)) or delivery


def with_payments(gateway):
    gateway.add_payment(payment_request_id="paid-1")
    gateway.add_payment(payment_request_id="auth-1", status="AUTHORIZED")
    gateway.add_payment(payment_id="refund-1", amount_value=100)
    gateway.misbehave(Fault.RESULT, **REFUSED_PAY)
    return gateway


def test_there_is_a_gateway_that_differs_for_every_point():
    told = {*DIFFERENCES.values(), *TOLD_ONLY.values()}
    assert told == {point.name for point in POINTS}


@NO_ROWS
@pytest.mark.parametrize("differs", DIFFERENCES, ids=lambda each: each.__name__)
def test_a_difference_is_told_as_this_point_and_replayed(differs, confirm):
    with with_payments(Other(differs)) as other:
        told, points = confirm(*IDS, gateway=other)
    assert differing(told) == [DIFFERENCES[differs]]
    with with_payments(FakeAlipay.like(confirm.file)) as like:
        told, replayed = confirm(*IDS, gateway=like)
    assert differing(told) == [DIFFERENCES[differs]]
    assert words(replayed) == words(points)


@NO_ROWS
@pytest.mark.parametrize("differs", TOLD_ONLY, ids=lambda each: each.__name__)
def test_a_difference_that_only_the_client_knows_is_told_as_this_point(differs, confirm):
    with with_payments(Other(differs)) as other:
        told, _ = confirm(*IDS, gateway=other)
    assert differing(told) == [TOLD_ONLY[differs]]
