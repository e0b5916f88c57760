"""Each fault, as the app's own client sees it over a socket and through the adapter alike."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.testing import FakeAlipay, Fault
from django_alipay_cancel.testing.faults import OPTIONS
from tests.testing.calling import CANCEL, HURRIED, INQUIRY, PATIENT, call, client_of


@pytest.fixture(params=["socket", "adapter"])
def caller(request):
    """A gateway with one payment, and the app's client of it."""
    gateway = FakeAlipay()
    if request.param == "socket":
        gateway.start()
    client = client_of(gateway)
    if request.param == "adapter":
        client.session.mount(gateway.url, gateway.adapter())
    gateway.add_payment(payment_request_id="order-1", payment_id="alipay-1")
    yield Caller(gateway, client)
    client.session.close()
    gateway.stop()


class Caller:
    def __init__(self, gateway, client):
        self.gateway = gateway
        self.client = client
        self.payment = gateway.payment("order-1")
        self.body = client.request_body(payment_request_id="order-1", payment_id="alipay-1")

    def cancel(self, timeout=PATIENT):
        credentials = replace(self.client.credentials, timeout=timeout)
        return AlipayClient(credentials, session=self.client.session).cancel(self.body)

    def inquire(self):
        return self.client.inquire(self.body)


# fault, options, error of the client, its trusted result status, did the cancel take effect
FAULTS = [
    (Fault.ANSWER_LOST_AFTER, {}, "connection_lost", "", 1),
    (Fault.ANSWER_LOST_BEFORE, {}, "connection_lost", "", 0),
    (Fault.SILENT_AFTER, {}, "timeout", "", 1),
    (Fault.SILENT_BEFORE, {}, "timeout", "", 0),
    (Fault.RESET, {}, "connection_lost", "", 1),
    (Fault.RESET, {"applied": False}, "connection_lost", "", 0),
    (Fault.SLOW_HEADERS, {"seconds": 0.05}, "timeout", "", 1),
    (Fault.SLOW_HEADERS, {"seconds": 0.0001}, "", "S", 1),
    (Fault.SLOW_BODY, {"seconds": 0.05}, "timeout", "", 1),
    (Fault.SLOW_BODY, {"seconds": 0.0001}, "", "S", 1),
    (Fault.LARGE_BODY, {}, "too_large", "", 1),
    (Fault.LARGE_BODY, {"size": 10}, "", "S", 1),
    (Fault.GZIP, {}, "invalid_body", "", 1),
    (Fault.RESULT, {}, "", "F", 0),
    (Fault.RESULT, {"result_code": "UNKNOWN_EXCEPTION"}, "", "U", 0),
    (Fault.RESULT, {"result_code": "NEW_CODE", "result_status": "U"}, "", "U", 0),
    (Fault.RESULT, {"result_code": "SYSTEM_ERROR", "applied": True}, "", "F", 1),
    (Fault.RESULT, {"signed": False}, "unsigned", "", 0),
    (Fault.UNKNOWN_RESULT, {}, "", "U", 0),
    (Fault.UNKNOWN_RESULT, {"applied": True}, "", "U", 1),
    (Fault.THROTTLED, {}, "", "U", 0),
    (Fault.HTTP_STATUS, {}, "http_status", "", 0),
    (Fault.HTTP_STATUS, {"status": 500, "body": "overload"}, "http_status", "", 0),
    (Fault.HTTP_STATUS, {"status": 500, "body": None}, "http_status", "", 0),
    (Fault.NOT_JSON, {}, "invalid_body", "", 0),
    (Fault.TAMPERED_BODY, {}, "bad_signature", "", 1),
    (Fault.WRONG_KEY, {}, "bad_signature", "", 1),
    (Fault.WRONG_KEY, {"applied": False}, "bad_signature", "", 0),
    (Fault.MISSING_SIGNATURE, {}, "bad_signature", "", 1),
    (Fault.MISSING_RESPONSE_TIME, {}, "bad_signature", "", 1),
    (Fault.UNSIGNED, {}, "unsigned", "", 1),
    (Fault.UNSIGNED, {"applied": False}, "unsigned", "", 0),
    (Fault.WRONG_CLIENT, {}, "wrong_client", "", 1),
    (Fault.OTHER_IDS, {}, "id_mismatch", "", 0),
    (Fault.NO_IDS, {}, "", "S", 1),
    (Fault.RAW_BASE64, {}, "", "S", 1),
]


