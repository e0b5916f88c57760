"""Two of ours at one row at the same moment: one goes on, the other sees that it is not alone."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import cycle

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone
from django_fsm import ConcurrentTransition

from django_alipay_cancel import services, signals
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.announcing import announce_overdue
from django_alipay_cancel.services.worker import process_these
from django_alipay_cancel.testing import Fault
from tests.meanwhile import elsewhere, meanwhile, thrown_out
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


def somebody_claims():
    """Another worker's claim of every open cancellation."""
    Cancellation.objects.filter(open_for__isnull=False).update(
        next_attempt_at=timezone.now() + timedelta(minutes=1)
    )


def flip(payment):
    """Return somebody who moves the payment back and forth between two states."""

    def act():
        now = timezone.now()
        rows = Payment.objects.filter(pk=payment.pk)
        if not rows.filter(status="PROCESSING").update(status="AUTHORIZED", authorized_at=now):
            rows.update(status="PROCESSING")

    return act


# Claims


def test_a_row_that_a_worker_takes_first_is_left_to_it(gateway, pay, fall_due):
    payment = pay()
    cancellation = services.request_cancellation(payment)
    with meanwhile("UPDATE", Cancellation, somebody_claims):
        assert services.cancel_payment(payment) == cancellation
    assert not gateway.calls


def test_a_claim_lost_before_the_call_makes_no_call(gateway, pay):
    payment = pay()
    services.request_cancellation(payment)
    # The first UPDATE is the claim, the second renews it together with the attempt.
    claims = iter([lambda: None, somebody_claims])
    with meanwhile("UPDATE", Cancellation, lambda: next(claims)(), times=2):
        services.process_due_cancellations()
    assert not gateway.calls
    assert rows(payment)["attempts"] == []


def test_a_worker_that_comes_second_to_a_payment_without_a_result_leaves_it(gateway, pay, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 60}
    payment = pay(status="PROCESSING")
    past = timezone.now() - timedelta(minutes=5)
    Payment.objects.update(created_at=past, updated_at=past)

    def take():
        Payment.objects.update(sweep_at=timezone.now() + timedelta(minutes=1))

    with meanwhile("UPDATE", Payment, take):
        services.process_due_cancellations()
    assert not gateway.calls
    assert rows(payment)["payment"] == "PROCESSING"


def test_what_another_worker_has_in_hand_is_not_carried_out_twice(gateway, pay):
    payment = pay()
    services.request_cancellation(payment)
    somebody_claims()
    told = []
    process_these([payment.pk], tell=told.append)
    assert (told, gateway.calls) == ([1], ())


def test_what_another_worker_takes_after_it_was_read_is_not_carried_out_twice(gateway, pay):
    payments = [pay(f"order-{n}") for n in range(3)]
    services.request_cancellations(payments)
    gateway.before_answer = lambda call: elsewhere(somebody_claims)()
    process_these([payment.pk for payment in payments])
    assert [call.ids for call in gateway.calls] == [{"request-order-0", "payment-order-0"}]
    assert CancellationAttempt.objects.count() == 1


# Answers that come after the claim was lost


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        ({"fault": Fault.RESULT, "result_code": "CANCEL_WINDOW_EXCEED"}, "REJECTED"),
        ({"fault": Fault.OTHER_IDS}, "UNKNOWN"),
        ({"fault": Fault.UNKNOWN_RESULT}, "UNKNOWN"),
    ],
)
def test_an_answer_whose_claim_was_lost_is_kept_with_its_attempt_alone(
    gateway, pay, trouble, outcome
):
    payment = pay()
    gateway.misbehave(**trouble)
    gateway.before_answer = lambda call: elsewhere(somebody_claims)()
    cancellation = services.cancel_payment(payment)
    assert rows(payment)["cancellations"] == [("PENDING", "", "", "WAIT")]
    assert cancellation.attempts.get().outcome == outcome


def test_the_time_of_a_yes_that_an_inquiry_had_found_first_is_filled_in(gateway, pay):
    payment = pay()

    found = []

    def ask():
        services.refresh_payment(Payment.objects.get())
        found.append(Payment.objects.values_list("status", "cancelled_at").get())

    def ask_first(call):
        if call.api == "cancel":
            elsewhere(ask)()

    gateway.before_answer = ask_first
    services.cancel_payment(payment)
    assert found == [("CANCELLED", None)]
    assert payment.cancelled_at == storable(gateway.payment("payment-order-1").cancel_time)
    assert Payment.objects.get().cancelled_at == payment.cancelled_at


