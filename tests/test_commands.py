"""cancel_payments and import_payments, as somebody types them."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.timezone import is_naive, localtime

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments, **options):
    """Return what the command printed, and the error it ended with."""
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err, **options)
        failure = ""
    except CommandError as error:
        failure = str(error)
    return out.getvalue(), err.getvalue(), failure


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


def test_old_payments_without_a_result_are_found_by_age(gateway, pay):
    old, new = pay("old", status="PROCESSING"), pay("new", status="PROCESSING")
    Payment.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=1))
    run("cancel_payments", "--older-than", "30m", "--reason", "no result")
    assert rows(old)["payment"] == "CANCELLED"
    assert rows(new)["payment"] == "PROCESSING"
    assert Cancellation.objects.get().reason == "no result"


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


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_lets_the_calls_in_flight_finish_and_begins_no_other(gateway, pay, workers):
    orders = [f"order-{n}" for n in range(6)]
    for order in orders:
        pay(order)
    gateway.latency = 0.2
    gateway.before_answer = lambda call: os.kill(os.getpid(), signal.SIGINT)
    _, _, failure = run("cancel_payments", *orders, "--workers", workers)
    begun = len(gateway.calls)
    assert begun <= int(workers)
    assert f"{6 - begun} are not finished" in failure
    assert not CancellationAttempt.objects.exclude(outcome="SUCCEEDED").exists()
    gateway.before_answer = None
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


HEADER = "payment_request_id,payment_id,amount_value,amount_currency,reference,paid_at\n"


def test_payments_are_imported_and_bad_lines_listed(gateway, tmp_path):
    file = tmp_path / "payments.csv"
    file.write_text(
        HEADER
        + "request-1,,1250,USD,order-1,2026-11-01T10:00:00+08:00\n"
        + ",,1250,USD,order-2,\n"
        + "request-3,,12.50,USD,order-3,\n"
        + "request-4,payment-4,,,order-4,\n"
        + "request-5,too,many,cells,in,this,line\n"
        + "request-6,,1,USD,order-6,yesterday\n"
        + "request-7,,1,USD,order-7,2026-13-01T10:00:00+08:00\n",
        encoding="utf-8",
    )
    out, err, failure = run("import_payments", str(file))
    assert "2 payments recorded, 5 bad lines." in out
    assert [line.split(":")[0] for line in err.splitlines() if line.startswith("line")] == [
        "line 3",
        "line 4",
        "line 6",
        "line 7",
        "line 8",
    ]
    assert failure
    assert list(
        Payment.objects.order_by("reference").values_list("reference", "status", "amount_value")
    ) == [("order-1", "SUCCESS", 1250), ("order-4", "PROCESSING", None)]
    run("import_payments", str(file))
    assert Payment.objects.count() == 2


def test_a_dry_import_keeps_nothing(gateway, tmp_path):
    file = tmp_path / "payments.csv"
    file.write_text(HEADER + "request-1,,1250,USD,order-1,\n", encoding="utf-8")
    out, _, failure = run("import_payments", str(file), "--dry-run")
    assert ("1 payments would be recorded" in out, failure) == (True, "")
    assert not Payment.objects.exists()


@pytest.mark.parametrize("text", ["", "amount\n1\n", "\xff\xfe"])
def test_a_file_that_is_no_such_csv_is_refused(gateway, tmp_path, text):
    file = tmp_path / "payments.csv"
    file.write_bytes(text.encode("latin-1"))
    _, _, failure = run("import_payments", str(file))
    assert failure


def test_a_time_without_an_offset_is_read_in_the_projects_zone(gateway, settings, tmp_path):
    settings.TIME_ZONE = "Asia/Shanghai"
    file = tmp_path / "payments.csv"
    file.write_text(HEADER + "request-1,,1250,USD,order-1,2026-11-01T10:00:00\n", encoding="utf-8")
    assert run("import_payments", str(file))[2] == ""
    paid_at = Payment.objects.get().paid_at
    local = paid_at if is_naive(paid_at) else localtime(paid_at)
    assert f"{local:%Y-%m-%d %H:%M}" == "2026-11-01 10:00"