@pytest.mark.parametrize(("fault", "options", "error", "result_status", "effects"), FAULTS)
def test_a_fault_reaches_the_client_once_and_then_all_is_well(
    caller, fault, options, error, result_status, effects
):
    caller.gateway.misbehave(fault, payment="alipay-1", api="cancel", **options)
    answer = caller.cancel(HURRIED if error == "timeout" else PATIENT)
    assert (answer.error, answer.sent) == (error, True)
    if not error:
        assert answer.result_status == result_status
    assert caller.payment.cancel_effects == effects
    (recorded,) = caller.gateway.calls
    assert recorded.answered == fault.name
    again = caller.cancel()
    assert (again.error, again.result_status, again.ids_match) == ("", "S", True)
    assert caller.payment.cancel_effects == 1
    first, second = caller.gateway.calls_for("order-1", "cancel")
    assert first.body == second.body == caller.body.encode()


def test_every_fault_is_in_the_table_above_or_tested_below():
    below = {
        Fault.REPLAY,
        Fault.INQUIRY_LAGS,
        Fault.CANCEL_AS_TRANSACTION,
        Fault.CANCEL_UNDER_WAY,
        Fault.EFFECT_LATER,
        Fault.OTHER_KEY_VERSION,
        Fault.CANCELLED_TOLD_AS_F,
        Fault.NULL_TRANSACTIONS,
        Fault.REFUNDS_LAG,
        Fault.REFUND_AS_NULLS,
    }
    assert {fault for fault, *_ in FAULTS} | below == set(Fault)


@pytest.mark.parametrize("code", ["ORDER_IS_CANCELED", "ORDER_IS_CLOSED", "NEVER_LISTED"])
def test_that_it_is_cancelled_already_may_be_told_by_an_f(caller, code):
    caller.gateway.misbehave(Fault.CANCELLED_TOLD_AS_F, calls=2, result_code=code)
    assert caller.cancel().result_status == "S", "not yet cancelled when this one came"
    again = caller.cancel()
    assert (again.error, again.result_status, again.result_code) == ("", "F", code)
    assert caller.payment.cancel_effects == 1


def test_an_unknown_payment_may_be_told_in_words(gateway):
    gateway.misbehave(Fault.RESULT, result_code="PROCESS_FAIL", result_message="order not exist")
    told = call(gateway, INQUIRY, paymentRequestId="order-1").document["result"]
    assert told == {
        "resultCode": "PROCESS_FAIL",
        "resultStatus": "F",
        "resultMessage": "order not exist",
    }


def test_an_inquiry_may_tell_transactions_as_null(gateway):
    gateway.add_payment(payment_request_id="order-1")
    gateway.misbehave(Fault.NULL_TRANSACTIONS)
    told = [call(gateway, INQUIRY, paymentRequestId="order-1").document for _ in range(2)]
    assert told[0]["transactions"] is None
    assert "transactions" not in told[1]


@pytest.mark.parametrize("kind", ["CANCEL", "VOID"])
def test_a_cancel_or_void_may_be_under_way(gateway, kind):
    gateway.add_payment(payment_request_id="order-1")
    gateway.misbehave(Fault.CANCEL_UNDER_WAY, kind=kind)
    (entry,) = call(gateway, INQUIRY, paymentRequestId="order-1").document["transactions"]
    assert (entry["transactionType"], entry["transactionStatus"]) == (kind, "PROCESSING")


@pytest.mark.parametrize("status", [429, 503])
def test_it_may_be_busy_and_say_for_how_long(gateway, status):
    gateway.misbehave(Fault.HTTP_STATUS, status=status, retry_after=7)
    told = call(gateway, paymentRequestId="order-1")
    assert (told.status, told.headers["retry-after"]) == (status, "7")


def test_a_forged_s_says_what_a_genuine_one_would(caller):
    caller.gateway.misbehave(Fault.UNSIGNED, applied=False)
    answer = caller.cancel()
    assert (answer.error, answer.result_status) == ("unsigned", "S")
    assert caller.payment.status == "SUCCESS"


