"""The queue between merchants: one that is silent or throttled harms none of the others."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Gateway
from django_alipay_cancel.services.queue import DueRows, due_rows_of
from django_alipay_cancel.services.worker import process_these
from django_alipay_cancel.testing import FakeAlipay, Fault

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 20


@pytest.fixture
def silent(settings, gateway):
    """A second merchant whose gateway keeps its answers back until the test lets go."""
    with FakeAlipay() as other:
        merchants = {**settings.ALIPAY_CANCEL["MERCHANTS"], "silent": other.merchant_settings()}
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "MERCHANTS": merchants}
        other.let_go = threading.Event()
        other.before_answer = lambda call: other.let_go.wait(PATIENCE)
        try:
            yield other
        finally:
            other.let_go.set()


def request(gateway, merchant, number, *, due=None):
    made = []
    for n in range(number):
        gateway.add_payment(payment_request_id=f"{merchant}-{n}")
        payment = services.record_payment(merchant=merchant, payment_request_id=f"{merchant}-{n}")
        made.append(services.request_cancellation(payment))
    if due is not None:
        keys = [row.pk for row in made]
        Cancellation.objects.filter(pk__in=keys).update(next_attempt_at=due)
    return made


def test_a_silent_merchant_gets_no_more_than_half_of_the_threads(gateway, silent):
    long_ago = timezone.now() - timedelta(minutes=5)
    request(silent, "silent", 8, due=long_ago)
    healthy = request(gateway, "default", 3)
    done = threading.Event()

    def look(call):
        if len(gateway.calls) == len(healthy):
            done.set()

    gateway.before_answer = look
    passing = threading.Thread(target=lambda: _pass(workers=4))
    passing.start()
    try:
        assert done.wait(PATIENCE), "the healthy merchant waited for the silent one"
        assert len(silent.calls) <= 2
    finally:
        silent.let_go.set()
        passing.join()
    statuses = set(Cancellation.objects.values_list("status", flat=True))
    assert statuses == {"SUCCEEDED"}


def _pass(workers):
    services.process_due_cancellations(workers=workers)
    connections.close_all()


def test_five_calls_without_an_answer_put_a_merchant_off_and_one_probe_finds_out(
    gateway, pay, clock
):
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, calls=5)
    rows = [services.request_cancellation(pay(f"order-{n}")) for n in range(8)]
    services.process_due_cancellations()
    assert len(gateway.calls) == 5
    state = Gateway.objects.get()
    assert (state.failures, state.last_error) == (5, "connection_lost")
    assert state.not_before > timezone.now()
    untouched = Cancellation.objects.filter(attempts__isnull=True)
    assert untouched.count() == 3
    assert all(row.next_attempt_at == row.asked_at for row in untouched)
    clock.shift(70)
    services.process_due_cancellations()
    assert set(Cancellation.objects.values_list("status", flat=True)) == {"SUCCEEDED"}
    state.refresh_from_db()
    assert (state.failures, state.not_before, state.last_error) == (0, None, "")
    assert len(rows) == 8


def test_a_throttled_merchant_is_put_off_for_longer_each_time_and_others_are_not(
    gateway, silent, pay, clock
):
    silent.let_go.set()
    gateway.misbehave(Fault.HTTP_STATUS, status=429, retry_after=7, calls=None)
    for n in range(3):
        services.request_cancellation(pay(f"order-{n}"))
    (other,) = request(silent, "silent", 1)
    services.process_due_cancellations()
    assert len(gateway.calls) == 1
    other.refresh_from_db()
    assert other.status == "SUCCEEDED"
    first = Gateway.objects.get().not_before - timezone.now()
    assert timedelta(seconds=5) < first < timedelta(seconds=8)
    for _ in range(8):
        clock.shift(61)
        before = len(gateway.calls)
        services.process_due_cancellations()
        probed = {call.body for call in gateway.calls[before:]}
        assert len(probed) == 1, "one probe at a time"
    last = Gateway.objects.get().not_before - timezone.now()
    assert timedelta(seconds=40) < last <= timedelta(seconds=60)


def test_a_probe_is_won_once(gateway, pay, clock):
    from django_alipay_cancel.services import gateways

    past = timezone.now() - timedelta(seconds=1)
    Gateway.objects.create(merchant="default", failures=5, not_before=past)
    found = gateways.put_off(timezone.now())
    assert list(found.probing) == ["default"]
    assert gateways.win_probe("default", past)
    assert not gateways.win_probe("default", past)


def test_a_click_is_made_all_the_same(gateway, pay):
    later = timezone.now() + timedelta(minutes=1)
    Gateway.objects.create(merchant="default", failures=5, not_before=later)
    payment, left = pay("order-1"), pay("order-2")
    services.cancel_payment(payment)
    assert payment.status == "CANCELLED"
    assert Gateway.objects.get().not_before is None, "it answers again"
    Gateway.objects.update(failures=5, not_before=later)
    services.request_cancellation(left)
    process_these([left.pk])
    assert Cancellation.objects.get(payment=left).status == "PENDING", "left to the worker"


def test_a_late_throttling_answer_changes_no_other_row(gateway, pay, fall_due):
    first, others = pay("first"), [pay(f"other-{n}") for n in range(3)]
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, payment="payment-first", api="cancel")
    services.cancel_payment(first)
    services.request_cancellations(others)
    fall_due()
    gateway.misbehave(Fault.THROTTLED, payment="payment-first", api="cancel")

    def check_now(call):
        if call.answered == "THROTTLED":
            gateway.before_answer = None
            services.refresh_payment(type(first).objects.get(pk=first.pk))
            connections.close_all()

    gateway.before_answer = check_now
    Cancellation.objects.filter(payment=first).update(
        next_attempt_at=timezone.now() - timedelta(minutes=1)
    )
    services.process_due_cancellations(limit=1)
    pending = Cancellation.objects.filter(status="PENDING")
    assert pending.count() == 3
    assert not pending.filter(next_attempt_at__gt=timezone.now()).exists()


def test_beside_a_replica_what_is_due_is_read_from_where_it_is_written(gateway, pay, replica):
    left, due = pay("order-1"), pay("order-2")
    services.request_cancellations([left, due])
    with replica():
        process_these([due.pk])
        assert len(gateway.calls) == 1
        services.process_due_cancellations()
    assert set(Cancellation.objects.values_list("status", flat=True)) == {"SUCCEEDED"}


@pytest.fixture
def row_locks(monkeypatch):
    """Claim as on a database whose rows can be locked; SQLite leaves the locking out."""
    monkeypatch.setattr(connections["default"].features, "has_select_for_update_skip_locked", True)


def test_with_row_locks_the_longest_waiting_row_is_claimed_and_no_other(gateway, row_locks):
    at = timezone.now()
    late, early = request(gateway, "default", 2, due=at)
    Cancellation.objects.filter(pk=early.pk).update(next_attempt_at=at - timedelta(seconds=5))
    due = DueRows(workers=1)
    first = due.take(by=at)
    assert first == early and first.next_attempt_at > at
    stored = dict(Cancellation.objects.values_list("pk", "next_attempt_at"))
    assert stored == {early.pk: first.next_attempt_at, late.pk: at}
    due.done(first)
    assert due.take(by=at) == late
    due.done(late)
    assert due.take(by=at) is None


def test_with_row_locks_a_row_is_claimed_in_its_own_database(gateway, monkeypatch, elsewhere):
    features = connections["elsewhere"].features
    monkeypatch.setattr(features, "has_select_for_update_skip_locked", True)
    with elsewhere():
        (row,) = request(gateway, "default", 1)
        assert DueRows(workers=1).take(by=timezone.now()) == row


def test_without_row_locks_a_row_that_another_worker_claims_first_is_left_to_it(
    gateway, monkeypatch
):
    connection = connections["default"]
    monkeypatch.setattr(connection.features, "has_select_for_update_skip_locked", False)
    first, second = request(gateway, "default", 2)
    theirs = timezone.now() + timedelta(minutes=1)

    def claim_before(execute, sql, *arguments):
        nonlocal ours
        if sql.startswith("UPDATE") and ours:
            ours = False
            Cancellation.objects.filter(pk=first.pk).update(next_attempt_at=theirs)
        return execute(sql, *arguments)

    ours = True
    with connection.execute_wrapper(claim_before):
        assert DueRows(workers=1).take(by=timezone.now()) == second
    first.refresh_from_db()
    assert first.next_attempt_at == theirs


def test_no_more_rows_are_claimed_than_the_limit(gateway):
    rows = request(gateway, "default", 3)
    due = DueRows(workers=3, limit=2)
    assert [due.take(by=timezone.now()) for _ in rows] == [*rows[:2], None]


def test_a_quick_merchant_gets_more_than_half_of_the_threads_only_when_no_other_waits(
    gateway, settings
):
    other = gateway.merchant_settings()
    merchants = {**settings.ALIPAY_CANCEL["MERCHANTS"], "other": other}
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "MERCHANTS": merchants}
    at = timezone.now()
    rows = request(gateway, "default", 3, due=at - timedelta(minutes=1))
    (waiting,) = request(gateway, "other", 1, due=at)
    due = DueRows(workers=2)
    quick = due.take(by=at)
    due.done(quick)
    taken = [due.take(by=at) for _ in range(4)]
    assert [row and row.payment.merchant for row in taken] == ["default", "other", "default", None]
    assert taken[1] == waiting and {quick, taken[0], taken[2]} == set(rows)


def test_a_probe_is_one_row_and_none_is_won_for_nothing(gateway):
    past = timezone.now() - timedelta(seconds=1)
    state = Gateway.objects.create(merchant="default", failures=5, not_before=past)
    due = DueRows(workers=4)
    assert due.take(by=timezone.now()) is None
    state.refresh_from_db()
    assert state.not_before == past
    request(gateway, "default", 2)
    assert due.take(by=timezone.now()) is not None
    assert due.take(by=timezone.now()) is None


def test_of_a_selection_the_due_rows_are_given_in_its_order_and_the_others_counted(gateway):
    first, second, later = request(gateway, "default", 3)
    at = timezone.now() + timedelta(hours=1)
    Cancellation.objects.filter(pk=later.pk).update(next_attempt_at=at)
    told = []
    keys = [later.payment_id, second.payment_id, first.payment_id]
    assert list(due_rows_of(keys, told.append)) == [second, first]
    assert told == [1]


def test_a_selection_is_read_a_hundred_at_a_time():
    told = []
    assert list(due_rows_of((uuid4() for _ in range(250)), told.append)) == []
    assert told == [100, 100, 50]
