"""cancel_payments --file with every kind of list, the report, and exports that come back."""

from __future__ import annotations

import csv
import io
import os
from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN
from tests.commands import run
from tests.files import lists

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def three(gateway):
    """The payments that the lists speak of, and two with one order number."""
    made = []
    for n, (payment_id, reference) in enumerate(
        zip(lists.ALIPAY, lists.REFERENCES, strict=True), start=1
    ):
        ids = {"payment_request_id": f"pay-{n}", "payment_id": payment_id}
        gateway.add_payment(**ids)
        made.append(services.record_payment(**ids, reference=reference))
    for n in (8, 9):
        services.record_payment(payment_request_id=f"pay-{n}", reference="same")
    return made


def cancelled():
    return sorted(Payment.objects.filter(status="CANCELLED").values_list("payment_request_id"))


@pytest.mark.parametrize("each", lists.ALL, ids=lambda each: each.name)
def test_a_list(three, file, gateway, each):
    path = file(content=each.content)
    planned = run("cancel_payments", "--file", path, *each.options, "--dry-run")
    assert not gateway.calls
    out, err, failure = run("cancel_payments", "--file", path, *each.options)
    assert cancelled() == [(f"pay-{n}",) for n in each.found]
    for said in (out + err + failure, "".join(planned)):
        assert all(part in said for part in each.says), said
        assert said.replace("\n", "").isprintable()
    assert bool(failure) == bool(planned[2]) == bool(each.status), failure


def reported(path):
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


def test_a_report_tells_what_became_of_each_line(three, file, gateway, tmp_path):
    services.cancel_payment(three[1])
    gateway.misbehave(
        Fault.RESULT, api="cancel", result_code="CANCEL_WINDOW_EXCEED", result_status="F"
    )
    failed = services.record_payment(payment_request_id="=1+1")
    Payment.objects.filter(pk=failed.pk).update(status="FAIL")
    report = tmp_path / "report.csv"
    path = file("pay-1", "pay-2", "1001", "nobody", "'=1+1")
    failure = run("cancel_payments", "--file", path, "--report", report)[2]
    assert "1 were refused" in failure
    lines = reported(report)
    assert [(line["line"], line["input"].strip(), line["outcome"]) for line in lines] == [
        ("1", "pay-1", "REJECTED"),
        ("2", "pay-2", "SUCCEEDED"),
        ("3", "1001", "REJECTED"),
        ("4", "nobody", "UNKNOWN"),
        ("5", "'=1+1", "REFUSED"),
    ]
    assert lines[0]["found"] == str(three[0].pk)
    assert (lines[0]["code"], lines[0]["next_step"]) == ("CANCEL_WINDOW_EXCEED", "REFUND")
    assert lines[3]["told"] == "No payment has the id 'nobody'."
    assert "there is nothing to cancel" in lines[4]["told"]


def test_a_dry_run_has_a_report_of_what_was_found(three, file, tmp_path):
    report = tmp_path / "report.csv"
    run("cancel_payments", "--file", file("pay-1", "x"), "--report", report, "--dry-run")
    assert [(line["found"], line["outcome"]) for line in reported(report)] == [
        (str(three[0].pk), ""),
        ("", "UNKNOWN"),
    ]


def test_a_report_that_cannot_be_written_cancels_nothing(three, file, gateway, tmp_path):
    path = file("pay-1")
    for report in (path, tmp_path / "none" / "report.csv"):
        assert run("cancel_payments", "--file", path, "--report", report)[2]
    assert not gateway.calls
    assert path.read_bytes() == b"pay-1\n"


def test_a_report_under_another_name_of_its_list_cancels_nothing(three, file, gateway, tmp_path):
    path = file("pay-1")
    for number, link in enumerate((os.symlink, os.link)):
        other = tmp_path / f"other-{number}.txt"
        link(path, other)
        assert (
            "is the file that is read"
            in run("cancel_payments", "--file", path, "--report", other)[2]
        )
    assert not gateway.calls
    assert path.read_bytes() == b"pay-1\n"


def test_the_sweep_has_a_report_too(gateway, pay, tmp_path):
    payment = pay("a", status="PROCESSING")
    Payment.objects.update(created_at=timezone.now() - timedelta(days=200))
    report = tmp_path / "report.csv"
    age = ("--older-than", "30m", "--newer-than", "9999d", "--no-input", "--report", report)
    run("cancel_payments", *age, "--dry-run")
    assert [(line["found"], line["outcome"]) for line in reported(report)] == [
        (str(payment.pk), "")
    ]
    gateway.payment("payment-a").status = "SUCCESS"
    assert run("cancel_payments", *age)[2] == ""
    [line] = reported(report)
    assert (line["found"], line["outcome"]) == (str(payment.pk), "KEPT")
    assert line["told"] == "SUCCESS, SUCCESS"


