"""The worker: bulk requests, payments without a result, recovery, and being late."""

from __future__ import annotations

import itertools
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.conf import client_for
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import heartbeat
from django_alipay_cancel.services.passes import Pass
from django_alipay_cancel.services.worker import process_these, run_pass
from django_alipay_cancel.testing import Fault
from tests.servers import require_suite_on
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
    opened = []

    def keep(sender, connection, **kwargs):
        opened.append(connection)

    connection_created.connect(keep)
    try:
        report = services.process_due_cancellations(workers=4)
    finally:
        connection_created.disconnect(keep)
    assert (report.succeeded, report.errors) == (12, 0)
    assert len(gateway.calls) == 12
    assert opened
    assert [each.connection for each in opened] == [None] * len(opened)


def test_a_limit_ends_the_pass(gateway, pay):
    services.request_cancellations([pay(f"order-{n}") for n in range(3)])
    assert services.process_due_cancellations(limit=2).processed == 2
    assert services.process_due_cancellations().processed == 1


def test_a_pass_that_is_told_to_stop_finishes_the_row_in_hand(gateway, pay):
    services.request_cancellations([pay(f"order-{n}") for n in range(3)])
    report = run_pass(limit=None, workers=1, stopping=lambda: bool(gateway.calls))
    assert (report.processed, report.succeeded) == (1, 1)
    waiting = Cancellation.objects.filter(status="PENDING")
    assert waiting.count() == 2
    assert not waiting.filter(next_attempt_at__gt=timezone.now()).exists(), "kept from others"


def test_these_payments_stop_when_told_and_leave_the_rest_to_the_worker(gateway, pay):
    payments = [pay(f"order-{n}") for n in range(3)]
    services.request_cancellations(payments)
    told = []
    process_these(
        [payment.pk for payment in payments], tell=told.append, stopping=lambda: sum(told) == 2
    )
    assert len(gateway.calls) == 2
    assert services.process_due_cancellations().succeeded == 1


def test_of_these_payments_only_the_due_are_worked_on_and_all_are_told(gateway, pay):
    due, waiting, other, quiet = (pay(name) for name in ("due", "waiting", "other", "quiet"))
    services.request_cancellations([due, waiting, other])
    later = timezone.now() + timedelta(minutes=1)
    Cancellation.objects.filter(payment=waiting).update(next_attempt_at=later)
    told = []
    process_these([due.pk, waiting.pk, quiet.pk], workers=2, tell=told.append)
    assert sum(told) == 3
    assert [call.ids for call in gateway.calls] == [{"request-due", "payment-due"}]


def test_an_error_of_the_database_in_a_thread_ends_the_pass_loudly(gateway, pay):
    services.request_cancellation(pay())
    table = Cancellation._meta.db_table

    def away(execute, sql, params, many, context):
        if sql.startswith("SELECT") and table in sql:
            raise DatabaseError("the table is away")
        return execute(sql, params, many, context)

    def break_connections(sender, connection, **kwargs):
        connection.execute_wrappers.append(away)

    connection_created.connect(break_connections)
    try:
        with pytest.raises(DatabaseError, match="the table is away"):
            services.process_due_cancellations(workers=2)
    finally:
        connection_created.disconnect(break_connections)


@pytest.mark.parametrize("workers", [0, 257])
def test_a_number_of_workers_that_cannot_be_is_refused(workers):
    with pytest.raises(ValueError, match="between 1 and 256"):
        services.process_due_cancellations(workers=workers)


def test_a_task_and_a_list_of_payments_cost_sixteen_statements_each(gateway, pay):
    services.cancel_payment(pay("warm-up"))
    cancellation = services.request_cancellation(pay("task"))
    with CaptureQueriesContext(connection) as of_a_task:
        services.process_cancellation(cancellation.pk)
    payments = [pay(f"order-{n}") for n in range(5)]
    services.request_cancellations(payments)
    with CaptureQueriesContext(connection) as of_a_list:
        process_these([payment.pk for payment in payments])
    assert len(of_a_task) <= 16, [query["sql"] for query in of_a_task]
    assert len(of_a_list) <= 5 * 15 + 1, [query["sql"] for query in of_a_list]


def test_one_row_costs_a_constant_number_of_statements(gateway, pay, monkeypatch):
    monkeypatch.setattr(heartbeat, "_EVERY", 3600)  # a sign of life is no cost of a row
    numbers = itertools.count()

    def statements_for(number):
        names = [f"{next(numbers)}" for _ in range(number)]
        services.request_cancellations([pay(name) for name in names])
        with CaptureQueriesContext(connection) as statements:
            services.process_due_cancellations()
        return len(statements)

    services.cancel_payment(pay("warm-up"))
    statements_for(1)  # with the first sign of life
    one, three = statements_for(1), statements_for(3)
    five = statements_for(5)
    assert five - three == three - one
    # The claim (BEGIN, SELECT, UPDATE, COMMIT at the most), and the attempt with its two commits.
    per_row = (three - one) / 2
    assert per_row <= 4 + 15, per_row
    assert one - per_row <= 16, "what a pass costs beside its rows"


