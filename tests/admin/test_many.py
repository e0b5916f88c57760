"""Many payments at once: counted, bounded, written down first, and left to the worker in time."""

from __future__ import annotations

import re
import time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.admin import selecting
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, cancel, confirmation_of, given, rows, text, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid():
    """Make many paid payments that nobody else knows."""

    def make(count, **facts):
        Payment.objects.bulk_create(
            Payment(
                payment_request_id=f"request-{facts.get('reference', '')}{number}",
                status="SUCCESS",
                paid_at=timezone.now(),
                **{"amount_value": 1250, "amount_currency": "USD", **facts},
            )
            for number in range(count)
        )

    return make


def select_all(client, **query):
    """Choose the bulk action for everything the list holds, on all its pages."""
    one = Payment.objects.latest("created_at")
    form = {"action": "cancel_selected", "select_across": "1", "_selected_action": [one.pk]}
    return client.post(f"{ADMIN}payment/", form, query_params=query)


def answered(client, page, reason=""):
    """Say yes on a page that keeps its selection in a field."""
    [selection] = re.findall(r'name="payments" value="([^"]*)"', text(page))
    return client.post(f"{ADMIN}payment/cancel/", {"payments": selection, "reason": reason})


def plain(message):
    return re.sub("<[^>]*>", "", message)


def test_more_than_ten_are_counted_by_outcome_with_a_link_to_them(gateway, pay, clerk):
    payments = [pay(f"order-{number:02}") for number in range(12)]
    gateway.misbehave(Fault.RESULT, api="cancel", calls=2, result_code="ACCESS_DENIED")
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel", calls=1)
    response = cancel(clerk, *payments, reason="out of stock")
    messages = {plain(message): (level, message) for level, message in told(response)}
    assert [sentence.split(".")[0] for sentence in sorted(messages)] == [
        "1 payment: The result is not known yet",
        "2 payments: The payment was not cancelled",
        "9 payments: The payment is cancelled",
    ]
    [(level, rejected)] = [found for text, found in messages.items() if text.startswith("2 ")]
    assert (level, "Contact Alipay" in rejected) == ("error", True)
    url = re.search('href="([^"]*)"', rejected)[1].replace("&amp;", "&")
    assert len(rows(text(clerk.get(url)))) == 2
    assert len(given(text(clerk.get(response["Location"])))) == 12
    assert set(Cancellation.objects.values_list("reason", flat=True)) == {"out of stock"}
    assert LogEntry.objects.filter(change_message__contains="out of stock").count() == 12


def test_what_time_does_not_allow_is_written_down_and_left_to_the_worker(
    settings, gateway, pay, clerk
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    payments = [pay(f"order-{number:02}") for number in range(12)]
    [(level, message)] = told(cancel(clerk, *payments))
    assert (level, plain(message).split(".")[0]) == (
        "warning",
        "12 payments: The result is not known yet",
    )
    assert not gateway.calls
    services.process_due_cancellations()
    assert set(Payment.objects.values_list("status", flat=True)) == {"CANCELLED"}


def test_the_calls_end_when_time_is_up(settings, gateway, pay, clerk):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 2}
    gateway.latency = 0.9
    payments = [pay(f"order-{number:02}") for number in range(12)]
    cancel(clerk, *payments)
    assert 1 <= len(gateway.calls) <= 3
    assert Cancellation.objects.filter(status="PENDING").count() == 12 - len(gateway.calls)


def test_what_was_not_asked_for_anew_is_told_with_a_link(settings, gateway, pay, clerk):
    payments = [pay(f"order-{number:02}") for number in range(12)]
    services.cancel_payment(payments[0])
    services.request_cancellation(payments[1])
    Payment.objects.filter(pk=payments[2].pk).update(merchant="elsewhere")
    left_out = [m for level, m in told(cancel(clerk, *payments)) if "Not asked for anew" in m]
    assert plain(left_out[0]).startswith(
        "3 payments: Not asked for anew: 1 are being cancelled already, 1 are cancelled already, "
        "1 cannot be cancelled"
    )
    url = re.search('href="([^"]*)"', left_out[0])[1].replace("&amp;", "&")
    assert sorted(rows(text(clerk.get(url)))) == ["order-00", "order-01", "order-02"]


