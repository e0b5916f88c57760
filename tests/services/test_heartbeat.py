"""Signs of life of the workers, their clocks, and the state of the queue in numbers."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Gateway, Worker
from django_alipay_cancel.services import heartbeat
from django_alipay_cancel.services.loop import run_loop
from django_alipay_cancel.services.outage import Outage
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def silent_so_far(monkeypatch):
    monkeypatch.setattr(heartbeat, "_beat_at", float("-inf"))


class StopAfter:
    """Stops the loop at its first pause."""

    def __init__(self):
        self.paused = False

    def requested(self):
        return self.paused

    def wait(self, seconds):
        self.paused = True


def test_a_pass_leaves_one_row_for_its_host_and_command_line(gateway):
    services.process_due_cancellations(workers=3)
    services.process_due_cancellations()
    worker = Worker.objects.get()
    assert worker.threads == 3, "at most every 15 seconds"
    assert abs(worker.seen_at - timezone.now()) < timedelta(minutes=1)


def test_workers_that_were_not_seen_for_a_day_are_forgotten(gateway, monkeypatch):
    services.process_due_cancellations()
    Worker.objects.update(id="another", seen_at=timezone.now() - timedelta(days=2))
    monkeypatch.setattr(heartbeat, "_beat_at", float("-inf"))
    services.process_due_cancellations()
    assert "another" not in set(Worker.objects.values_list("pk", flat=True))


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file has no clock of its own")
@pytest.mark.parametrize(("seconds", "claims"), [(0, True), (8, True), (90, False), (-90, False)])
def test_a_worker_whose_clock_is_wrong_claims_nothing_and_says_so(
    gateway, pay, clock, caplog, seconds, claims
):
    payment = pay()
    services.request_cancellation(payment)
    Cancellation.objects.update(next_attempt_at=timezone.now() - timedelta(hours=1))
    clock.shift(seconds)
    run_loop(workers=1, interval=1.0, stop=StopAfter(), tell=lambda report: None)
    assert (rows(payment)["payment"] == "CANCELLED") is claims
    assert ("nothing is claimed" in caplog.text) is not claims
    assert ("clock differs" in caplog.text) is (seconds != 0)
    assert abs(Worker.objects.get().clock_offset - seconds) < 2


@pytest.mark.skipif(connection.vendor == "sqlite", reason="a file has no clock of its own")
@pytest.mark.parametrize("seconds", [90, -90])
def test_a_single_pass_by_a_wrong_clock_claims_nothing_and_fails(gateway, pay, clock, seconds):
    payment = pay()
    services.request_cancellation(payment)
    Cancellation.objects.update(next_attempt_at=timezone.now() - timedelta(hours=1))
    clock.shift(seconds)
    with pytest.raises(CommandError, match=r"differs from the database's by -?(89|9\d)\.\d s"):
        call_command("process_cancellations")
    assert rows(payment)["payment"] == "CANCELLING"


def test_threads_without_a_connection_are_told_of_once(caplog):
    outage = Outage(threads=2)
    lacking = threading.Thread(target=lambda: outage.goes_on(OperationalError("too many")))
    lacking.start()
    lacking.join()
    for _ in range(3):
        outage.over()
        outage.goes_on(OperationalError("too many"))
    assert caplog.text.count("too many") == 1
    assert "again" not in caplog.text


@pytest.mark.broken_rows
def test_the_state_of_the_queue_in_numbers(gateway, pay):
    gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
    services.cancel_payment(pay("review"))
    lost, due = (services.request_cancellation(pay(name)) for name in ("lost", "due"))
    Cancellation.objects.filter(pk=lost.pk).update(
        next_attempt_at=timezone.now() + timedelta(days=365)
    )
    later = timezone.now() + timedelta(minutes=1)
    Gateway.objects.create(merchant="tokyo", failures=6, not_before=later, last_error="timeout")
    state = services.queue_state()
    assert (state.due, state.pending, state.in_review, state.unreachable) == (1, 2, 1, 1)
    assert state.oldest_due_at == due.next_attempt_at
    assert [(g.merchant, g.failures, g.last_error) for g in state.gateways] == [
        ("tokyo", 6, "timeout")
    ]


def test_nobody_works_when_something_waits_and_no_worker_was_seen(gateway, pay, clock):
    services.request_cancellation(pay())
    assert not services.queue_state().nobody_works
    clock.shift(61)
    assert services.queue_state().nobody_works
    services.process_due_cancellations()
    assert not services.queue_state().nobody_works
