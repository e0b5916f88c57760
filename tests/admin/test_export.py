"""The lists as CSV files."""

from __future__ import annotations

import csv
import io
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.admin import exporting
from django_alipay_cancel.models import Cancellation, Payment
from tests.admin.conftest import ADMIN, text

pytestmark = pytest.mark.django_db


def exported(client, model="payment", **query):
    """The lines of the file, each as a dictionary."""
    response = client.get(f"{ADMIN}{model}/export/", query)
    assert response.status_code == 200
    return parsed(response.getvalue())


def parsed(content):
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_list_is_handed_out_with_amounts_and_last_cancellations(gateway, pay, viewer):
    payment = pay("订单-1")
    services.cancel_payment(payment)
    [line] = exported(viewer)
    payment.refresh_from_db()
    assert line["id"] == str(payment.pk)
    assert (line["reference"], line["amount"], line["amount_currency"]) == (
        "订单-1",
        "12.50",
        "USD",
    )
    assert (line["status"], line["last_cancellation_status"]) == ("CANCELLED", "SUCCEEDED")
    assert line["paid_at"].startswith(payment.paid_at.isoformat(sep=" ", timespec="seconds"))
    assert line["failed_at"] == ""
    [line] = exported(viewer, "cancellation")
    assert (line["payment__reference"], line["status"]) == ("订单-1", "SUCCEEDED")
    assert (line["amount"], line["source"]) == ("12.50", "code")


def test_amounts_have_the_decimals_of_their_currency(pay, viewer):
    for currency in ("USD", "JPY", "KWD"):
        Payment.objects.filter(pk=pay(currency).pk).update(amount_currency=currency)
    amounts = {line["amount_currency"]: line["amount"] for line in exported(viewer)}
    assert amounts == {"USD": "12.50", "JPY": "1250", "KWD": "1.250"}


def test_excel_reads_it_as_unicode(pay, viewer):
    pay()
    response = viewer.get(f"{ADMIN}payment/export/")
    assert response.getvalue().startswith(b"\xef\xbb\xbfid,")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="payments-20')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(pay, viewer, start):
    evil = f'{start}HYPERLINK("http://attacker.example","x")'
    payment = pay()
    Payment.objects.update(reference=evil)
    services.request_cancellation(payment, reason=evil.replace("\r", "\t"))
    assert exported(viewer)[0]["reference"] == f"'{evil}"
    assert exported(viewer, "cancellation")[0]["reason"].startswith("'")


def test_it_holds_what_the_filters_leave_in_the_order_of_the_list(pay, viewer):
    for name in ("a", "b", "c"):
        pay(name)
    services.cancel_payment(pay("d"))
    assert [line["reference"] for line in exported(viewer)] == ["d", "c", "b", "a"]
    names = [line["reference"] for line in exported(viewer, q="a, b, d", status__exact="SUCCESS")]
    assert names == ["b", "a"]
    page = text(viewer.get(f"{ADMIN}payment/", {"q": "a, b", "p": "1"}))
    assert f'href="{ADMIN}payment/export/?q=a%2C+b"' in page
    response = viewer.get(f"{ADMIN}payment/export/", {"created_at__oops": "1"})
    assert response["Location"] == f"{ADMIN}payment/"


@pytest.mark.parametrize("same_time", [False, True])
def test_it_is_read_in_batches_and_each_row_comes_once(monkeypatch, viewer, same_time):
    monkeypatch.setattr(exporting, "_CHUNK", 7)
    Payment.objects.bulk_create(Payment(payment_request_id=f"request-{n}") for n in range(50))
    if same_time:
        Payment.objects.update(created_at=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        lines = exported(viewer)
    assert sorted(line["payment_request_id"] for line in lines) == sorted(
        f"request-{n}" for n in range(50)
    )
    assert sum("LIMIT 7" in query["sql"] for query in queries) == 8


def test_nothing_is_read_before_it_is_sent(monkeypatch, viewer):
    monkeypatch.setattr(exporting, "_CHUNK", 10)
    Payment.objects.bulk_create(Payment(payment_request_id=f"request-{n}") for n in range(50))
    response = viewer.get(f"{ADMIN}payment/export/")
    stream = iter(response.streaming_content)
    next(stream)
    with CaptureQueriesContext(connection) as queries:
        assert next(stream).count(b"\r\n") == 10
    assert len(queries) == 2


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_server_streams_it_too(recwarn, pay, staff):
    Payment.objects.bulk_create(Payment(payment_request_id=f"request-{n}") for n in range(5))
    cookies = staff("viewer", "view_payment").cookies

    async def read():
        client = AsyncClient()
        client.cookies = cookies
        response = await client.get(f"{ADMIN}payment/export/")
        return b"".join([chunk async for chunk in response.streaming_content])

    assert len(parsed(async_to_sync(read)())) == 5
    assert not [w for w in recwarn if "asynchronously" in str(w.message)]


def test_it_needs_the_permission_to_see_the_list(pay, staff, client):
    services.request_cancellation(pay())
    accountant = staff("accountant", "view_payment")
    assert len(exported(accountant)) == 1
    assert accountant.get(f"{ADMIN}cancellation/export/").status_code == 403
    stranger = staff("stranger", "view_user")
    assert stranger.get(f"{ADMIN}payment/export/").status_code == 403
    assert "/login/" in client.get(f"{ADMIN}payment/export/")["Location"]


def test_an_empty_list_is_a_file_with_its_header(viewer):
    assert exported(viewer, q=str(uuid4())) == []
    assert not Cancellation.objects.exists()


@pytest.mark.parametrize(
    "start", ["＝", "﹦", "＋", "＠", "－", "\u200b=", "\u2060\u200b=", "\n", " ="]
)
def test_no_cell_becomes_a_formula_when_it_is_folded_or_stripped(pay, viewer, start):
    pay()
    Payment.objects.update(reference=f"{start}1+1")
    assert exported(viewer)[0]["reference"] == f"'{start}1+1"


def test_ids_that_a_spreadsheet_would_make_numbers_have_a_tab_behind(pay, viewer):
    payment = pay()
    for id, cell in {
        "20261124194010830010018800201": "20261124194010830010018800201\t",
        "1234567890123456": "1234567890123456\t",
        "123456789012345": "123456789012345",
        "000123": "000123\t",
        "12345e7": "12345e7\t",
        "order-1": "order-1",
    }.items():
        Payment.objects.filter(pk=payment.pk).update(payment_id=id, reference=id)
        [line] = exported(viewer)
        assert (line["payment_id"], line["reference"]) == (cell, cell)


def test_a_reason_of_several_lines_is_one_line_of_the_file(pay, viewer):
    services.request_cancellation(pay(), reason="twice\r\n=1+1")
    assert exported(viewer, "cancellation")[0]["reason"] == "twice =1+1"
