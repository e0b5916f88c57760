"""A request for many ends on a sheet that stays: a line per number, what became of it, totals."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_alipay_cancel import services
from django_alipay_cancel.models import Batch, Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, confirmation_of, given, page_of, text, told

pytestmark = pytest.mark.django_db


def ask(client, pasted, *payments, reason=""):
    """Paste into the search, choose these payments, say yes; return the answer to that."""
    form = {"action": "cancel_selected", "_selected_action": [payment.pk for payment in payments]}
    address = client.post(f"{ADMIN}payment/", form, query_params={"q": pasted})["Location"]
    return client.post(address, {"reason": reason})


def lines(page):
    """The sheet's lines, each as a list of its cells."""
    body = re.search(r'class="alipay-cards".*?<tbody>(.*?)</tbody>', page, re.S)[1]
    return [
        [
            " ".join(html.unescape(re.sub("<[^>]*>", " ", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        ]
        for row in body.split("</tr>")[:-1]
    ]


def test_every_number_has_its_line_in_the_order_in_which_it_was_pasted(gateway, pay, clerk):
    c, a, b = pay("c"), pay("a"), pay("b")
    gateway.misbehave(
        Fault.RESULT, payment="payment-b", api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED"
    )
    gateway.misbehave(Fault.UNKNOWN_RESULT, payment="payment-c", api="cancel", calls=1)
    sheet = text(clerk.get(ask(clerk, "b\nnobody\n#a\nc", a, b, c)["Location"]))
    assert [line[0] for line in lines(sheet)] == ["1. b", "2. nobody", "3. #a", "4. c"]
    assert [line[3] for line in lines(sheet)] == ["yes", "-", "no", "not yet"]
    staff = [line[4] for line in lines(sheet)]
    assert staff[0].startswith("The payment was not cancelled.")
    assert staff[1] == "No payment has this reference or ID."
    assert staff[2].startswith("The payment is cancelled. All the money goes back to the buyer.")
    assert staff[3].startswith("The result is not known yet.")
    assert [line[5].partition(".")[0] for line in lines(sheet)] == [
        "Your payment can no longer be cancelled",
        "-",
        "Your payment is cancelled",
        "Your payment is being cancelled; the result is not known yet",
    ]
    assert "12.50 USD" in lines(sheet)[0][1]


def test_the_sheet_stays_and_its_address_is_in_the_history(gateway, pay, clerk):
    payments = [pay("a"), pay("b")]
    address = ask(clerk, "a b x", *payments, reason="out of stock")["Location"]
    assert Batch.objects.get().requested_by_name == "clerk"
    for entry in LogEntry.objects.all():
        assert address in entry.change_message
    assert address in text(clerk.get(page_of(payments[0])))
    page = text(clerk.get(address))
    assert "out of stock" in page
    assert given(page) == ["a", "b", "x"]


def test_what_was_left_out_is_told_with_why(gateway, pay, clerk):
    done, failed, unticked = pay("done"), pay("failed"), pay("unticked")
    services.cancel_payment(done)
    Payment.objects.filter(pk=failed.pk).update(status="FAIL", paid_at=None)
    sheet = text(clerk.get(ask(clerk, "done failed unticked", done, failed)["Location"]))
    told_of = {line[0]: line[4] for line in lines(sheet)}
    assert told_of["1. done"].startswith("The payment is cancelled.")
    assert told_of["2. failed"] == "The payment failed; there is nothing to cancel."
    assert lines(sheet)[1][3:] == [
        "no",
        told_of["2. failed"],
        "Your payment had failed. No money was taken.",
    ]
    assert "not selected" in told_of["3. unticked"]
    assert Payment.objects.get(pk=unticked.pk).status == "SUCCESS"


def test_members_that_the_reader_may_not_see_count_and_are_not_shown(
    settings, gateway, pay, clerk, staff
):
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "tests.admin.test_permissions.ByReference",
    ]
    payments = [pay("a"), pay("b"), pay("ann cancel_payment")]
    address = ask(clerk, "", *payments)["Location"]
    ann = staff("ann")
    page = text(ann.get(address))
    assert given(page) == ["ann cancel_payment"]
    assert re.search("may not see them</dt><dd>2</dd>", page)
    assert staff("nobody").get(address).status_code == 403


def test_a_sheet_with_results_to_come_is_loaded_again_until_they_are_there(
    settings, gateway, pay, clerk
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    address = ask(clerk, "", pay("a"), pay("b"))["Location"]
    response = clerk.get(address)
    assert response["Refresh"] == "10"
    assert "Refresh" not in clerk.get(f"{address}?stay=1")
    services.process_due_cancellations()
    response = clerk.get(address)
    assert "Refresh" not in response
    assert [line[3] for line in lines(text(response))] == ["no", "no"]


def test_the_totals_are_those_of_all_pages(gateway, pay, clerk, monkeypatch):
    monkeypatch.setattr("django_alipay_cancel.admin.sheet._ON_A_PAGE", 2)
    payments = [pay(f"order-{number}") for number in range(3)]
    address = ask(clerk, "", *payments)["Location"]
    page = text(clerk.get(address))
    assert "<strong>3</strong>, 37.50 USD: The payment is cancelled." in page
    assert len(lines(page)) == 2
    assert len(lines(text(clerk.get(f"{address}?p=2")))) == 1


def test_the_sheet_is_a_file_too(gateway, pay, clerk):
    address = ask(clerk, "a\n=1+1\nb", pay("a"), pay("b"))["Location"]
    response = clerk.get(f"{address}csv/")
    file = b"".join(response.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [row["given"] for row in rows] == ["a", "'=1+1", "b"]
    assert [row["outcome"] for row in rows] == ["SUCCEEDED", "", "SUCCEEDED"]
    assert rows[0]["message_for_buyer"].startswith("Your payment is cancelled.")
    assert response["Content-Disposition"].startswith('attachment; filename="result-sheet-')


def test_a_batch_of_the_shops_own_code_has_a_sheet_and_an_unknown_one_has_none(pay, clerk):
    batch = "6f1f8a52-4f0e-4d6c-9a53-0c8d5f3b7e21"
    services.request_cancellations([pay("a"), pay("b")], batch=batch)
    assert sorted(given(text(clerk.get(f"{ADMIN}cancellation/batch/{batch}/")))) == ["a", "b"]
    Cancellation.objects.update(batch=None)
    assert clerk.get(f"{ADMIN}cancellation/batch/{batch}/").status_code == 404


def test_a_page_that_is_sent_again_cancels_nothing_anew(gateway, pay, clerk):
    for payments in ([pay("one")], [pay("two"), pay("three")]):
        gateway.misbehave(Fault.RESULT, api="cancel", calls=2, result_code="ACCESS_DENIED")
        address = confirmation_of(*payments)
        token = re.search(r'name="token" value="(\w+)"', text(clerk.get(address)))[1]
        first = clerk.post(address, {"reason": "", "token": token})
        calls = len(gateway.calls)
        again = clerk.post(address, {"reason": "", "token": token})
        assert again["Location"] == first["Location"]
        assert "sent before" in told(again)[-1][1]
        assert len(gateway.calls) == calls
    for token in ("", "no token", "\0"):
        clerk.post(address, {"reason": "", "token": token})
    assert Payment.objects.filter(reference__in=["two", "three"], status="CANCELLED").count() == 2


def test_the_sheet_takes_the_same_queries_for_two_and_for_many(settings, gateway, pay, clerk):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}

    def queries(count):
        payments = [pay(f"order-{count}-{number}") for number in range(count)]
        address = ask(clerk, "", *payments)["Location"]
        clerk.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert clerk.get(address).status_code == 200
        return len(captured)

    assert queries(2) == queries(40) < 15


def test_the_command_ends_on_a_sheet_and_names_what_was_not_cancelled(gateway, pay, clerk, capsys):
    pay("a"), pay("b")
    gateway.misbehave(
        Fault.RESULT, payment="payment-b", api="cancel", calls=1, result_code="ACCESS_DENIED"
    )
    with pytest.raises(CommandError, match="1 ids are unknown"):
        call_command("cancel_payments", "b", "nobody", "a", "--reason", "recall")
    said = capsys.readouterr().out
    assert "b: REJECTED: The payment was not cancelled." in said
    assert "a: " not in said
    address = re.search(r"Result sheet in the admin: (\S+)", said)[1]
    page = text(clerk.get(address))
    assert given(page) == ["b", "nobody", "a"]
    assert "recall" in page