# Deadlocks: the database throws a transaction out, and it is made again


@pytest.mark.parametrize("times", [1, 5])
def test_a_transaction_that_the_database_throws_out_is_made_again(gateway, pay, times, caplog):
    payment = pay()
    with meanwhile("UPDATE", CancellationAttempt, thrown_out, times=times):
        cancellation = services.cancel_payment(payment)
    assert cancellation.status == "SUCCEEDED"
    assert len(gateway.calls) == 1
    assert caplog.text.count("A transaction is repeated: deadlock detected") == times


def test_what_cannot_be_stored_within_the_lease_is_left_to_it(gateway, pay, settings, clock):
    payment = pay()

    def lease_ends():
        clock.shift(3600)
        raise OperationalError("deadlock detected")

    with (
        meanwhile("UPDATE", CancellationAttempt, lease_ends),
        pytest.raises(OperationalError),
    ):
        services.cancel_payment(payment)
    assert rows(payment)["attempts"] == [("cancel", "OPEN", "", "")]
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"


@pytest.mark.django_db(transaction=False)
def test_in_the_transaction_of_a_test_case_a_deadlock_is_the_tests_own(gateway, pay, caplog):
    payment = pay()
    with (
        meanwhile("UPDATE", Payment, thrown_out),
        pytest.raises(OperationalError, match="deadlock"),
    ):
        services.cancel_payment(payment)
    assert "repeated" not in caplog.text
    assert not gateway.calls


def test_a_payment_cancelled_while_our_transaction_was_thrown_out_is_not_cancelled_again(
    gateway, pay
):
    payment = pay()

    def somebody_cancels_first():
        elsewhere(lambda: services.cancel_payment(Payment.objects.get()))()
        thrown_out()

    with meanwhile("UPDATE", Payment, somebody_cancels_first):
        cancellation = services.cancel_payment(payment)
    assert cancellation.status == "SUCCEEDED"
    assert len(gateway.calls) == 1


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        ({"fault": Fault.RESULT, "result_code": "CANCEL_WINDOW_EXCEED"}, "REJECTED"),
        ({"fault": Fault.OTHER_IDS}, "UNKNOWN"),
    ],
)
def test_a_cancellation_closed_while_our_transaction_was_thrown_out_stays_closed(
    gateway, pay, trouble, outcome
):
    payment = pay()
    gateway.misbehave(**trouble)

    def close():
        cancellation = Cancellation.objects.get()
        Cancellation.objects.update(status="NEEDS_REVIEW")
        cancellation.refresh_from_db()
        services.close_cancellation(cancellation, cancelled=True, closed_by="Li", note="support")

    with ExitStack() as stack:

        def throw_out_and_close_before_the_repeat():
            stack.enter_context(meanwhile("SELECT", Cancellation, close))
            thrown_out()

        stack.enter_context(
            meanwhile("UPDATE", CancellationAttempt, throw_out_and_close_before_the_repeat)
        )
        cancellation = services.cancel_payment(payment)
    assert cancellation.status == "SUCCEEDED"
    assert rows(payment)["payment"] == "CANCELLED"
    assert cancellation.attempts.get().outcome == outcome


def test_one_is_closed_by_hand_although_somebody_else_writes_at_that_moment(gateway, in_review):
    cancellation = Cancellation.objects.get(pk=in_review().pk)  # its payment is not read yet

    def write():
        Payment.objects.update(reference="written elsewhere")

    # On SQLite a transaction that began with reading is one that nobody can write beside.
    with meanwhile("UPDATE", Payment, elsewhere(write)):
        services.close_cancellation(cancellation, cancelled=True, closed_by="Li", note="support")
    told = Payment.objects.get()
    assert (told.status, told.reference) == ("CANCELLED", "written elsewhere")


# Rows that change faster than they can be written


def test_a_payment_that_never_stands_still_is_told_of(gateway, pay):
    payment = pay(status="PROCESSING")
    with (
        meanwhile("UPDATE", Payment, flip(payment), times=5),
        pytest.raises(ConcurrentTransition, match="faster than it can be written"),
    ):
        services.record_payment(payment_request_id="request-order-1", paid_at=timezone.now())