def test_tampering_turns_the_result_around(gateway):
    gateway.add_payment(payment_request_id="order-1")
    gateway.misbehave(Fault.TAMPERED_BODY, calls=2)
    told = call(gateway, paymentRequestId="order-1")
    assert (told.code, told.result_status) == ("SUCCESS", "F")
    assert not told.is_genuine(gateway, CANCEL)
    told = call(gateway, paymentRequestId="nobody")
    assert (told.code, told.result_status) == ("ORDER_NOT_EXIST", "S")


@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        (Fault.MISSING_SIGNATURE, {"signature"}),
        (Fault.MISSING_RESPONSE_TIME, {"response-time"}),
        (Fault.UNSIGNED, {"signature", "response-time"}),
    ],
)
def test_only_the_named_headers_are_missing(gateway, fault, missing):
    gateway.misbehave(fault)
    headers = call(gateway, paymentId="nobody").headers
    assert {"signature", "response-time", "client-id"} - headers.keys() == missing


def test_a_refused_call_meets_no_fault(gateway):
    gateway.misbehave(Fault.HTTP_STATUS)
    assert call(gateway).code == "PARAM_ILLEGAL"
    assert call(gateway, paymentId="nobody").status == 503


def test_an_answer_to_another_client_is_genuine_for_that_client(gateway):
    gateway.misbehave(Fault.WRONG_CLIENT)
    told = call(gateway, paymentId="nobody")
    assert told.headers["client-id"] != gateway.client_id
    assert told.is_genuine(gateway, CANCEL)


def test_a_replayed_answer_is_a_genuine_older_one(caller):
    caller.gateway.add_payment(payment_request_id="order-2")
    other = caller.client.request_body(payment_request_id="order-2", payment_id=None)
    assert caller.client.cancel(other).verified
    caller.gateway.misbehave(Fault.REPLAY)
    answer = caller.cancel()
    assert (answer.error, answer.result_status) == ("id_mismatch", "S")
    assert caller.payment.cancel_effects == 0


def test_a_replay_may_be_of_the_same_payment_and_then_verifies(caller):
    caller.payment.status = "PROCESSING"
    caller.inquire()
    caller.payment.status = "SUCCESS"
    caller.inquire()
    assert caller.cancel().verified
    caller.gateway.misbehave(Fault.REPLAY, api="inquiryPayment", of="order-1")
    stale = caller.inquire()
    assert (stale.error, stale.payment_status) == ("", "SUCCESS")  # the newest of the two
    assert caller.inquire().payment_status == "CANCELLED"


def test_a_replay_without_anything_to_replay_says_so(gateway):
    gateway.misbehave(Fault.REPLAY)
    told = call(gateway, paymentId="nobody")
    assert (told.status, b"Nothing to replay" in told.body) == (500, True)


def test_an_inquiry_may_lag_behind_the_cancel(caller):
    caller.gateway.misbehave(Fault.INQUIRY_LAGS, calls=2)
    assert caller.inquire().payment_status == "SUCCESS"
    assert caller.cancel().result_status == "S"
    assert caller.inquire().payment_status == "SUCCESS"
    assert caller.inquire().payment_status == "CANCELLED"


def test_a_cancelled_payment_may_show_as_a_transaction(caller):
    caller.cancel()
    caller.gateway.misbehave(Fault.CANCEL_AS_TRANSACTION)
    answer = caller.inquire()
    assert (answer.payment_status, answer.cancelled_by_transaction) == ("SUCCESS", True)


def test_a_cancel_can_be_shown_as_under_way(caller):
    caller.gateway.misbehave(Fault.CANCEL_UNDER_WAY)
    answer = caller.inquire()
    assert (answer.cancelled_by_transaction, answer.cancelling_by_transaction) == (False, True)


def test_a_cancel_can_take_effect_later(caller):
    caller.gateway.misbehave(Fault.EFFECT_LATER, seconds=30)
    assert caller.cancel().error == "connection_lost"
    assert caller.payment.status == "SUCCESS"
    caller.gateway.advance(31)
    assert caller.inquire().payment_status == "CANCELLED"
    assert caller.payment.cancel_effects == 1


def test_a_key_version_can_name_another_key_than_the_one_used(caller):
    caller.gateway.misbehave(Fault.OTHER_KEY_VERSION)
    answer = caller.cancel()
    assert (answer.error, answer.result_status) == ("", "S")