def test_an_abandoned_attempt_is_closed_and_the_cancel_repeated(gateway, pay, fall_due):
    payment = pay()
    cancellation = services.request_cancellation(payment)
    CancellationAttempt.objects.create(
        payment=payment,
        cancellation=cancellation,
        number=1,
        kind="cancel",
        open_for=cancellation,
        client_id="client",
        sent_at=timezone.now() - timedelta(minutes=5),
        claim_until=timezone.now() - timedelta(minutes=4),
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
        payment=payment,
        cancellation=cancellation,
        number=2,
        kind="inquiry",
        client_id="client",
        sent_at=timezone.now(),
        claim_until=timezone.now() + timedelta(minutes=1),
        request_body="{}",
    )
    assert services.process_due_cancellations().abandoned == 0
    CancellationAttempt.objects.update(claim_until=timezone.now() - timedelta(minutes=4))
    assert services.process_due_cancellations().abandoned == 1
    attempt.refresh_from_db()
    assert (attempt.outcome, attempt.error) == ("UNKNOWN", "abandoned")


def test_a_late_s_finishes_a_newer_cancellation_of_the_same_payment_too(gateway, pay):
    payment = pay()
    gateway.balance_is_enough = False
    first = services.cancel_payment(payment)
    attempt = first.attempts.get(kind="cancel")
    CancellationAttempt.objects.filter(pk=attempt.pk).update(
        outcome="UNKNOWN", error="abandoned", result_status="", said=""
    )
    attempt.refresh_from_db()
    newer = services.request_cancellation(payment)
    gateway.balance_is_enough = True
    client = client_for("default")
    late = Pass(first.payment, client, first)
    late.keep(attempt, client.cancel(attempt.request_body))
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

    def make(told, *, name="order-1", age=timedelta(minutes=11), known=True, merchant="default"):
        payment = pay(name, status="PROCESSING", known=known, merchant=merchant)
        if known:
            gateway.payment(f"payment-{name}").status = told
        past = timezone.now() - age
        Payment.objects.filter(pk=payment.pk).update(created_at=past, updated_at=past)
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


def test_a_late_refusal_of_an_old_wish_restores_nothing_while_a_newer_one_is_open(
    gateway, pay, clock
):
    payment = pay()
    gateway.balance_is_enough = False
    first = services.cancel_payment(payment)
    attempt = first.attempts.get(kind="cancel")
    CancellationAttempt.objects.filter(pk=attempt.pk).update(
        outcome="UNKNOWN", error="abandoned", result_status="", said=""
    )
    attempt.refresh_from_db()
    newer = services.request_cancellation(payment)
    clock.shift(600)
    services.refresh_payment(payment)
    client = client_for("default")
    late = client.cancel(attempt.request_body)
    Pass(first.payment, client, first).keep(attempt, late)
    newer.refresh_from_db()
    assert (newer.status, Payment.objects.get().status) == ("PENDING", "CANCELLING")


def test_a_payment_that_never_reached_alipay_opens_no_wish_and_is_asked_about_again(
    gateway, unresolved, clock
):
    payment = unresolved(None, known=False)
    for hours in (0, 1, 1):
        clock.shift(timedelta(hours=hours))
        services.process_due_cancellations()
    assert rows(payment) == {"payment": "PROCESSING", "cancellations": [], "attempts": []}
    assert [attempt.said for attempt in payment.attempts.all()] == ["UNKNOWN_PAYMENT"] * 3
    payment.refresh_from_db()
    assert payment.checked_status == "ORDER_NOT_EXIST"
    assert len(gateway.calls) == 3


def test_a_payment_whose_pay_comes_late_is_cancelled_by_the_sweep(gateway, unresolved, clock):
    payment = unresolved(None, known=False)
    services.process_due_cancellations()
    gateway.add_payment(
        payment_request_id=payment.payment_request_id,
        payment_id=payment.payment_id,
        status="PROCESSING",
    )
    clock.shift(timedelta(hours=1))
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"


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


def test_an_inquiry_without_a_trustworthy_answer_cancels_nothing(gateway, unresolved, clock):
    payment = unresolved("PROCESSING")
    gateway.misbehave(Fault.WRONG_KEY, api="inquiryPayment")
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "PROCESSING"
    # Not at once again, but when it is twice as old.
    assert services.process_due_cancellations().unresolved == 0
    clock.shift(timedelta(hours=1))
    assert services.process_due_cancellations().unresolved == 1
    assert rows(payment)["payment"] == "CANCELLED"