def test_an_error_after_the_wishes_were_written_is_told_with_what_was_written(
    monkeypatch, gateway, pay, clerk, caplog
):
    def broken(*args, **kwargs):
        raise RuntimeError("the disk is full")

    payments = [pay(f"order-{number:02}") for number in range(12)]
    monkeypatch.setattr("django_alipay_cancel.admin.confirmed.process_these", broken)
    messages = [plain(message) for _, message in told(cancel(clerk, *payments))]
    assert "Something went wrong on the server" in messages[0]
    assert messages[1].startswith("12 payments: The result is not known yet.")
    assert "RuntimeError: the disk is full" in caplog.text


def test_more_than_an_address_holds_is_kept_in_the_form(settings, gateway, paid, clerk):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    paid(95)
    paid(20, amount_currency="JPY", reference="yen")
    paid(3, amount_value=None, amount_currency="", reference="free")
    some = list(Payment.objects.filter(reference="yen").values_list("pk", flat=True)[:5])
    Payment.objects.filter(pk__in=some).update(status="CANCELLED")
    response = select_all(clerk)
    page = " ".join(re.sub("<[^>]*>", " ", text(response)).split())
    for sentence in (
        "To be cancelled 113",
        "18,750 JPY",
        "1,187.50 USD",
        "Without a recorded amount 3",
        "Left out 5: The payment is already cancelled.",
        "And 18 more.",
        "Yes, cancel 113 payments",
    ):
        assert sentence in page
    assert not Cancellation.objects.exists()
    response = answered(clerk, response, "out of stock")
    assert Cancellation.objects.filter(reason="out of stock").count() == 113
    assert [plain(message)[:12] for _, message in told(response)] == [
        "5 payments: ",
        "113 payments",
    ]
    assert response["Location"].startswith(f"{ADMIN}cancellation/batch/")


def test_a_reason_that_cannot_be_kept_loses_no_large_selection(gateway, paid, clerk):
    paid(120)
    response = answered(clerk, select_all(clerk), "bell \x07")
    assert "Control characters are not allowed." in text(response)
    assert not Cancellation.objects.exists()
    answered(clerk, response, "no bell")
    assert Cancellation.objects.filter(reason="no bell").count() == 120


def test_a_selection_that_is_too_large_is_refused_and_never_read(monkeypatch, gateway, paid, clerk):
    monkeypatch.setattr(selecting, "MOST_SELECTED", 150)
    paid(151)
    with CaptureQueriesContext(connection) as queries:
        [(level, message)] = told(select_all(clerk))
    assert (level, message) == (
        "error",
        "At most 150 can be selected at once here. "
        "Select fewer, or use the command cancel_payments.",
    )
    assert any("LIMIT 151" in query["sql"] for query in queries)
    keys = selecting.write_keys(Payment.objects.values_list("pk", flat=True))
    response = clerk.post(f"{ADMIN}payment/cancel/", {"payments": keys, "reason": ""})
    assert told(response)[-1] == ("error", message)
    assert not Cancellation.objects.exists()
    Payment.objects.first().delete()
    assert select_all(clerk).status_code == 200


def test_the_page_takes_the_same_queries_for_two_and_for_many(gateway, paid, clerk):
    def queries(work):
        work()
        with CaptureQueriesContext(connection) as captured:
            assert work().status_code == 200
        return len(captured)

    paid(110)
    few = queries(lambda: select_all(clerk))
    two_in_address = confirmation_of(*Payment.objects.all()[:2])
    two = queries(lambda: clerk.get(two_in_address))
    paid(300, reference="more")
    assert queries(lambda: select_all(clerk)) == few < 30
    all_in_address = confirmation_of(*Payment.objects.all()[:100])
    assert queries(lambda: clerk.get(all_in_address)) == two <= few


