"""What stands above the work list: what needs a person, what heals, refunds, workers, gateways."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Gateway, Payment, Worker
from django_alipay_cancel.services import schedule
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, page_of, text

pytestmark = pytest.mark.django_db


def shop_page(payment):
    return f"/shop/refund/{payment.reference}/"


def section(client):
    page = text(client.get(f"{ADMIN}cancellation/"))
    return re.search(r'<section class="module alipay-morning".*?</section>', page, re.DOTALL)[0]


def shown(client):
    """The section as a person reads it."""
    return " ".join(re.sub("<[^>]*>", " ", section(client)).split())


@pytest.fixture
def refused(gateway, pay):
    """Make a payment whose cancellation window is over."""

    def make(name, **facts):
        payment = pay(name, **facts)
        gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
        return services.cancel_payment(payment)

    return make


@pytest.fixture
def refund_url(gateway, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUND_URL": f"{__name__}.shop_page"}


def test_of_a_quiet_night_it_says_that_there_is_nothing(gateway, viewer):
    assert shown(viewer) == (
        "What there is to do Needs you No cancellation is in review. "
        "Heals by itself Nothing waits for a result. "
        "Workers No worker was seen in the last 24 hours."
    )


def test_what_needs_a_person_stands_there_with_its_next_step(in_review, viewer):
    cancellation = in_review("order-<1>")
    page = section(viewer)
    assert f'<a href="{page_of(cancellation)}">order-<1></a>' in page
    assert "12.50 USD" in page
    assert "Correct the settings" in page
    assert 'href="?status__exact=NEEDS_REVIEW"' in page


def test_what_heals_by_itself_says_when_it_is_due_and_about_when_it_gives_up(
    gateway, settings, pay, viewer
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "RETRY_DELAYS": (60, 600, 3600)}
    cancellation = services.request_cancellation(pay())
    Cancellation.objects.update(repeats=1)
    cancellation.refresh_from_db()
    due = cancellation.next_attempt_at
    assert schedule.gives_up_at(cancellation) == due + timedelta(seconds=4200)
    times = re.findall(r"<time[^>]*>([^<]*)</time>", section(viewer))
    first, last = (datetime.strptime(at[:19], "%Y-%m-%d %H:%M:%S") for at in times)
    assert last - first == timedelta(seconds=4200)


@pytest.mark.broken_rows
def test_one_that_a_wrong_clock_put_off_gets_no_time(pay, viewer):
    services.request_cancellation(pay())
    Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(days=365))
    assert "Nothing waits for a result." not in shown(viewer)
    assert "A wrong clock set its due time" in shown(viewer)


def test_paid_payments_that_alipay_does_not_cancel_are_to_be_refunded_once(
    gateway, refund_url, pay, refused, viewer
):
    refused("twice")
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    cancellation = services.cancel_payment(Payment.objects.get(reference="twice"))
    refused("listed")
    Payment.objects.filter(reference="listed").update(refunded_value=1250)
    refused("unpaid", status="PROCESSING")
    again = refused("again")
    services.request_cancellation(again.payment)
    old = refused("old")
    Cancellation.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))
    page = section(viewer)
    [refunds] = re.findall("Refund these.*?</ul>", page, re.DOTALL)
    assert re.findall(r'<a href="[^"]*/change/">([^<]*)</a>', refunds) == ["twice"]
    assert '<a href="/shop/refund/twice/">Refund in the shop</a>' in refunds
    assert page_of(cancellation) in refunds


def test_the_list_and_its_file_have_the_shops_links_too(gateway, refund_url, pay, refused, viewer):
    refused("a")
    services.cancel_payment(pay("b"))
    page = text(viewer.get(f"{ADMIN}cancellation/", {"next_step__exact": "REFUND"}))
    assert '<a class="alipay-link" href="/shop/refund/a/">Refund in the shop</a>' in page
    content = viewer.get(f"{ADMIN}cancellation/export/").getvalue().decode("utf-8-sig")
    lines = csv.DictReader(content.splitlines())
    links = {line["payment__reference"]: line["refund_url"] for line in lines}
    assert links == {"a": "/shop/refund/a/", "b": ""}


def test_workers_and_gateways_stand_there(gateway, pay, viewer):
    now = timezone.now()
    for host, seen in (("till-7", now), ("gone", now - timedelta(days=2))):
        Worker.objects.create(
            id=host, host=host, command="secret", pid=77, version="1.0", threads=4, seen_at=seen
        )
    until = now + timedelta(minutes=1)
    Gateway.objects.create(
        merchant="tokyo", failures=6, since=now, not_before=until, last_error="timeout"
    )
    Gateway.objects.create(merchant="well", failures=0)
    page = shown(viewer)
    assert "till-7, process 77: 4 threads, version 1.0" in page
    assert "gone" not in page
    assert "secret" not in page
    assert "tokyo: without a useful answer since" in page
    assert "6 in a row, at last timeout ." in page
    assert "Not called before" in page
    assert "well" not in page


def test_that_nobody_works_is_said_to_those_who_cannot_start_a_process(pay, viewer):
    services.request_cancellation(pay())
    sentence = "no worker was seen for three minutes. Tell your engineers."
    assert sentence not in shown(viewer)
    Cancellation.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=2))
    assert sentence in shown(viewer)


def test_it_takes_the_same_number_of_queries_however_much_it_shows(
    gateway, refund_url, pay, refused, in_review, viewer
):
    def fill(number):
        in_review(f"review-{number}")
        refused(f"refused-{number}")
        services.request_cancellation(pay(f"waits-{number}"))

    def used():
        with CaptureQueriesContext(connection) as queries:
            section(viewer)
        return len(queries)

    fill(0)
    few = used()
    for number in range(1, 8):
        fill(number)
    assert used() == few < 30
    assert len(re.findall("waits-", section(viewer))) == 5