def test_no_name_of_others_reaches_the_terminal_as_it_is(gateway, tmp_path):
    outs = [
        run("cancel_payments", "\x1b[2Jid"),
        run("cancel_payments", "--file", tmp_path / "\x1b[2J.csv"),
        run("cancel_payments", "x", "--merchant", "\x1b[2J"),
    ]
    assert all("".join(out).replace("\n", "").isprintable() for out in outs)
    assert all(out[2] for out in outs)


EVIL = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "'quoted",
    "''twice",
    "'=1+1",
    "＝1+1",
    "﹦1+1",
    "\u200b=1+1",
    "20261124194010830010018800201",
    "000123",
    "12345678e9",
    'a "b", c; d',
    "#1001",
    "订单 1",
    "O'Brien",
    "NULL",
]


def exported(staff, model="payment"):
    viewer = staff("viewer", "view_payment", "view_cancellation")
    return viewer.get(f"{ADMIN}{model}/export/").getvalue()


def test_an_export_comes_back_to_import_unharmed(gateway, staff, file):
    for n, reference in enumerate(EVIL):
        services.record_payment(
            payment_request_id=f"20261124194010830010018800{n:03}",
            payment_id=reference,
            reference=reference if reference != "NULL" else "",
            amount_value=1250,
            amount_currency="JPY" if n % 2 else "KWD",
        )
    before = list(Payment.objects.order_by("pk").values())
    # An id that reads like nothing would be refused; what such a line says is recorded already.
    Payment.objects.filter(payment_id="NULL").delete()
    before = [row for row in before if row["payment_id"] != "NULL"]
    path = file(content=exported(staff))
    out, err, failure = run("import_payments", path)
    assert failure == "", err
    assert f"0 new, 0 completed, {len(before)} unchanged; 0 refused." in out
    assert list(Payment.objects.order_by("pk").values()) == before
    Payment.objects.all().delete()
    out, err, failure = run("import_payments", path)
    assert failure == "", err
    columns = ("payment_request_id", "payment_id", "reference", "amount_value", "amount_currency")
    assert sorted(Payment.objects.values_list(*columns)) == sorted(
        tuple(row[column] for column in columns) for row in before
    )


@pytest.mark.parametrize("model", ["payment", "cancellation"])
def test_an_export_comes_back_to_cancel_unharmed(gateway, staff, file, model):
    for n, reference in enumerate(EVIL):
        ids = {"payment_request_id": f"request {n}", "payment_id": reference}
        gateway.add_payment(**ids)
        payment = services.record_payment(**ids, reference=reference)
        if model == "cancellation":
            services.request_cancellation(payment, reason="=1\nand\r\nmore lines")
    skipped = int(model == "cancellation")  # "NULL": without our own id it reads like nothing
    out, err, failure = run("cancel_payments", "--file", file(content=exported(staff, model)))
    assert f"SUCCEEDED     {len(EVIL) - skipped:>8}" in out, err + failure
    assert Cancellation.objects.filter(status="SUCCEEDED").count() == len(EVIL) - skipped
    assert bool(failure) == bool(skipped)


def test_an_export_that_a_spreadsheet_has_harmed_cancels_no_other_payment(three, staff, file):
    content = exported(staff).replace(lists.ALIPAY[0].encode() + b"\t", b"2.02611E+28")
    _, err, _ = run("cancel_payments", "--file", file(content=content))
    assert "'2.02611E+28' is no id: a number in scientific notation" in err
    assert ("pay-1",) not in cancelled()
    assert ("pay-2",) in cancelled()


def test_a_line_that_the_user_may_not_cancel_is_refused_and_reported(three, file, staff, tmp_path):
    staff("cleo", "cancel_payment"), staff("mia", "view_payment")
    report = tmp_path / "report.csv"
    options = ("--file", file("pay-1"), "--report", report)
    assert "1 were refused" in run("cancel_payments", *options, "--user", "mia")[2]
    assert [line["outcome"] for line in reported(report)] == ["REFUSED"]
    assert run("cancel_payments", *options, "--user", "cleo")[2] == ""
    assert Cancellation.objects.get().requested_by_name == "cleo"
    assert (
        "No user has the name 'nobody'" in run("cancel_payments", *options, "--user", "nobody")[2]
    )
