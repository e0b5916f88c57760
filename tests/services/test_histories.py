"""The worst of the histories played over real sockets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment, PaymentEvent
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(clock):
    """Let time pass and the worker come by, until nothing is pending any more."""

    def until_over(payment, passes=40, seconds=61):
        for _ in range(passes):
            if not Cancellation.objects.filter(payment=payment, status="PENDING").exists():
                return
            clock.shift(seconds)
            assert services.process_due_cancellations().errors == 0

    return until_over


@pytest.mark.parametrize("notified", [False, True])
@pytest.mark.parametrize("cancels", [1, 2, 3])
def test_a_pay_that_arrives_after_its_cancels_is_cancelled(
    gateway, pay, clock, work, cancels, notified
):
    payment = pay(status="PROCESSING", known=False)
    services.cancel_payment(payment)
    while len(gateway.calls_for("payment-order-1", "cancel")) < cancels:
        clock.shift(30)
        services.process_due_cancellations()
    gateway.add_payment(
        payment_request_id="request-order-1", payment_id="payment-order-1", amount_value=1250
    )
    if notified:
        headers, body = gateway.notification("payment-order-1", path="/n/")
        message = services.verify_notification(headers=headers, body=body, path="/n/")
        services.record_notification(message)
    work(payment)
    assert rows(payment)["payment"] == gateway.payment("payment-order-1").status == "CANCELLED"


def test_the_sweep_does_not_cancel_an_order_that_was_paid_meanwhile(
    gateway, pay, settings, clock, work
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 60}
    payment = pay(status="PROCESSING")
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    clock.shift(120)
    services.process_due_cancellations()
    assert rows(payment)["cancellations"] == [("PENDING", "", "connection_lost", "WAIT")]
    there = gateway.payment("payment-order-1")
    there.status, there.paid_at = "SUCCESS", gateway.now
    headers, body = gateway.notification("payment-order-1", path="/n/")
    services.record_notification(
        services.verify_notification(headers=headers, body=body, path="/n/")
    )
    work(payment)
    assert there.status == "SUCCESS"
    assert rows(payment)["payment"] == "SUCCESS"
    assert rows(payment)["cancellations"] == [("REJECTED", "", "", "NONE")]


def test_a_notification_right_before_the_first_byte_holds_the_sweeps_cancel_back(
    gateway, pay, settings, clock, monkeypatch
):
    from django_alipay_cancel.alipay.connection import _LimitedConnection

    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 60}
    payment = pay(status="PROCESSING")
    real = _LimitedConnection.send

    def told_meanwhile(connection, data):
        if b"payments/cancel" in bytes(data):
            Payment.objects.update(paid_at=timezone.now())
        return real(connection, data)

    monkeypatch.setattr(_LimitedConnection, "send", told_meanwhile)
    clock.shift(120)
    services.process_due_cancellations()
    assert not gateway.calls_for("payment-order-1", "cancel")
    assert rows(payment)["attempts"] == [("cancel", "NOT_SENT", "", "abandoned")]


def test_a_cancel_under_way_is_neither_yes_nor_no(gateway, pay, work):
    payment = pay()
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="PROCESS_FAIL", applied=True)
    gateway.misbehave(Fault.CANCEL_UNDER_WAY, api="inquiryPayment", calls=2)
    services.cancel_payment(payment)
    assert rows(payment)["cancellations"][0][0] == "PENDING"
    assert services.explain(payment).because == "under_way"
    work(payment)
    assert rows(payment)["payment"] == "CANCELLED"
    assert len(gateway.calls_for("payment-order-1", "cancel")) == 1


def test_a_refusal_of_another_payment_decides_nothing(gateway, pay, clock, work):
    gateway.add_payment(
        payment_request_id="other", payment_id="other-id", paid_at=gateway.now - timedelta(days=3)
    )
    services.cancel_payment(services.record_payment(payment_request_id="other"))
    payment = pay()
    gateway.misbehave(Fault.REPLAY, payment="payment-order-1", of="other", status="F", applied=True)
    services.cancel_payment(payment)
    assert CancellationAttempt.objects.filter(
        payment=payment, result_code="CANCEL_WINDOW_EXCEED"
    ).exists()
    work(payment)
    assert rows(payment)["payment"] == gateway.payment("payment-order-1").status == "CANCELLED"


def test_order_not_exist_played_to_the_sweep_cancels_no_paid_order(
    gateway, pay, settings, clock, work
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 60}
    payment = pay(status="PROCESSING")
    there = gateway.payment("payment-order-1")
    there.status, there.paid_at = "SUCCESS", gateway.now
    gateway.misbehave(
        Fault.RESULT, api="inquiryPayment", result_code="ORDER_NOT_EXIST", result_status="F"
    )
    clock.shift(120)
    services.process_due_cancellations()
    assert rows(payment) == {"payment": "PROCESSING", "cancellations": [], "attempts": []}
    clock.shift(3600)
    services.process_due_cancellations()
    assert there.status == rows(payment)["payment"] == "SUCCESS"
    assert not gateway.calls_for("payment-order-1", "cancel")


def test_a_lost_cancel_that_takes_effect_late_is_not_called_rejected(gateway, pay, clock, work):
    payment = pay()
    gateway.misbehave(Fault.EFFECT_LATER, api="cancel", calls=1, seconds=30)
    services.cancel_payment(payment)
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="PROCESS_FAIL")
    clock.shift(3)
    services.process_due_cancellations()
    assert rows(payment)["cancellations"][0][0] == "PENDING"
    assert gateway.payment("payment-order-1").status == "SUCCESS"
    work(payment)
    assert rows(payment)["payment"] == gateway.payment("payment-order-1").status == "CANCELLED"
    assert rows(payment)["cancellations"] == [("SUCCEEDED", "SUCCESS", "", "NONE")]


@pytest.mark.parametrize("fault", ["id_mismatch", "configuration"])
def test_what_is_in_review_is_asked_about_again(gateway, pay, settings, clock, fault):
    payment = pay()
    if fault == "id_mismatch":
        gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
        services.cancel_payment(payment)
    else:
        services.request_cancellation(payment)
        right = settings.ALIPAY_CANCEL
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": {"CLIENT_ID": "x"}}}
        services.process_due_cancellations()
        settings.ALIPAY_CANCEL = right
    assert rows(payment)["cancellations"][0][:3:2] == ("NEEDS_REVIEW", fault)
    gateway.payment("payment-order-1").status = "CANCELLED"
    clock.shift(3700)
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"


@pytest.mark.parametrize(
    ("there", "here"), [("SUCCESS", "SUCCESS"), ("CANCELLED", "CANCELLED"), ("FAIL", "FAIL")]
)
def test_cancelling_without_an_open_cancellation_heals_by_itself(gateway, pay, clock, there, here):
    payment = pay()
    services.request_cancellation(payment)
    Cancellation.objects.all().delete()
    gateway.payment("payment-order-1").status = there
    assert services.explain(payment).because == "no_wish"
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLING", "its rows may be restored one after another"
    clock.shift(3700)
    services.process_due_cancellations()
    assert rows(payment)["payment"] == here


def test_an_answer_whose_key_version_names_another_key_is_believed(settings, gateway, pay):
    alipays = gateway.merchant_settings()["ALIPAY_PUBLIC_KEY"]
    entry = gateway.merchant_settings() | {"ALIPAY_PUBLIC_KEY": {"1": alipays, "10": alipays[:0]}}
    from django_alipay_cancel.testing.keys import new_key, public_key_text

    entry["ALIPAY_PUBLIC_KEY"]["10"] = public_key_text(new_key().public_key())
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry}}
    gateway.misbehave(Fault.OTHER_KEY_VERSION, api="cancel")
    services.cancel_payment(payment := pay())
    assert rows(payment)["payment"] == "CANCELLED"


def test_a_refunded_payment_is_not_to_be_refunded_again(gateway, pay):
    payment = pay()
    gateway.payment("payment-order-1").status = "REFUNDED"
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(payment)
    assert rows(payment)["cancellations"] == [
        ("REJECTED", "CANCEL_WINDOW_EXCEED", "", "CHECK_REFUNDS")
    ]
    assert Payment.objects.get().refunded_value == 1250


@pytest.mark.django_db(transaction=True)
def test_alipays_word_leads_out_of_the_shops_own_fail(gateway, pay):
    told = []

    def receive(sender, payment, **kwargs):
        told.append(payment.status)

    signals.paid_after_failure.connect(receive)
    payment = pay(status="PROCESSING", failed_at=timezone.now())
    gateway.payment("payment-order-1").status = "SUCCESS"
    services.refresh_payment(payment)
    signals.paid_after_failure.disconnect(receive)
    assert (payment.status, told) == ("SUCCESS", ["SUCCESS"])
    assert PaymentEvent.objects.filter(kind="paid", source="inquiry").count() == 1
    services.cancel_payment(payment)
    assert payment.status == "CANCELLED"


@pytest.mark.django_db(transaction=True)
def test_a_payment_that_becomes_paid_after_it_was_unknown_is_told(gateway, pay, clock, work):
    told = []

    def receive(sender, payment, **kwargs):
        told.append(payment.reference)

    payment = pay(status="PROCESSING", known=False)
    services.cancel_payment(payment)
    work(payment)
    assert rows(payment)["cancellations"][0][:2] == ("REJECTED", "ORDER_NOT_EXIST")
    gateway.add_payment(payment_request_id="request-order-1", payment_id="payment-order-1")
    signals.paid_after_rejection.connect(receive)
    services.refresh_payment(payment)
    signals.paid_after_rejection.disconnect(receive)
    assert told == ["order-1"]


def test_trying_a_pending_one_now_resets_no_delay(gateway, pay):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    cancellation = services.cancel_payment(payment)
    assert cancellation.next_attempt_at > timezone.now()
    services.retry_cancellation(cancellation, requested_by="Ms Li")
    cancellation.refresh_from_db()
    assert cancellation.repeats == 1
    assert cancellation.next_attempt_at <= timezone.now()
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"
    assert [event.person_name for event in payment.events.filter(kind="asked_again")] == ["Ms Li"]