def test_a_yes_that_cannot_be_written_for_a_restless_payment_is_asked_for_again(
    gateway, pay, clock
):
    payment = pay()
    services.request_cancellation(payment)
    states = cycle(["SUCCESS", "AUTHORIZED"])

    def move():
        Payment.objects.filter(pk=payment.pk).update(
            status=next(states), authorized_at=timezone.now()
        )

    # Once for the lock before the call, and five times for the yes.
    with meanwhile("UPDATE", Payment, move, times=6):
        assert services.process_due_cancellations().errors == 1
    assert rows(payment)["attempts"] == [("cancel", "OPEN", "", "")]
    clock.shift(3600)
    assert services.process_due_cancellations().succeeded == 1
    assert [each[1] for each in rows(payment)["attempts"]] == ["UNKNOWN", "SUCCEEDED"]
    assert rows(payment)["payment"] == "CANCELLED"


@pytest.mark.parametrize("cancel", [services.cancel_payment, services.request_cancellation])
def test_a_payment_that_never_stands_still_is_not_cancelled(gateway, pay, cancel):
    payment = pay(status="PROCESSING")
    with (
        meanwhile("UPDATE", Payment, flip(payment), times=5),
        pytest.raises(ConcurrentTransition, match="faster than it can be written"),
    ):
        cancel(payment)
    assert not gateway.calls
    assert not Cancellation.objects.exists()


@pytest.mark.parametrize("cancel", [services.cancel_payment, services.request_cancellation])
def test_a_payment_that_moves_once_is_cancelled(gateway, pay, cancel):
    payment = pay(status="PROCESSING")
    with meanwhile("UPDATE", Payment, flip(payment)):
        assert cancel(payment).status in ("SUCCEEDED", "PENDING")


def test_a_copy_from_before_a_rejection_can_be_cancelled_anew(gateway, pay):
    payment = pay()
    gateway.balance_is_enough = False
    services.request_cancellation(payment)
    stale = Payment.objects.get()
    services.process_due_cancellations()
    assert (stale.status, rows(payment)["payment"]) == ("CANCELLING", "SUCCESS")
    gateway.balance_is_enough = True
    assert services.cancel_payment(stale).status == "SUCCEEDED"


# Recording


def test_the_same_payment_recorded_by_two_at_once_is_one(gateway):
    def record():
        return services.record_payment(payment_request_id="request-1", reference="order-1")

    with meanwhile("INSERT", Payment, elsewhere(record)):
        payment = record()
    assert Payment.objects.get() == payment


def test_a_payment_that_can_neither_be_written_nor_found_is_an_error(gateway):
    def record():
        return services.record_payment(payment_request_id="request-1", reference="order-1")

    # In our own transaction, so that it goes when that is thrown out.
    with meanwhile("INSERT", Payment, record), pytest.raises(IntegrityError):
        record()
    assert not Payment.objects.exists()


# Signals


@pytest.fixture
def heard():
    """What receivers heard, and a place to do something while hearing it."""

    class Heard(list):
        then = staticmethod(lambda: None)

        def __call__(self, cancellation, **kwargs):
            self.append(cancellation.pk)
            self.then()

    receiver = Heard()
    for signal in (signals.cancellation_succeeded, signals.cancellation_needs_review):
        signal.connect(receiver, weak=False)
    yield receiver
    for signal in (signals.cancellation_succeeded, signals.cancellation_needs_review):
        signal.disconnect(receiver)


def test_an_overdue_signal_is_sent_by_one_worker_only(gateway, pay, heard):
    services.cancel_payment(pay("one")), services.cancel_payment(pay("two"))
    heard.clear()
    Cancellation.objects.update(announce_at=timezone.now() - timedelta(seconds=1))
    # While the first worker sends one, a second one passes over both.
    heard.then = lambda: (setattr(heard, "then", lambda: None), announce_overdue(limit=10))
    assert announce_overdue(limit=10) == 1
    assert len(heard) == len(set(heard)) == 2


def test_an_unsent_signal_of_a_review_that_is_over_is_dropped(gateway, pay, heard, fall_due):
    gateway.misbehave(Fault.OTHER_IDS)
    cancellation = services.cancel_payment(pay())
    heard.clear()
    Cancellation.objects.update(announce_at=timezone.now() - timedelta(seconds=1))
    cancellation.refresh_from_db()
    services.retry_cancellation(cancellation)
    assert announce_overdue(limit=10) == 1
    assert heard == []
    assert Cancellation.objects.get().announce_at is None