def test_a_payment_is_cancelled_for_having_no_result_only_once(gateway, unresolved, settings):
    payment = unresolved("PROCESSING")
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="USER_NOT_EXIST", result_status="F")
    services.process_due_cancellations()
    assert rows(payment)["cancellations"][0][0] == "REJECTED"
    Payment.objects.update(updated_at=timezone.now() - timedelta(minutes=11))
    assert services.process_due_cancellations().unresolved == 0


def called(gateway):
    """Return which payment was asked about, and how, in the order of the calls."""
    return [(call.api, min(call.ids).removeprefix("payment-")) for call in gateway.calls]


def test_a_due_cancellation_goes_before_the_payments_without_a_result(gateway, pay, unresolved):
    for n in range(3):
        unresolved("SUCCESS", name=f"unresolved-{n}")
    services.request_cancellation(pay("due"))
    report = services.process_due_cancellations()
    assert (report.succeeded, report.unresolved) == (1, 3)
    assert called(gateway)[0] == ("cancel", "due")


def test_what_falls_due_meanwhile_waits_for_one_payment_without_a_result_at_most(
    gateway, pay, unresolved
):
    for n in range(3):
        unresolved("SUCCESS", name=f"unresolved-{n}")
    cancellation = services.request_cancellation(pay("due"))
    later = timezone.now() + timedelta(minutes=5)
    Cancellation.objects.update(next_attempt_at=later)

    def fall_due(call):
        gateway.before_answer = None
        Cancellation.objects.filter(pk=cancellation.pk).update(next_attempt_at=timezone.now())
        connection.close()  # this thread's own

    gateway.before_answer = fall_due
    report = services.process_due_cancellations()
    assert (report.succeeded, report.unresolved) == (1, 3)
    assert called(gateway)[1] == ("cancel", "due")


def test_several_workers_share_the_payments_without_a_result_and_ask_about_each_once(
    gateway, unresolved
):
    names = [f"unresolved-{n}" for n in range(12)]
    for name in names:
        unresolved("SUCCESS", name=name)
    gateway.latency = 0.2
    with ThreadPoolExecutor(2) as pool:
        passes = [pool.submit(process_and_close, workers=3) for _ in range(2)]
        reports = [each.result() for each in passes]
    assert sorted(called(gateway)) == sorted(("inquiryPayment", name) for name in names)
    assert not Payment.objects.exclude(status="SUCCESS").exists()
    assert [report.errors for report in reports] == [0, 0]


def process_and_close(**options):
    try:
        return services.process_due_cancellations(**options)
    finally:
        connection.close()


def test_a_payment_without_a_result_that_cannot_be_asked_about_stops_no_other(
    gateway, unresolved, caplog
):
    unresolved("SUCCESS", name="first", merchant="unknown")
    resolved = unresolved("SUCCESS", name="second")
    assert services.process_due_cancellations().unresolved == 2
    assert rows(resolved)["payment"] == "SUCCESS"
    assert "is left to its lease" in caplog.text


def test_a_pass_that_is_told_to_stop_asks_about_no_further_payment(gateway, unresolved):
    for n in range(3):
        unresolved("SUCCESS", name=f"unresolved-{n}")
    report = run_pass(limit=None, workers=1, stopping=lambda: bool(gateway.calls))
    assert (report.unresolved, len(gateway.calls)) == (1, 1)


def test_celerys_soft_time_limit_passes_through_and_leaves_the_row_to_its_lease(gateway, pay):
    limits = pytest.importorskip("billiard.exceptions")
    payment = pay()
    cancellation = services.request_cancellation(payment)
    gateway.misbehave(Fault.SILENT_BEFORE, api="cancel")

    def over(number, frame):
        raise limits.SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        with pytest.raises(limits.SoftTimeLimitExceeded):
            services.process_due_cancellations()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    cancellation.refresh_from_db()
    assert cancellation.status == "PENDING"
    assert cancellation.next_attempt_at > timezone.now(), "its lease goes on"
    assert cancellation.attempts.get().outcome == "OPEN"


def test_more_workers_than_the_database_gives_connections_work_with_fewer(
    gateway, pay, monkeypatch, caplog
):
    require_suite_on("postgresql", "TEST_POSTGRES_URL")
    password = connection.settings_dict["PASSWORD"] or "few"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE few LOGIN CONNECTION LIMIT 2 PASSWORD '{password}'")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO few")
        cursor.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO few")
    cancellations = [services.request_cancellation(pay(f"order-{n}")) for n in range(6)]
    try:
        with monkeypatch.context() as patch:
            patch.setitem(connection.settings_dict, "USER", "few")
            patch.setitem(connection.settings_dict, "PASSWORD", password)
            report = services.process_due_cancellations(workers=5)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP OWNED BY few")
            cursor.execute("DROP ROLE few")
    assert report.succeeded == len(cancellations)
    assert caplog.text.count("no connection to more than 2 of 5 workers") == 1