def test_a_genuine_refusal_can_be_played_again(caller):
    caller.payment.method = "bank_transfer"
    assert caller.cancel().result_code == "PAYMENT_METHOD_NOT_SUPPORTED"
    caller.payment.method = "default"
    caller.gateway.misbehave(Fault.REPLAY, status="F")
    answer = caller.cancel()
    assert (answer.error, answer.result_code) == ("", "PAYMENT_METHOD_NOT_SUPPORTED")
    assert caller.payment.status == "SUCCESS"


@pytest.mark.parametrize(("status", "after", "seconds"), [(429, 7, 7.0), (503, 900, 60.0)])
def test_an_overloaded_gateway_says_when_to_come_again(caller, status, after, seconds):
    caller.gateway.misbehave(Fault.HTTP_STATUS, status=status, retry_after=after)
    answer = caller.cancel()
    assert (answer.http_status, answer.retry_after) == (status, seconds)


def test_faults_concern_one_payment_one_api_and_so_many_calls(gateway):
    for name in ("order-1", "order-2"):
        gateway.add_payment(payment_request_id=name, status="PROCESSING")
    gateway.misbehave(Fault.UNKNOWN_RESULT, payment="order-1", api="cancel", calls=2)
    assert call(gateway, paymentRequestId="order-2").code == "SUCCESS"
    assert call(gateway, INQUIRY, paymentRequestId="order-1").code == "SUCCESS"
    payment_id = gateway.payment("order-1").payment_id
    told = [call(gateway, paymentId=payment_id).code for _ in range(3)]
    assert told == ["UNKNOWN_EXCEPTION", "UNKNOWN_EXCEPTION", "SUCCESS"]


def test_orders_are_carried_out_one_after_the_other(gateway):
    gateway.misbehave(Fault.THROTTLED)
    gateway.misbehave(Fault.UNKNOWN_RESULT)
    told = [call(gateway, paymentId="nobody").code for _ in range(3)]
    assert told == ["REQUEST_TRAFFIC_EXCEED_LIMIT", "UNKNOWN_EXCEPTION", "ORDER_NOT_EXIST"]


def test_always_lasts_until_the_gateway_is_told_to_behave(gateway):
    gateway.misbehave(Fault.THROTTLED, calls=None)
    told = [call(gateway, paymentId="nobody").code for _ in range(3)]
    assert set(told) == {"REQUEST_TRAFFIC_EXCEED_LIMIT"}
    gateway.behave()
    assert call(gateway, paymentId="nobody").code == "ORDER_NOT_EXIST"


def test_orders_that_make_no_sense_are_refused(gateway):
    with pytest.raises(TypeError, match=r"Fault.GZIP has no option size"):
        gateway.misbehave(Fault.GZIP, size=5)
    with pytest.raises(ValueError, match="consult"):
        gateway.misbehave(Fault.GZIP, api="consult")
    with pytest.raises(ValueError, match="at least 1"):
        gateway.misbehave(Fault.GZIP, calls=0)
    assert OPTIONS.keys() <= set(Fault)


def test_latency_delays_each_answer_and_may_exceed_the_timeout(caller):
    caller.gateway.latency = 0.1
    started = time.monotonic()
    assert caller.cancel().verified
    assert time.monotonic() - started >= 0.1
    caller.gateway.latency = 5
    assert caller.cancel(HURRIED).error == "timeout"


def test_a_call_can_be_looked_at_after_its_effect_and_before_its_answer(caller):
    seen = []
    caller.gateway.before_answer = lambda call: seen.append((call.api, caller.payment.status))
    assert caller.cancel().verified
    assert seen == [("cancel", "CANCELLED")]


def test_adapter_and_socket_give_the_same_bytes(gateway):
    gateway.set_clock(gateway.now)
    gateway.add_payment(payment_request_id="order-1")
    over_socket, by_adapter = client_of(gateway), client_of(gateway)
    by_adapter.session.mount(gateway.url, gateway.adapter())
    body = over_socket.request_body(payment_request_id="order-1", payment_id=None)
    answers = [client.cancel(body) for client in (over_socket, by_adapter)]
    assert replace(answers[0], trace_id="") == replace(answers[1], trace_id="")
    first, second = gateway.calls
    assert (first.path, first.body) == (second.path, second.body)
    over_socket.session.close()
