"""Two of ours lock the same rows in the same order, and what a database throws out is made again.

MySQL and MariaDB lock the entry of the index in which they find a row before the row itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import announcing, attempts, evidence, judging, pruning, waking
from django_alipay_cancel.testing import Fault
from tests.meanwhile import closing, meanwhile, thrown_out
from tests.servers import require_suite_on
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"


@pytest.fixture
def _mariadb(transactional_db):
    require_suite_on("mysql", "TEST_MARIADB_URL")


def wait_until_somebody_waits():
    with connection.cursor() as cursor:
        for _ in range(100):
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
            time.sleep(0.2)  # asked more often, the server says what it said before
    raise AssertionError("Nobody waits for the row.")


def beside(row, act: Callable[[], object], **change):
    """Have the row, let `act` come to it elsewhere, and change the row while that waits."""
    mine = type(row).objects.filter(pk=row.pk)
    with ThreadPoolExecutor(1) as thread:
        with transaction.atomic():
            mine.select_for_update().get()
            acted = thread.submit(closing(act))
            wait_until_somebody_waits()
            mine.update(**change)
        acted.result()


@pytest.mark.usefixtures("_mariadb")
def test_a_wish_waits_for_who_has_the_payment_and_changes_its_status(pay, caplog):
    payment = pay()
    beside(
        payment,
        lambda: services.request_cancellation(Payment.objects.get()),
        status="PROCESSING",
        paid_at=None,
    )
    assert rows(payment)["payment"] == "CANCELLING"
    assert "repeated" not in caplog.text


@pytest.mark.usefixtures("_mariadb")
def test_a_claim_waits_for_who_has_the_wish_and_puts_it_off(pay, caplog):
    cancellation = services.request_cancellation(pay())
    copy = Cancellation.objects.get()
    later = timezone.now() + timedelta(minutes=5)
    beside(
        cancellation,
        lambda: copy.store("reason", next_attempt_at=copy.next_attempt_at),
        next_attempt_at=later,
    )
    assert "repeated" not in caplog.text


@pytest.mark.usefixtures("_mariadb")
def test_a_signal_that_is_told_waits_for_who_puts_it_off(gateway, pay):
    cancellation = services.cancel_payment(pay())
    mark, later = timezone.now() - timedelta(minutes=1), timezone.now() + timedelta(minutes=5)
    Cancellation.objects.update(announce_at=mark)
    copy = Cancellation.objects.get()
    beside(cancellation, lambda: announcing.announce(copy), announce_at=later)
    assert Cancellation.objects.get().announce_at is not None
    Cancellation.objects.update(announce_at=mark)
    beside(cancellation, lambda: announcing.announce_overdue(limit=9), announce_at=later)
    assert Cancellation.objects.get().announce_at is not None


@pytest.mark.usefixtures("_mariadb")
def test_who_gives_up_calls_waits_for_the_one_that_stores_an_answer(gateway, pay):
    services.refresh_payment(pay())
    CancellationAttempt.objects.update(outcome="OPEN", finished_at=None)
    attempt = CancellationAttempt.objects.get()
    later = attempt.claim_until + timedelta(seconds=1)
    beside(
        attempt,
        lambda: attempts.abandon_orphaned(database="default", now=later, limit=9),
        outcome="SUCCEEDED",
        finished_at=timezone.now(),
    )
    assert CancellationAttempt.objects.get().outcome == "SUCCEEDED"


# Thrown out by the database all the same


@pytest.fixture
def stands(gateway, pay, in_review, settings):
    """Return the payment as it stands before somebody does something about it."""

    def make(how):
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True}
        if how == "in review":
            return in_review().payment
        payment = pay()
        if how == "open":
            services.request_cancellation(payment)
        if how == "failed meanwhile":
            payment = pay("order-2", status="PROCESSING")
            services.request_cancellation(payment)
            evidence.append_event(payment, "failed", source="notification")
            payment.failed_at = timezone.now()
            payment.save()
        if how == "being refunded":
            refused = {"result_code": "CANCEL_WINDOW_EXCEED", "result_status": "F"}
            gateway.misbehave(Fault.RESULT, api="cancel", **refused)
            gateway.payment("request-order-1").refunds_take_time = True
            services.cancel_payment(payment, or_refund=True)
        return payment

    return make


def wish(payment):
    services.request_cancellation(payment)


def wishes(payment):
    assert services.request_cancellations([payment]).requested == 1


def wish_or_refund(payment):
    services.request_cancellation(payment, or_refund=True)


def ask_again(payment):
    services.retry_cancellation(payment.cancellations.get(), requested_by="Li")


def close(payment):
    services.close_cancellation(
        payment.cancellations.get(), cancelled=True, closed_by="Li", note="said so"
    )


def judge(payment):
    judging.judge_open_cancellation(payment)


def wake(payment):
    waking.wake_refund("default", payment.cancellations.get().refund_request_id)


def forget(payment):
    assert services.forget_customer(payment.customer).payments == 1


def prune(payment):
    assert pruning.delete_payments(Payment.objects.filter(pk=payment.pk)).done == 1


def blank(payment):
    assert pruning.blank_bodies(CancellationAttempt.objects.filter(payment=payment)).done == 1


@pytest.mark.parametrize(
    ("act", "model"), [(forget, Payment), (prune, Payment), (blank, CancellationAttempt)]
)
def test_what_is_to_go_goes_though_a_try_is_thrown_out(gateway, pay, caplog, act, model):
    payment = pay(customer=get_user_model().objects.create(username="Li"))
    services.cancel_payment(payment)
    with meanwhile("UPDATE", model, thrown_out):
        act(payment)
    assert caplog.text.count("A transaction is repeated: deadlock detected") == 1


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("before", "act", "after"),
    [
        (None, wish, ("CANCELLING", "PENDING")),
        (None, wishes, ("CANCELLING", "PENDING")),
        ("open", wish_or_refund, ("CANCELLING", "PENDING")),
        ("in review", ask_again, ("CANCELLING", "PENDING")),
        ("in review", close, ("CANCELLED", "SUCCEEDED")),
        ("failed meanwhile", judge, ("FAIL", "SUCCEEDED")),
        ("being refunded", wake, ("REFUNDING", "PENDING")),
    ],
)
def test_what_a_person_does_is_done_again_but_not_inside_the_shops_transaction(
    stands, caplog, before, act, after, inside
):
    payment = stands(before)
    stood = rows(payment)
    if inside:
        with (
            pytest.raises(OperationalError, match="deadlock"),
            transaction.atomic(),
            meanwhile("UPDATE", Payment, thrown_out),
        ):
            act(payment)
        assert "repeated" not in caplog.text
        assert rows(payment) == stood
        return
    with meanwhile("UPDATE", Payment, thrown_out):
        act(payment)
    assert caplog.text.count("A transaction is repeated: deadlock detected") == 1
    found = rows(payment)
    assert (found["payment"], found["cancellations"][0][0]) == after
