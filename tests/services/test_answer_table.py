"""Each row of the table "what an answer to a cancel means", seen in the three database tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Gateway, Payment
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db

UNKNOWN_WITHOUT_CODE = [
    (Fault.ANSWER_LOST_AFTER, {}, "connection_lost", "WAIT"),
    (Fault.ANSWER_LOST_BEFORE, {}, "connection_lost", "WAIT"),
    (Fault.HTTP_STATUS, {"status": 500}, "http_status", "WAIT"),
    (Fault.NOT_JSON, {}, "invalid_body", "WAIT"),
    (Fault.TAMPERED_BODY, {}, "bad_signature", "FIX_CONFIGURATION"),
    (Fault.WRONG_KEY, {}, "bad_signature", "FIX_CONFIGURATION"),
    (Fault.MISSING_SIGNATURE, {}, "bad_signature", "FIX_CONFIGURATION"),
    (Fault.MISSING_RESPONSE_TIME, {}, "bad_signature", "FIX_CONFIGURATION"),
    (Fault.UNSIGNED, {}, "unsigned", "FIX_CONFIGURATION"),
    (Fault.WRONG_CLIENT, {}, "wrong_client", "FIX_CONFIGURATION"),
    (Fault.LARGE_BODY, {}, "too_large", "WAIT"),
    (Fault.GZIP, {}, "invalid_body", "WAIT"),
]


def test_a_verified_s_cancels_the_payment(gateway, pay):
    payment = pay()
    cancellation = services.cancel_payment(payment, reason="wrong order")
    assert rows(payment) == {
        "payment": "CANCELLED",
        "cancellations": [("SUCCEEDED", "SUCCESS", "", "NONE")],
        "attempts": [("cancel", "SUCCEEDED", "SUCCESS", "")],
    }
    assert payment.status == "CANCELLED"
    assert payment.cancelled_at == storable(gateway.payment("payment-order-1").cancel_time)
    assert cancellation.finished_at is not None
    assert gateway.payment("payment-order-1").cancel_effects == 1


def test_an_s_without_ids_is_believed_when_the_inquiry_says_cancelled(gateway, pay):
    payment = pay()
    gateway.misbehave(Fault.NO_IDS, payment="payment-order-1", api="cancel", calls=1)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLED",
        "cancellations": [("SUCCEEDED", "SUCCESS", "", "NONE")],
        "attempts": [
            ("cancel", "SUCCEEDED", "SUCCESS", ""),
            ("inquiry", "SUCCEEDED", "SUCCESS", ""),
        ],
    }
    assert payment.cancelled_at is None


def test_an_s_without_ids_stays_unknown_when_the_inquiry_says_paid(gateway, pay):
    payment = pay()
    gateway.misbehave(
        Fault.RESULT,
        payment="payment-order-1",
        api="cancel",
        calls=1,
        result_code="SUCCESS",
        result_status="S",
        applied=False,
    )
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", "SUCCESS", "", "WAIT")],
        "attempts": [
            ("cancel", "UNKNOWN", "SUCCESS", ""),
            ("inquiry", "SUCCEEDED", "SUCCESS", ""),
        ],
    }


def test_an_s_for_another_payment_needs_review(gateway, pay):
    payment = pay()
    gateway.misbehave(Fault.OTHER_IDS, payment="payment-order-1", api="cancel", calls=1)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("NEEDS_REVIEW", "SUCCESS", "id_mismatch", "CONTACT_ALIPAY")],
        "attempts": [("cancel", "UNKNOWN", "SUCCESS", "id_mismatch")],
    }


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("CANCEL_WINDOW_EXCEED", {"SUCCESS": "REFUND", "AUTHORIZED": "RELEASE_OR_CAPTURE"}),
        ("PAYMENT_METHOD_NOT_SUPPORTED", {"SUCCESS": "REFUND", "AUTHORIZED": "RELEASE_OR_CAPTURE"}),
        ("MERCHANT_BALANCE_NOT_ENOUGH", "TOP_UP_BALANCE"),
        ("PARAM_ILLEGAL", "FIX_CONFIGURATION"),
        ("USER_NOT_EXIST", "CONTACT_ALIPAY"),
        ("A_CODE_NOBODY_KNOWS", "CONTACT_ALIPAY"),
    ],
)
@pytest.mark.parametrize("status", ["SUCCESS", "AUTHORIZED"])
def test_a_verified_f_is_believed_when_an_inquiry_agrees(gateway, pay, code, step, status):
    payment = pay(status=status)
    _answer(gateway, code, "F")
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": status,
        "cancellations": [("REJECTED", code, "", step if isinstance(step, str) else step[status])],
        "attempts": [
            ("cancel", "REJECTED", code, ""),
            ("inquiry", "SUCCEEDED", "SUCCESS", ""),
        ],
    }


@pytest.mark.parametrize(
    "code",
    [
        "ORDER_STATUS_INVALID",
        "PROCESS_FAIL",
        "SYSTEM_ERROR",
        "ORDER_IS_CANCELED",
        "ORDER_IS_CLOSED",
        "CANCEL_WINDOW_EXCEED",
        "NEVER_SEEN_BEFORE",
    ],
)
def test_an_f_that_hides_a_cancelled_payment_is_not_believed(gateway, pay, code):
    payment = pay()
    _answer(gateway, code, "F", applied=True)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLED",
        "cancellations": [("SUCCEEDED", "SUCCESS", "", "NONE")],
        "attempts": [
            ("cancel", "REJECTED", code, ""),
            ("inquiry", "SUCCEEDED", "SUCCESS", ""),
        ],
    }


def test_a_code_for_unknown_that_comes_with_f_is_repeated(gateway, pay):
    payment = pay()
    _answer(gateway, "UNKNOWN_EXCEPTION", "F")
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", "UNKNOWN_EXCEPTION", "", "WAIT")],
        "attempts": [("cancel", "UNKNOWN", "UNKNOWN_EXCEPTION", "")],
    }


def test_a_paid_payment_that_alipay_knows_is_not_unknown_to_it(gateway, pay):
    payment = pay()
    _answer(gateway, "ORDER_NOT_EXIST", "F")
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", "ORDER_NOT_EXIST", "", "WAIT")],
        "attempts": [
            ("cancel", "REJECTED", "ORDER_NOT_EXIST", ""),
            ("inquiry", "SUCCEEDED", "SUCCESS", ""),
        ],
    }


def test_one_that_the_shop_has_as_paid_is_unknown_when_cancel_and_inquiry_say_so(gateway, pay):
    payment = pay(known=False)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "SUCCESS",
        "cancellations": [("REJECTED", "ORDER_NOT_EXIST", "", "CHECK_PAYMENT_ID")],
        "attempts": [
            ("cancel", "REJECTED", "ORDER_NOT_EXIST", ""),
            ("inquiry", "REJECTED", "ORDER_NOT_EXIST", ""),
        ],
    }


def test_an_inquiry_that_refuses_our_request_puts_a_refusal_into_review(gateway, pay):
    payment = pay()
    _answer(gateway, "CANCEL_WINDOW_EXCEED", "F")
    gateway.misbehave(
        Fault.RESULT, api="inquiryPayment", result_code="ACCESS_DENIED", result_status="F"
    )
    services.cancel_payment(payment)
    assert rows(payment)["cancellations"] == [
        ("NEEDS_REVIEW", "CANCEL_WINDOW_EXCEED", "", "REFUND")
    ]


def test_an_f_after_an_unknown_attempt_is_checked_first(gateway, pay, fall_due):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, payment="payment-order-1", api="cancel", calls=1)
    services.cancel_payment(payment)
    _answer(gateway, "CANCEL_WINDOW_EXCEED", "F")
    fall_due()
    services.process_due_cancellations()
    assert rows(payment) == {
        "payment": "CANCELLED",
        "cancellations": [("SUCCEEDED", "SUCCESS", "", "NONE")],
        "attempts": [
            ("cancel", "UNKNOWN", "", "connection_lost"),
            ("cancel", "REJECTED", "CANCEL_WINDOW_EXCEED", ""),
            ("inquiry", "SUCCEEDED", "SUCCESS", ""),
        ],
    }


def test_a_doubtful_f_without_a_trustworthy_inquiry_stays_pending(gateway, pay):
    payment = pay()
    _answer(gateway, "SYSTEM_ERROR", "F")
    gateway.misbehave(Fault.WRONG_KEY, payment="payment-order-1", api="inquiryPayment", calls=1)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", "SYSTEM_ERROR", "", "WAIT")],
        "attempts": [
            ("cancel", "REJECTED", "SYSTEM_ERROR", ""),
            ("inquiry", "UNKNOWN", "SUCCESS", "bad_signature"),
        ],
    }


def test_an_unpaid_payment_alipay_does_not_know_is_asked_four_times_before_it_is_believed(
    gateway, pay, fall_due
):
    payment = pay(status="PROCESSING", known=False)
    services.cancel_payment(payment)
    for _ in range(2):
        assert rows(payment)["cancellations"] == [("PENDING", "ORDER_NOT_EXIST", "", "WAIT")]
        fall_due()
        services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLING"
    fall_due()
    services.process_due_cancellations()
    told = rows(payment)
    assert told["payment"] == "PROCESSING"
    assert told["cancellations"] == [("REJECTED", "ORDER_NOT_EXIST", "", "CHECK_PAYMENT_ID")]
    assert told["attempts"].count(("cancel", "REJECTED", "ORDER_NOT_EXIST", "")) == 4
    assert told["attempts"][-1] == ("inquiry", "REJECTED", "ORDER_NOT_EXIST", "")


def test_a_payment_that_arrives_after_its_cancel_is_cancelled_by_the_repeat(gateway, pay, fall_due):
    payment = pay(status="PROCESSING", known=False)
    services.cancel_payment(payment)
    gateway.add_payment(
        payment_request_id="request-order-1", payment_id="payment-order-1", status="SUCCESS"
    )
    fall_due()
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"


@pytest.mark.parametrize("code", ["UNKNOWN_EXCEPTION", "REQUEST_TRAFFIC_EXCEED_LIMIT"])
def test_a_verified_u_is_repeated_until_it_is_known(gateway, pay, clock, code):
    payment = pay()
    _answer(gateway, code, "U")
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", code, "", "WAIT")],
        "attempts": [("cancel", "UNKNOWN", code, "")],
    }
    clock.shift(5)  # the delay, and the second for which a throttling gateway is put off
    services.process_due_cancellations()
    assert rows(payment)["cancellations"] == [("SUCCEEDED", "SUCCESS", "", "NONE")]


@pytest.mark.parametrize(("fault", "options", "error", "step"), UNKNOWN_WITHOUT_CODE)
def test_an_answer_that_is_missing_or_not_trusted_is_unknown(
    gateway, pay, fall_due, fault, options, error, step
):
    payment = pay()
    gateway.misbehave(fault, payment="payment-order-1", api="cancel", calls=1, **options)
    services.cancel_payment(payment)
    told = rows(payment)
    assert told["payment"] == "CANCELLING"
    ((status, _, stored_error, stored_step),) = told["cancellations"]
    assert (status, stored_error, stored_step) == ("PENDING", error, step)
    ((kind, outcome, _, attempt_error),) = told["attempts"]
    assert (kind, outcome, attempt_error) == ("cancel", "UNKNOWN", error)
    fall_due()
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"
    assert gateway.payment("payment-order-1").cancel_effects == 1


def test_silence_is_a_timeout_and_unknown(gateway, pay, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "TIMEOUT": (0.2, 0.2)}
    payment = pay()
    gateway.misbehave(Fault.SILENT_AFTER, payment="payment-order-1", api="cancel", calls=1)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", "", "timeout", "WAIT")],
        "attempts": [("cancel", "UNKNOWN", "", "timeout")],
    }


@pytest.mark.parametrize("code", ["CANCEL_WINDOW_EXCEED", "ORDER_NOT_EXIST"])
def test_an_unsigned_business_f_is_unknown(gateway, pay, code):
    payment = pay()
    _answer(gateway, code, "F", signed=False)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", code, "unsigned", "FIX_CONFIGURATION")],
        "attempts": [("cancel", "UNKNOWN", code, "unsigned")],
    }


@pytest.mark.parametrize(
    "code", ["INVALID_SIGNATURE", "KEY_NOT_FOUND", "CLIENT_INVALID", "ACCESS_DENIED", "INVALID_API"]
)
def test_an_unsigned_configuration_f_needs_review(gateway, pay, code):
    payment = pay()
    _answer(gateway, code, "F", signed=False)
    services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("NEEDS_REVIEW", code, "unsigned", "FIX_CONFIGURATION")],
        "attempts": [("cancel", "UNKNOWN", code, "unsigned")],
    }


def test_what_was_not_sent_is_sent_again_and_uses_up_no_delay(gateway, pay, fall_due):
    payment = pay()
    gateway.stop()
    cancellation = services.cancel_payment(payment)
    assert rows(payment) == {
        "payment": "CANCELLING",
        "cancellations": [("PENDING", "", "connection_failed", "WAIT")],
        "attempts": [("cancel", "NOT_SENT", "", "connection_failed")],
    }
    assert cancellation.repeats == 0
    gateway.start()
    fall_due()
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"


def test_what_could_not_be_sent_for_a_day_needs_review(gateway, pay, clock):
    payment = pay()
    gateway.stop()
    services.cancel_payment(payment)
    for hours in (12, 12):
        assert rows(payment)["cancellations"][0][0] == "PENDING"
        clock.shift(timedelta(hours=hours))
        services.process_due_cancellations()
    assert rows(payment)["cancellations"] == [
        ("NEEDS_REVIEW", "", "connection_failed", "CONTACT_ALIPAY")
    ]


def test_used_up_delays_end_with_an_inquiry_in_review(gateway, pay, fall_due, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RETRY_DELAYS": (1, 1)}
    payment = pay(status="PROCESSING")
    _answer(gateway, "UNKNOWN_EXCEPTION", "U", calls=None)
    services.cancel_payment(payment)
    for _ in range(2):
        fall_due()
        services.process_due_cancellations()
    told = rows(payment)
    assert told["payment"] == "CANCELLING"
    assert told["cancellations"] == [("NEEDS_REVIEW", "UNKNOWN_EXCEPTION", "", "CONTACT_ALIPAY")]
    assert [kind for kind, *_ in told["attempts"]] == [
        "cancel", "cancel", "inquiry", "cancel", "inquiry"
    ]  # fmt: skip
    cancellation = Cancellation.objects.get()
    assert timedelta(minutes=59) < cancellation.next_attempt_at - timezone.now()


def test_one_in_review_is_asked_about_and_cancelled_again_when_it_is_paid(
    gateway, pay, fall_due, settings
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RETRY_DELAYS": (1,)}
    payment = pay(status="PROCESSING")
    _answer(gateway, "UNKNOWN_EXCEPTION", "U", calls=2)
    services.cancel_payment(payment)
    fall_due()
    services.process_due_cancellations()
    assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"
    gateway.payment("payment-order-1").status = "SUCCESS"
    fall_due()
    services.process_due_cancellations()
    assert rows(payment)["cancellations"] == [("SUCCEEDED", "SUCCESS", "", "NONE")]


def test_a_throttled_merchant_is_put_off_and_its_rows_keep_their_due_times(gateway, pay):
    waiting = services.request_cancellation(pay("order-2"))
    due = waiting.next_attempt_at
    _answer(gateway, "REQUEST_TRAFFIC_EXCEED_LIMIT", "U")
    services.cancel_payment(pay("order-1"))
    waiting.refresh_from_db()
    assert waiting.next_attempt_at == due
    assert Gateway.objects.get(pk="default").not_before > timezone.now()


def test_an_authorized_payment_is_released(gateway, pay):
    payment = pay(status="AUTHORIZED")
    services.cancel_payment(payment)
    assert rows(payment)["payment"] == "CANCELLED"


def test_a_failed_payment_ends_the_cancellation_without_calling_it_cancelled(gateway, pay):
    payment = pay(status="PROCESSING")
    gateway.payment("payment-order-1").status = "FAIL"
    _answer(gateway, "ORDER_STATUS_INVALID", "F")
    services.cancel_payment(payment)
    told = rows(payment)
    assert told["payment"] == "FAIL"
    assert told["cancellations"] == [("SUCCEEDED", "SUCCESS", "", "NONE")]
    assert Payment.objects.get().cancelled_at is None


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_after_its_claim_was_lost_still_counts(gateway, pay):
    payment = pay()
    attempt_at_call = {}

    def take_over(call):
        """Another worker claims the row while the first call is under way."""
        Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1))
        attempt_at_call.update(CancellationAttempt.objects.values("outcome").get())
        CancellationAttempt.objects.update(
            outcome="UNKNOWN", error="abandoned", open_for=None, finished_at=timezone.now()
        )
        connections.close_all()  # this runs in the gateway's thread

    gateway.before_answer = take_over
    services.cancel_payment(payment)
    assert attempt_at_call == {"outcome": "OPEN"}
    assert rows(payment) == {
        "payment": "CANCELLED",
        "cancellations": [("SUCCEEDED", "SUCCESS", "", "NONE")],
        "attempts": [("cancel", "SUCCEEDED", "SUCCESS", "")],
    }


def _answer(gateway, code, status, *, calls=1, **options):
    gateway.misbehave(
        Fault.RESULT,
        payment=None,
        api="cancel",
        calls=calls,
        result_code=code,
        result_status=status,
        **options,
    )
