"""The worker: bulk requests, payments without a result, recovery, and being late."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.worker import run_pass
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_many_requests_are_written_in_batches_and_told_apart(gateway, pay):
    fresh = [pay(f"fresh-{n}") for n in range(3)]
    opened = pay("opened")
    services.request_cancellation(opened)
    cancelled = pay("cancelled")
    services.cancel_payment(cancelled)
    failed = pay("failed", status="PROCESSING", failed_at=timezone.now())
    unsendable = pay("unsendable", merchant="unknown")
    report = services.request_cancellations(Payment.objects.all(), reason="out of stock")
    assert (report.requested, report.already_open, report.already_cancelled) == (3, 1, 1)
    assert set(report.refused) == {failed.pk, unsendable.pk}
    assert "nothing to cancel" in report.refused[failed.pk]
    assert "'unknown'" in report.refused[unsendable.pk]
    assert report.total == 7
    assert rows(fresh[0])["cancellations"] == [("PENDING", "", "", "WAIT")]
    again = services.request_cancellations(fresh)
    assert (again.requested, again.already_open) == (0, 3)


def test_a_thousand_requests_take_a_few_statements_per_batch(gateway):
    Payment.objects.bulk_create(
        Payment(payment_request_id=f"request-{n}", status="SUCCESS", paid_at=timezone.now())
        for n in range(1000)
    )
    with CaptureQueriesContext(connection) as statements:
        report = services.request_cancellations(Payment.objects.all())
    assert report.requested == 1000
    assert len(statements) < 60, len(statements)


def test_several_threads_finish_what_is_due_once_each(gateway, pay):
    services.request_cancellations([pay(f"order-{n}") for n in range(12)])
    report = services.process_due_cancellations(workers=4)
    assert (report.succeeded, report.errors) == (12, 0)
    assert len(gateway.calls) == 12


def test_a_limit_ends_the_pass(gateway, pay):
    services.request_cancellations([pay(f"order-{n}") for n in range(3)])
    assert services.process_due_cancellations(limit=2).processed == 2
    assert services.process_due_cancellations().processed == 1


def test_a_pass_that_is_told_to_stop_finishes_the_row_in_hand(gateway, pay):
    services.request_cancellations([pay(f"order-{n}") for n in range(3)])
    report = run_pass(limit=None, workers=1, stopping=lambda: bool(gateway.calls))
    assert (report.processed, report.succeeded) == (1, 1)


@pytest.mark.parametrize("workers", [0, 257])
def test_a_number_of_workers_that_cannot_be_is_refused(workers):
    with pytest.raises(ValueError, match="between 1 and 256"):
        services.process_due_cancellations(workers=workers)


def test_one_row_costs_a_constant_number_of_statements(gateway, pay):
    def statements_for(number):
        services.request_cancellations([pay(f"{number}-{n}") for n in range(number)])
        with CaptureQueriesContext(connection) as statements:
            services.process_due_cancellations()
        return len(statements)

    services.cancel_payment(pay("warm-up"))
    one, three = statements_for(1), statements_for(3)
    five = statements_for(5)
    assert five - three == three - one
    per_row = (three - one) / 2
    assert per_row <= 18, per_row


def test_an_abandoned_attempt_is_closed_and_the_cancel_repeated(gateway, pay, fall_due):
    payment = pay()
    cancellation = services.request_cancellation(payment)
    CancellationAttempt.objects.create(
        cancellation=cancellation,
        number=1,
        kind="cancel",
        open_for=cancellation,
        client_id="client",
        sent_at=timezone.now() - timedelta(minutes=5),
        request_body='{"paymentId":"payment-order-1"}',
    )
    services.process_due_cancellations()
    assert rows(payment)["attempts"] == [
        ("cancel", "UNKNOWN", "", "abandoned"),
        ("cancel", "SUCCEEDED", "SUCCESS", ""),
    ]


def test_open_attempts_of_finished_cancellations_are_closed_too(gateway, pay):
    payment = pay()
    cancellation = services.cancel_payment(payment)
    attempt = CancellationAttempt.objects.create(
        cancellation=cancellation,
        number=2,
        kind="inquiry",
        client_id="client",
        sent_at=timezone.now(),
        request_body="{}",
    )
    assert services.process_due_cancellations().abandoned == 0
    CancellationAttempt.objects.update(sent_at=timezone.now() - timedelta(minutes=5))
    assert services.process_due_cancellations().abandoned == 1
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.error) == ("UNKNOWN", "abandoned")


def test_a_late_s_finishes_a_newer_cancellation_of_the_same_payment_too(gateway, pay):
    from django_alipay_cancel.services.deciding import record_answer
    from django_alipay_cancel.services.transactions import commit

    payment = pay()
    gateway.balance_is_enough = False
    first = services.cancel_payment(payment)
    attempt = first.attempts.get()
    CancellationAttempt.objects.update(outcome="UNKNOWN", error="abandoned", result_status="")
    attempt.refresh_from_db()
    newer = services.request_cancellation(payment)
    gateway.balance_is_enough = True
    from django_alipay_cancel.conf import client_for

    answer = client_for("default").cancel(attempt.request_body)
    commit(lambda: record_answer(first, first.payment, attempt, answer, timezone.now()), first)
    for cancellation in (first, newer):
        cancellation.refresh_from_db()
        assert cancellation.status == "SUCCEEDED"
    assert Payment.objects.get().status == "CANCELLED"


def test_an_overdue_row_means_that_no_worker_runs(gateway, pay, django_assert_num_queries):
    assert not services.worker_is_late()
    services.request_cancellation(pay())
    assert not services.worker_is_late()
    Cancellation.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=11))
    with django_assert_num_queries(1):
        assert services.worker_is_late()


@pytest.fixture
def unresolved(gateway, pay, settings):
    """Make a payment that was recorded a while ago and never got a result."""
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 600}

    def make(told, *, age=timedelta(minutes=11), known=True):
        payment = pay(status="PROCESSING", known=known)
        if known:
            gateway.payment("payment-order-1").status = told
        past = timezone.now() - age
        Payment.objects.update(created_at=past, updated_at=past)
        return payment

    return make


@pytest.mark.parametrize("told", ["PROCESSING", "PENDING"])
def test_a_payment_without_a_result_is_cancelled(unresolved, told):
    payment = unresolved(told)
    assert services.process_due_cancellations().unresolved == 1
    assert rows(payment)["payment"] == "CANCELLED"
    cancellation = Cancellation.objects.get()
    assert cancellation.source == "no_result"
    assert told in cancellation.reason


def test_a_payment_alipay_does_not_know_is_cancelled_too(unresolved):
    payment = unresolved(None, known=False)
    services.process_due_cancellations()
    assert rows(payment)["cancellations"][0][1] == "ORDER_NOT_EXIST"


@pytest.mark.parametrize(("told", "status"), [("SUCCESS", "SUCCESS"), ("FAIL", "FAIL")])
def test_a_payment_with_a_result_after_all_is_marked_instead(unresolved, told, status):
    payment = unresolved(told)
    services.process_due_cancellations()
    assert rows(payment) == {"payment": status, "cancellations": [], "attempts": []}


@pytest.mark.parametrize("age", [timedelta(minutes=9), timedelta(hours=25)])
def test_a_payment_too_young_or_too_old_is_left_alone(gateway, unresolved, age):
    unresolved("PROCESSING", age=age)
    assert services.process_due_cancellations().unresolved == 0
    assert not gateway.calls


def test_it_is_off_by_default(gateway, unresolved, settings):
    unresolved("PROCESSING")
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": None}
    services.process_due_cancellations()
    assert not gateway.calls


def test_an_inquiry_without_a_trustworthy_answer_cancels_nothing(gateway, unresolved):
    payment = unresolved("PROCESSING")
    gateway.misbehave(Fault.WRONG_KEY, api="inquiryPayment")
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "PROCESSING"
    # Not at once again, but after CANCEL_UNRESOLVED_AFTER.
    assert services.process_due_cancellations().unresolved == 0
    Payment.objects.update(updated_at=timezone.now() - timedelta(minutes=11))
    assert services.process_due_cancellations().unresolved == 1
    assert rows(payment)["payment"] == "CANCELLED"


def test_a_payment_is_cancelled_for_having_no_result_only_once(gateway, unresolved, settings):
    payment = unresolved("PROCESSING")
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="USER_NOT_EXIST", result_status="F")
    services.process_due_cancellations()
    assert rows(payment)["cancellations"][0][0] == "REJECTED"
    Payment.objects.update(updated_at=timezone.now() - timedelta(minutes=11))
    assert services.process_due_cancellations().unresolved == 0


def test_a_pass_that_is_told_to_stop_asks_about_no_further_payment(gateway, unresolved):
    unresolved("PROCESSING")
    report = run_pass(limit=None, workers=1, stopping=lambda: True)
    assert (report.unresolved, report.processed, gateway.calls) == (0, 0, ())
