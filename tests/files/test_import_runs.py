"""import_payments on its worst day: wrong imports, interrupts, busy databases, many lines."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.management import import_run
from django_alipay_cancel.models import Payment, PaymentEvent
from django_alipay_cancel.services import importing as recording
from tests.commands import run
from tests.meanwhile import elsewhere, meanwhile, thrown_out

pytestmark = pytest.mark.django_db(transaction=True)

IDS = "payment_request_id,payment_id"


def do_import(path, *options):
    return run("import_payments", path, *options)


def test_what_is_new_completed_and_unchanged_is_counted(file):
    services.record_payment(payment_request_id="a")
    services.record_payment(payment_request_id="b", reference="1")
    path = file("payment_request_id,reference", "a,7", "b,1", "c,3", "d,NULL")
    out, _, failure = do_import(path)
    assert "3 payments recorded: 1 new, 1 completed, 1 unchanged; 1 refused." in out
    assert "1 line was left out" in failure


def test_each_new_payment_is_marked_as_imported_with_its_facts(file):
    do_import(file("payment_request_id,paid_at", "a,2026-11-24T09:30:00+00:00", "b,"))
    events = PaymentEvent.objects.order_by("payment__payment_request_id", "kind")
    assert list(events.values_list("payment__payment_request_id", "kind", "source")) == [
        ("a", "paid", "import"),
        ("a", "recorded", "import"),
        ("b", "recorded", "import"),
    ]


def test_a_difference_is_told_and_what_is_recorded_is_kept(file):
    services.record_payment(
        payment_request_id="a", reference="old", paid_at=datetime(2026, 11, 1, tzinfo=UTC)
    )
    path = file("payment_request_id,reference,paid_at", "a,new,2026-11-02T00:00:00+00:00")
    _, err, failure = do_import(path)
    assert "line 2: differs and was kept: reference is 'old', the line says 'new', paid_at" in err
    assert failure == "1 line differs from what is recorded; --correct takes it over."
    assert Payment.objects.get().reference == "old"


def test_a_line_that_means_another_payment_is_refused(file):
    services.record_payment(payment_request_id="a", payment_id="A", reference="1")
    _, err, failure = do_import(file(f"{IDS},amount_value,amount_currency", "a,B,,"))
    assert "line 2: differs and was kept: payment_id is 'A', the line says 'B'." in err
    assert "1 line was left out" in failure


def test_two_payments_in_one_line_are_refused(file):
    services.record_payment(payment_request_id="a")
    services.record_payment(payment_id="B")
    _, err, _ = do_import(file(IDS, "a,B"), "--correct")
    assert "belong to two different payments" in err


def test_a_time_of_whole_seconds_is_the_same_as_one_with_a_fraction(file):
    paid_at = datetime(2026, 11, 1, 9, 30, 0, 123456, tzinfo=UTC)
    services.record_payment(payment_request_id="a", paid_at=paid_at)
    path = file("payment_request_id,paid_at", "a,2026-11-01 09:30:00+00:00")
    out, _, failure = do_import(path)
    assert ("1 unchanged" in out, failure) == (True, "")


def test_a_wrong_import_is_corrected(file):
    wrong = (
        f"{IDS},reference,amount_value,amount_currency,paid_at",
        "a,Z,1,100,USD,2026-11-01T00:00:00+00:00",
    )
    do_import(file(*wrong))
    user = get_user_model().objects.create_user("anna")
    right = file(
        f"{IDS},reference,amount,amount_currency,paid_at,customer",
        "a,A,2,2.00,EUR,2026-11-02T00:00:00+00:00,anna",
    )
    out, err, failure = do_import(right, "--correct", "--dry-run")
    assert "corrected: payment_id is 'Z', the line says 'A'" in err
    assert Payment.objects.get().payment_id == "Z"
    out, err, failure = do_import(right, "--correct")
    assert "line 2: corrected: payment_id is 'Z', the line says 'A', reference is '1'" in err
    assert ("1 completed" in out, failure) == (True, "")
    payment = Payment.objects.get()
    assert (payment.payment_id, payment.reference, payment.amount) == ("A", "2", "2.00 EUR")
    assert payment.customer == user
    event = payment.events.filter(kind="recorded").last()
    assert "payment_id: Z -> A" in event.text
    assert do_import(right)[2] == ""


def test_a_customer_is_corrected_and_no_name_of_one_kept(file):
    old, new = (get_user_model().objects.create_user(name) for name in ("anna", "bert"))
    services.record_payment(payment_request_id="a", customer=old)
    path = file("payment_request_id,customer", "a,bert")
    assert "customer is anna, the line says bert" in do_import(path)[1]
    do_import(path, "--correct")
    assert Payment.objects.get().customer == new
    assert not PaymentEvent.objects.filter(text__contains="anna").exists()


def test_two_ids_that_were_swapped_are_corrected(file):
    do_import(file(IDS, "a,X", "b,"))
    _, err, failure = do_import(file(IDS, "a,A", "b,X"), "--correct")
    assert failure == "", err
    assert sorted(Payment.objects.values_list("payment_request_id", "payment_id")) == [
        ("a", "A"),
        ("b", "X"),
    ]


@pytest.mark.parametrize("how", ["asked about", "cancelled", "notified"])
def test_what_was_sent_to_alipay_is_not_corrected(file, gateway, pay, how):
    payment = pay("a")
    if how == "asked about":
        services.refresh_payment(payment)
    elif how == "cancelled":
        services.request_cancellation(payment)
    else:
        now = timezone.now()
        payment.events.create(kind="paid", at=now, learned_at=now, source="notification")
    path = file("payment_request_id,reference", "request-a,other")
    _, err, failure = do_import(path, "--correct")
    assert "It was sent to Alipay already and is not corrected." in err
    assert "1 line was left out" in failure
    assert Payment.objects.get().reference == "a"


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="one writer at a time there")
def test_what_somebody_writes_at_the_same_time_is_not_overwritten(file):
    services.record_payment(payment_request_id="a", reference="1")
    write = elsewhere(lambda: Payment.objects.update(reference="3"))
    # The first statement only takes a lock, the second one corrects.
    acts = iter([lambda: None, write])
    path = file("payment_request_id,reference", "a,2")
    with meanwhile("UPDATE", Payment, lambda: next(acts)(), times=2):
        _, err, failure = do_import(path, "--correct")
    assert "has just been changed by somebody else" in err
    assert "1 line was left out" in failure
    assert Payment.objects.get().reference == "3"


def test_the_merchant_is_taken_from_the_command_where_a_line_names_none(file, settings):
    entry = settings.ALIPAY_CANCEL["MERCHANTS"]["default"]
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"eu": entry, "asia": entry}}
    do_import(file("payment_request_id,merchant", "a,asia", "b,"), "--merchant", "eu")
    assert sorted(Payment.objects.values_list("merchant", flat=True)) == ["asia", "eu"]


def test_without_any_merchant_nothing_is_imported(file, settings):
    settings.ALIPAY_CANCEL = {}
    assert "names no merchant" in do_import(file(IDS, "a,A"))[2]


@pytest.fixture
def interrupted(monkeypatch):
    """Send a signal when so many batches of two lines are recorded."""

    def after(batches, number=signal.SIGINT):
        monkeypatch.setattr(import_run, "_BATCH", 2)
        left = [batches]
        real = import_run.import_payments

        def counting(*arguments, **options):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), number)
            return real(*arguments, **options)

        monkeypatch.setattr(import_run, "import_payments", counting)

    return after


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_after_the_line_and_says_where_to_go_on(file, interrupted, number):
    path = file("payment_request_id", "a", "b", "c", "d", "e")
    interrupted(1, number)
    out, _, failure = do_import(path)
    assert "2 payments recorded" in out
    assert failure == "It was stopped. Go on with --start-at 4."
    out, _, failure = do_import(path, "--start-at", "4")
    assert ("3 payments recorded: 3 new" in out, failure) == (True, "")


def test_an_interrupt_while_it_still_looks_through_the_file_records_nothing(file, monkeypatch):
    path = file("payment_request_id", "a", "b")

    class Interrupting(import_run.Index):
        def add(self, *arguments):
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(import_run, "Index", Interrupting)
    assert do_import(path)[2] == "It was stopped. Go on with --start-at 1."
    assert not Payment.objects.exists()


def test_a_transaction_that_the_database_throws_out_is_repeated(file):
    path = file("payment_request_id,paid_at", "a,2026-11-01T00:00:00+00:00", "b,")
    with meanwhile("INSERT", PaymentEvent, thrown_out, times=2):
        out, _, failure = do_import(path)
    assert ("2 payments recorded: 2 new" in out, failure) == (True, "")
    assert PaymentEvent.objects.count() == 3


def test_a_database_that_stays_away_is_told_with_the_line_to_go_on_from(file, monkeypatch):
    monkeypatch.setattr(recording, "_PATIENCE", 0.0)
    monkeypatch.setattr(import_run, "_BATCH", 1)
    path = file("payment_request_id", "a", "b\x1b[2J")
    services.record_payment(payment_request_id="a")

    def gone():
        raise OperationalError("server \x1b[2J closed the connection")

    with meanwhile("INSERT", Payment, gone):
        _, _, failure = do_import(file("payment_request_id", "a", "b"))
    assert "closed the connection" in failure
    assert "Go on with --start-at 3." in failure
    assert "\x1b" not in failure
    assert path


@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="one writer at a time there")
def test_a_payment_that_somebody_records_meanwhile_is_completed(file):
    path = file("payment_request_id,reference", "a,1", "b,2")
    record = elsewhere(lambda: services.record_payment(payment_request_id="b"))
    with meanwhile("INSERT", Payment, record):
        out, err, failure = do_import(path)
    assert ("1 new, 1 completed" in out, failure) == (True, ""), err
    assert Payment.objects.get(payment_request_id="b").reference == "2"


def test_a_line_that_the_database_does_not_take_stops_no_other(file, monkeypatch):
    real = Payment.store_new

    def picky(rows, *, using):
        if any(row.reference == "bad" for row in rows):
            raise recording.DataError("no such text here")
        real(rows, using=using)

    monkeypatch.setattr(Payment, "store_new", picky)
    out, err, failure = do_import(file("payment_request_id,reference", "a,good", "b,bad", "c,good"))
    assert "2 payments recorded: 2 new" in out
    assert "line 3: no such text here" in err
    assert "1 line was left out" in failure


def test_it_runs_beside_somebody_who_writes_all_the_time(file, monkeypatch):
    monkeypatch.setattr(import_run, "_BATCH", 1)
    services.record_payment(payment_request_id="busy")
    stop = threading.Event()

    def write():
        try:
            while not stop.is_set():
                Payment.objects.filter(payment_request_id="busy").update(updated_at=timezone.now())
        finally:
            connections.close_all()

    worker = threading.Thread(target=write)
    worker.start()
    try:
        path = file("payment_request_id,reference", *(f"p-{n},{n}" for n in range(60)))
        out, err, failure = do_import(path)
        again = do_import(path)
    finally:
        stop.set()
        worker.join()
    assert ("60 new" in out, failure) == (True, ""), err
    assert "60 unchanged" in again[0]


def test_refused_lines_are_kept_as_they_were_to_be_fed_again(file, tmp_path):
    path = file("payment_request_id;reference", "a;1", "b;NULL", 'c;"x;y";z', "d;4")
    rejects = tmp_path / "rejects.csv"
    _, _, failure = do_import(path, "--rejects", rejects)
    assert "2 lines were left out" in failure
    head, why, line, _, other = rejects.read_text("utf-8-sig").splitlines()
    assert (head, line, other) == ("payment_request_id;reference", "b;NULL", 'c;"x;y";z')
    assert why.startswith("# 3: reference 'NULL' is no id:")
    text = rejects.read_text("utf-8").replace("NULL", "2").replace(";z", "")
    rejects.write_text(text, encoding="utf-8")
    out, err, failure = do_import(rejects)
    assert ("2 payments recorded: 2 new" in out, failure) == (True, ""), err


def test_the_file_that_is_read_is_no_place_for_rejects(file):
    path = file("payment_request_id", "a")
    assert "is the file that is read" in do_import(path, "--rejects", path)[2]
    assert path.read_bytes() == b"payment_request_id\na\n"


def test_a_batch_takes_as_many_statements_as_one_line(file):
    def statements(prefix, number):
        path = file("payment_request_id,reference", *(f"{prefix}-{n},1" for n in range(number)))
        with CaptureQueriesContext(connection) as queries:
            assert do_import(path)[2] == ""
        return len(queries)

    one = statements("one", 1)
    assert statements("many", 40) == one
    assert statements("many", 40) <= one


def test_a_file_that_is_not_there_is_told(file, tmp_path):
    assert "is no file" in do_import(tmp_path / "none\x1b[31m.csv")[2]
    assert "\x1b" not in do_import(tmp_path / "none\x1b[31m.csv")[2]
    assert "is no file" in do_import(tmp_path)[2]


def test_imported_payments_can_be_cancelled(file, gateway):
    gateway.add_payment(payment_request_id="a", payment_id="A")
    do_import(file(f"{IDS},paid_at", f"a,A,{timezone.now() - timedelta(minutes=5):%FT%T}+00:00"))
    services.cancel_payment(Payment.objects.get())
    assert Payment.objects.get().status == "CANCELLED"