def test_ten_thousand_would_be_asked_by_a_handful_of_statements_each_batch(
    settings, gateway, paid, clerk
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    paid(1500)
    page = select_all(clerk)
    with CaptureQueriesContext(connection) as queries:
        answered(clerk, page)
    assert Cancellation.objects.count() == 1500
    assert len(queries) < 60 + 12 * 3


@pytest.mark.nightly
def test_ten_thousand_are_written_down_in_under_three_seconds(settings, gateway, paid, clerk):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    paid(10_000)
    page = select_all(clerk)
    before = time.monotonic()
    response = answered(clerk, page)
    took = time.monotonic() - before
    assert Cancellation.objects.count() == 10_000
    assert LogEntry.objects.count() == 10_000
    assert plain(told(response)[0][1]).startswith("10000 payments")
    print(f"10,000 cancellations were requested in {took:.2f} s")
    assert took < 3


def test_an_expired_sign_in_loses_no_large_selection_and_no_reason(gateway, paid, clerk):
    paid(120)
    page = select_all(clerk)
    get_user_model().objects.create_superuser("operator", password="operator")
    browser = Client(enforce_csrf_checks=True)
    browser.cookies["csrftoken"] = token = "x" * 32
    [selection] = re.findall(r'name="payments" value="([^"]*)"', text(page))
    form = {"payments": selection, "reason": 'sold "out"', "csrfmiddlewaretoken": token}
    response = browser.post(f"{ADMIN}payment/cancel/", form)
    assert response.status_code == 403
    kept = dict(re.findall(r'name="(\w+)" value="([^"]*)"', response.content.decode()))
    assert (kept["payments"], kept["reason"]) == (selection, "sold &quot;out&quot;")
    # In the other window: a new session, and a new token for all forms.
    browser.force_login(get_user_model().objects.get(username="operator"))
    response = browser.post(
        f"{ADMIN}payment/select/", {"payments": selection, "reason": "sold out"}
    )
    assert 'value="sold out"' in text(response)
    assert "Yes, cancel 120 payments" in text(response)
    assert not Cancellation.objects.exists()


def test_what_another_site_can_open_sends_nothing(gateway, pay, clerk):
    payment = pay()
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = clerk.cookies
    form = {"payments": selecting.write_keys([payment.pk]), "reason": "", "confirmed": "1"}
    assert "Yes, cancel the payment" in text(browser.post(f"{ADMIN}payment/select/", form))
    assert browser.post(f"{ADMIN}payment/cancel/", form).status_code == 403
    assert not gateway.calls
    assert not LogEntry.objects.exists()


def test_who_may_cancel_single_payments_only_is_asked_for_each_of_a_large_selection(
    settings, gateway, paid, staff
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 0}
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "tests.admin.test_permissions.ByReference",
    ]
    paid(101, reference="ann cancel_payment")
    paid(2, reference="other")
    client = staff("ann", "view_payment")
    keys = selecting.write_keys(Payment.objects.values_list("pk", flat=True))
    response = client.post(f"{ADMIN}payment/cancel/", {"payments": keys, "reason": ""})
    assert [plain(message).partition(": ")[0] for _, message in told(response)] == [
        "other",
        "other",
        "101 payments",
    ]
    asked_for = Cancellation.objects.values_list("payment__reference", flat=True)
    assert list(asked_for.distinct()) == ["ann cancel_payment"]


def test_who_may_cancel_nothing_of_a_large_selection_is_refused(settings, gateway, paid, staff):
    paid(510)
    client = staff("ann", "view_payment")
    keys = selecting.write_keys(Payment.objects.values_list("pk", flat=True))
    form = {"payments": keys, "reason": ""}
    assert client.post(f"{ADMIN}payment/cancel/", form).status_code == 403
    assert client.post(f"{ADMIN}payment/select/", form).status_code == 403


def test_a_payment_left_out_between_page_and_yes_is_checked_again(gateway, pay, clerk):
    payments = [pay(f"order-{number:02}") for number in range(11)]
    address = confirmation_of(*payments)
    assert "Yes, cancel 11 payments" in text(clerk.get(address))
    services.cancel_payment(payments[0])
    response = clerk.post(address, {"reason": ""})
    assert "1 are cancelled already" in " ".join(message for _, message in told(response))
    assert len(gateway.calls) == 11
    batch = response["Location"].rstrip("/").rpartition("/")[2]
    assert Cancellation.objects.filter(batch=batch).count() == 10
