"""cancel_payments and import_payments, as somebody types them."""

from __future__ import annotations

import signal
import threading

import pytest
from django.utils import timezone

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.commands import run
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_ids_of_every_kind_are_found(gateway, pay):
    by_id, by_request, by_payment, by_reference = (pay(f"order-{n}") for n in range(4))
    out, _, failure = run(
        "cancel_payments", str(by_id.pk), "request-order-1", "payment-order-2", "order-3"
    )
    assert failure == ""
    assert "SUCCEEDED            4" in out
    assert set(Payment.objects.values_list("status", flat=True)) == {"CANCELLED"}
    assert all(rows(p)["attempts"] for p in (by_id, by_request, by_payment, by_reference))


def test_a_file_of_ids_is_read(gateway, pay, tmp_path):
    pay("order-0"), pay("order-1")
    file = tmp_path / "ids.txt"
    file.write_text("\ufefforder-0\r\n\r\n  order-1  \r\n", encoding="utf-8")
    out, _, failure = run("cancel_payments", "--file", str(file), "--workers", "2")
    assert (failure, "SUCCEEDED            2" in out) == ("", True)


def test_a_dry_run_sends_nothing(gateway, pay):
    pay("order-0")
    out, _, failure = run("cancel_payments", "order-0", "--dry-run")
    assert "1 payments would be cancelled. Nothing was sent." in out
    assert failure == ""
    assert not gateway.calls
    assert not Cancellation.objects.exists()


def test_what_is_not_finished_or_unknown_fails_the_command(gateway, pay):
    pay("order-0")
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")
    out, _, failure = run("cancel_payments", "order-0")
    assert "PENDING              1" in out
    assert "1 are not finished" in failure
    _, err, failure = run("cancel_payments", "no-such-id")
    assert "No payment has the id 'no-such-id'." in err
    assert "1 ids are unknown" in failure


def test_it_can_be_started_again_after_an_interrupt(gateway, pay):
    pay("order-0"), pay("order-1")
    run("cancel_payments", "order-0")
    out, _, failure = run("cancel_payments", "order-0", "order-1")
    assert (failure, "SUCCEEDED            2" in out) == ("", True)
    assert len(gateway.calls) == 2


# A signal is taken by whichever thread of the process wakes first.
@pytest.mark.parametrize("thread", [threading.main_thread().ident, None], ids=["main", "other"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_lets_the_calls_in_flight_finish_and_begins_no_other(gateway, pay, workers, thread):
    orders = [f"order-{n}" for n in range(6)]
    for order in orders:
        pay(order)
    gateway.latency = 2.0
    interrupts = iter([signal.SIGINT])  # a second one would end the process at once

    def interrupt(call):
        if number := next(interrupts, None):
            signal.pthread_kill(thread or threading.get_ident(), number)

    gateway.before_answer = interrupt
    _, _, failure = run("cancel_payments", *orders, "--workers", workers)
    begun = len(gateway.calls)
    assert begun <= int(workers)
    assert f"{6 - begun} are not finished" in failure
    assert not CancellationAttempt.objects.exclude(outcome="SUCCEEDED").exists()
    gateway.before_answer, gateway.latency = None, 0.0
    out, _, failure = run("cancel_payments", *orders, "--workers", workers)
    assert (failure, "SUCCEEDED            6" in out, len(gateway.calls)) == ("", True, 6)


def test_a_reference_of_two_payments_is_refused(gateway, pay):
    first = pay("order-0")
    second = pay("order-1")
    Payment.objects.update(reference="same")
    _, _, failure = run("cancel_payments", "same")
    assert str(first.pk) in failure
    assert str(second.pk) in failure
    assert not Cancellation.objects.exists()


def test_only_payments_of_the_merchant_named_are_found(gateway, pay, settings):
    entry = settings.ALIPAY_CANCEL["MERCHANTS"]["default"]
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry, "asia": entry}}
    here, there = pay("here"), pay("there", merchant="asia")
    Payment.objects.update(reference="same")
    run("cancel_payments", "same", "--merchant", "asia")
    assert (rows(here)["payment"], rows(there)["payment"]) == ("SUCCESS", "CANCELLED")


def test_what_cannot_be_cancelled_is_told_and_fails_the_command(gateway, pay):
    pay("order-0"), pay("order-1", failed_at=timezone.now(), status="PROCESSING")
    out, err, failure = run("cancel_payments", "order-0", "order-1")
    assert "SUCCEEDED            1" in out
    assert "refused              1" in out
    assert "The payment order-1 is FAIL: there is nothing to cancel." in err
    assert "1 were refused" in failure


def test_a_reason_that_is_too_long_cancels_nothing(gateway, pay):
    pay("order-0")
    _, _, failure = run("cancel_payments", "order-0", "--reason", "x" * 256)
    assert failure == "reason is longer than 255 characters."
    assert not Cancellation.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--older-than", "soon"], ["--file", "/does/not/exist"], ["x", "--workers", "0"]],
)
def test_orders_that_make_no_sense_are_refused(gateway, arguments):
    _, _, failure = run("cancel_payments", *arguments)
    assert failure
