"""cancel_payments --older-than: the sweep on a set that a person chooses."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.commands import run
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def aged(gateway, pay):
    """Make a payment that was recorded an hour ago and has no result; Alipay says `told`."""

    def make(name="old", told="PROCESSING", *, age=timedelta(hours=1), **facts):
        payment = pay(name, status="PROCESSING", **facts)
        gateway.payment(f"payment-{name}").status = told
        past = timezone.now() - age
        Payment.objects.filter(pk=payment.pk).update(created_at=past, updated_at=past)
        return payment

    return make


def sweep(*arguments):
    return run("cancel_payments", "--older-than", "30m", "--no-input", *arguments)


def test_what_alipay_shows_as_unpaid_is_cancelled(gateway, aged, pay):
    old, new = aged(), pay("new", status="PROCESSING")
    out, _, failure = sweep("--reason", "no result")
    assert (failure, "SUCCEEDED            1" in out) == ("", True)
    assert (rows(old)["payment"], rows(new)["payment"]) == ("CANCELLED", "PROCESSING")
    cancellation = Cancellation.objects.get()
    assert (cancellation.reason, cancellation.source) == ("no result", "no_result")
    assert [call.api for call in gateway.calls] == ["inquiryPayment", "cancel"]


@pytest.mark.parametrize(("told", "status"), [("SUCCESS", "SUCCESS"), ("FAIL", "FAIL")])
def test_what_has_a_result_at_alipay_is_kept_and_its_result_taken_over(aged, gateway, told, status):
    payment = aged(told=told)
    out, _, failure = sweep()
    assert (failure, f"old: {status}, {told}" in out, "KEPT                 1" in out) == (
        "",
        True,
        True,
    )
    assert rows(payment) == {"payment": status, "cancellations": [], "attempts": []}
    assert gateway.payment("payment-old").cancel_effects == 0


def test_what_alipay_does_not_know_is_kept(gateway, aged):
    payment = aged()
    gateway.misbehave(
        Fault.RESULT, api="inquiryPayment", result_code="ORDER_NOT_EXIST", result_status="F"
    )
    out, _, failure = sweep()
    assert (failure, "old: PROCESSING, ORDER_NOT_EXIST" in out) == ("", True)
    assert rows(payment)["cancellations"] == []


def test_without_an_answer_that_may_be_believed_nothing_is_cancelled(gateway, aged):
    payment = aged()
    gateway.misbehave(Fault.WRONG_KEY, api="inquiryPayment")
    out, _, failure = sweep()
    assert "NOT_ASKED            1" in out
    assert "1 are not finished" in failure
    assert rows(payment)["payment"] == "PROCESSING"


def test_what_an_import_recorded_without_a_time_is_never_chosen(gateway, tmp_path):
    file = tmp_path / "payments.csv"
    file.write_text("payment_request_id\nrequest-1\n", encoding="utf-8")
    gateway.add_payment(payment_request_id="request-1", status="PROCESSING")
    run("import_payments", file)
    hour_ago = timezone.now() - timedelta(hours=1)
    Payment.objects.update(created_at=hour_ago, updated_at=hour_ago)
    out, _, failure = sweep()
    assert ("0 payments without a result" in out, failure) == (True, "")
    assert not gateway.calls


def test_the_worker_does_not_sweep_what_an_import_recorded_either(gateway, settings, tmp_path):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 600}
    file = tmp_path / "payments.csv"
    file.write_text("payment_request_id\nrequest-1\n", encoding="utf-8")
    gateway.add_payment(payment_request_id="request-1", status="PROCESSING")
    run("import_payments", file)
    hour_ago = timezone.now() - timedelta(hours=1)
    Payment.objects.update(created_at=hour_ago, updated_at=hour_ago)
    services.process_due_cancellations()
    assert not gateway.calls


def test_a_payment_that_the_shop_recorded_before_an_import_still_has_its_age(aged, tmp_path):
    payment = aged()
    file = tmp_path / "payments.csv"
    file.write_text("payment_request_id\nrequest-old\n", encoding="utf-8")
    run("import_payments", file)
    sweep()
    assert rows(payment)["payment"] == "CANCELLED"


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [((), 0), (("--newer-than", "40h"), 1), (("--newer-than", "20h"), 0)],
)
def test_it_has_an_upper_bound(aged, arguments, chosen):
    aged(age=timedelta(hours=30))
    out, _, _ = sweep("--dry-run", *arguments)
    assert f"{chosen} payment" in out


def test_bounds_that_leave_no_age_are_refused(gateway):
    failure = run("cancel_payments", "--older-than", "2d", "--no-input")[2]
    assert "--newer-than" in failure
    assert "CANCEL_UNRESOLVED_WITHIN" in failure


def test_the_age_counts_from_the_authorization_where_there_is_one(aged):
    payment = aged()
    Payment.objects.filter(pk=payment.pk).update(authorized_at=timezone.now())
    assert "0 payments" in sweep("--dry-run")[0]


def test_it_tells_how_many_and_how_much_and_asks(monkeypatch, gateway, aged):
    aged("a"), aged("b"), aged("c", amount_currency="JPY")
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or "no")
    out, _, failure = run("cancel_payments", "--older-than", "30m")
    assert "3 payments without a result are that old: 1,250 JPY, 25.00 USD." in out
    assert (failure, len(asked)) == ("Nothing was sent.", 1)
    assert not gateway.calls
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    assert "SUCCEEDED            3" in run("cancel_payments", "--older-than", "30m")[0]


def test_where_nobody_can_answer_nothing_is_sent(monkeypatch, gateway, aged):
    aged()
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    failure = run("cancel_payments", "--older-than", "30m")[2]
    assert "--no-input" in failure
    assert not gateway.calls


def test_ids_and_an_age_together_are_refused(gateway, aged):
    aged()
    assert "only one of them" in run("cancel_payments", "old", "--older-than", "30m")[2]
    assert not gateway.calls


def test_an_unknown_merchant_is_refused(gateway, aged):
    aged()
    failure = sweep("--merchant", "euro")[2]
    assert failure == "There is no merchant 'euro'; there are default."


def test_a_reason_that_is_too_long_asks_about_nothing(gateway, aged):
    aged()
    assert sweep("--reason", "x" * 256)[2] == "reason is longer than 255 characters."
    assert not gateway.calls


def test_only_payments_of_the_merchant_named_are_swept(gateway, aged, settings):
    entry = settings.ALIPAY_CANCEL["MERCHANTS"]["default"]
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry, "asia": entry}}
    here, there = aged("here"), aged("there", merchant="asia")
    sweep("--merchant", "asia", "--workers", "2")
    assert (rows(here)["payment"], rows(there)["payment"]) == ("PROCESSING", "CANCELLED")


def test_a_dry_run_lists_them_and_asks_nothing(gateway, aged):
    aged()
    out, _, failure = sweep("--dry-run")
    assert ("old  12.50 USD  PROCESSING" in out, "Nothing was sent." in out, failure) == (
        True,
        True,
        "",
    )
    assert not gateway.calls


def test_it_acts_for_a_user_only_where_that_user_may_cancel(gateway, aged, staff):
    aged("a"), aged("b", amount_currency="JPY")
    staff("cleo", "cancel_payment"), staff("mia", "view_payment")
    out, err, failure = sweep("--user", "mia")
    assert "0 payments without a result are that old: no amount is recorded." in out
    assert err.count("You do not have permission") == 2
    assert "2 were refused" in failure
    assert not gateway.calls
    assert sweep("--user", "cleo")[2] == ""
    names = Cancellation.objects.values_list("requested_by_name", "source")
    assert set(names) == {("cleo", "no_result")}


def test_what_is_refused_to_a_user_is_told_beside_what_is_done(
    gateway, aged, staff, settings, tmp_path
):
    aged("a"), aged("b")
    staff("cleo", "cancel_payment")
    settings.ALIPAY_CANCEL |= {"MAY_CANCEL": f"{__name__}.only_a"}
    report = tmp_path / "report.csv"
    out, err, failure = sweep("--user", "cleo", "--report", report)
    assert "1 payment without a result is that old: 12.50 USD." in out
    assert ("SUCCEEDED            1" in out, "b: not yours" in err) == (True, True)
    assert "1 were refused" in failure
    assert "REFUSED" in report.read_text("utf-8-sig")


def only_a(user, payment):
    return payment.reference == "a" or "not yours"


def test_a_payment_whose_amount_nobody_recorded_is_swept_too(gateway, aged):
    Payment.objects.filter(pk=aged().pk).update(amount_value=None, amount_currency="")
    out, _, failure = sweep()
    assert "1 payment without a result is that old: no amount is recorded." in out
    assert ("SUCCEEDED            1" in out, failure) == (True, "")


def test_a_payment_without_an_amount_is_refused_to_a_user_like_any_other(gateway, aged, staff):
    Payment.objects.filter(pk=aged().pk).update(amount_value=None, amount_currency="")
    staff("mia", "view_payment")
    assert "1 were refused" in sweep("--user", "mia")[2]


def test_what_is_resolved_meanwhile_is_not_asked_about(gateway, aged, monkeypatch):
    payment = aged()

    def answer(question):
        services.record_payment(payment_id=payment.payment_id, paid_at=timezone.now())
        return "yes"

    monkeypatch.setattr("builtins.input", answer)
    out, _, failure = run("cancel_payments", "--older-than", "30m")
    assert ("KEPT                 1" in out, failure) == (True, "")
    assert not gateway.calls
