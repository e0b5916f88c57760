"""Searches that people paste, filters, banners, the overview and pages of very long lists."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.admin import counting, paginating
from django_alipay_cancel.admin.searching import find_payments
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, page_of, rows, text, told

pytestmark = pytest.mark.django_db


def midnight():
    """The start of today, in the zone that is active."""
    now = timezone.localtime() if settings.USE_TZ else datetime.now()
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def listed(client, model="payment", **query):
    """What a list shows in its first column, in the order of the alphabet."""
    response = client.get(f"{ADMIN}{model}/", query)
    assert response.status_code == 200, response
    return sorted(rows(text(response)))


def test_thirty_pasted_order_numbers_are_found_and_nothing_else(pay, viewer):
    names = [f"order-{number:02}" for number in range(40)]
    for name in names:
        services.request_cancellation(pay(name))
    # As a browser hands on what was copied from a spreadsheet: a line end becomes a blank.
    pasted = " ".join(f" {name} " for name in names[:31])
    for model in ("payment", "cancellation"):
        assert listed(viewer, model, q=pasted) == names[:31]


@pytest.mark.parametrize("between", [" ", "\r\n", "\t", ",", "; ", "，", "\n\n,"])
def test_names_of_every_kind_stand_in_one_search(pay, viewer, between):
    payments = [pay(name) for name in ("a", "b", "c", "d", "e")]
    names = [str(payments[0].pk), "request-b", "payment-c", "d", "e-and-more"]
    assert listed(viewer, q=between.join(names)) == ["a", "b", "c", "d"]


def test_an_id_with_blanks_is_found_whole_and_not_taken_apart(pay, viewer):
    pay("7"), pay("order 7"), pay("order 8")
    assert listed(viewer, q="order 7") == ["order 7"]
    assert listed(viewer, q="order 7, order 8") == ["order 7", "order 8"]
    assert listed(viewer, q="order 9, 7") == ["7"]


def test_what_was_pasted_and_has_no_payment_is_named(pay, viewer, operator):
    pay("a")
    page = text(viewer.get(f"{ADMIN}payment/", {"q": "a b <c>"}))
    why = "no payment has this reference or ID"
    assert f"Not found: “b” ({why}), “<c>” ({why})" in page
    assert "Not found" not in text(viewer.get(f"{ADMIN}payment/", {"q": "a"}))
    form = {"action": "", "_selected_action": []}
    response = operator.post(f"{ADMIN}payment/", form, query_params={"q": "a b"})
    assert not [message for _, message in told(response) if "Not found" in message]


def test_a_search_that_names_too_much_says_so(monkeypatch, pay, viewer):
    monkeypatch.setattr("django_alipay_cancel.admin.searching.MOST_NAMES", 3)
    pay("a"), pay("d")
    response = viewer.get(f"{ADMIN}payment/", {"q": "a,b,c,d"})
    assert rows(text(response)) == []
    assert "4 numbers were pasted" in text(response)
    response = viewer.get(f"{ADMIN}payment/", {"q": "a b c d"})
    assert "4 numbers were pasted" in text(response)
    assert rows(text(viewer.get(f"{ADMIN}payment/", {"q": "a b d"}))) == ["d", "a"]


@pytest.mark.parametrize(
    "pasted",
    [
        "\u200bA-17\ufeff",
        "Ａ－１７",
        "“A-17”",
        "'A-17",
        "#A-17",
        "【A-17】",
        "(A-17).",
        "A-17。",
        "no.9 / A-17 | x-1",
        "x-1／A-17",
        "x-1;A-17，y",
        "x-1\r\nA-17",
    ],
)
def test_what_came_along_when_a_number_was_pasted_is_seen_through(pay, viewer, pasted):
    pay("A-17")
    assert listed(viewer, q=pasted) == ["A-17"]


@pytest.mark.parametrize("reference", ["#7", "a/b", "a|b", "“a”", "7.", "Ａ７", "a / b"])
def test_a_reference_that_is_written_so_is_found_as_it_is(pay, viewer, reference):
    pay(reference, known=False), pay("7", known=False), pay("a", known=False)
    assert listed(viewer, q=reference) == [reference]


def test_what_was_not_found_is_shown_as_typed_with_what_is_wrong(pay, viewer):
    pay("a")
    page = text(viewer.get(f"{ADMIN}payment/", {"q": f"#b，{'9' * 200}"}))
    assert "“#b” (no payment has this reference or ID)" in page
    assert f"“{'9' * 200}” (too long to be a reference or an ID)" in page


def test_a_reference_of_very_many_payments_brings_a_bounded_number(monkeypatch, db):
    monkeypatch.setattr("django_alipay_cancel.admin.searching.MOST_FOUND", 5)
    Payment.objects.bulk_create(
        Payment(payment_request_id=f"request-{n}", reference="same") for n in range(9)
    )
    found = find_payments(Payment.objects.all(), "same")
    assert (len(found.keys), found.is_cut, found.missing) == (5, True, [])


def test_the_merchants_to_choose_from_are_those_of_the_settings(settings, gateway, pay, viewer):
    pay("ours")
    Payment.objects.filter(pk=pay("theirs").pk).update(merchant="tokyo")
    assert "?merchant=" not in text(viewer.get(f"{ADMIN}payment/"))
    settings.ALIPAY_CANCEL["MERCHANTS"]["tokyo"] = gateway.merchant_settings()
    assert "?merchant=tokyo" in text(viewer.get(f"{ADMIN}payment/"))
    assert listed(viewer, merchant="tokyo") == ["theirs"]
    del settings.ALIPAY_CANCEL["MERCHANTS"]["tokyo"]
    page = text(viewer.get(f"{ADMIN}payment/", {"merchant": "tokyo"}))
    assert (rows(page), "?merchant=tokyo" in page) == (["theirs"], True)


def test_created_between_two_days_both_included(pay, viewer):
    day = midnight()
    moments = {
        "before": day - timedelta(days=3, seconds=1),
        "first": day - timedelta(days=3),
        "last": day - timedelta(days=1, seconds=1),
        "after": day - timedelta(days=1),
    }
    for name, moment in moments.items():
        Payment.objects.filter(pk=pay(name).pk).update(created_at=moment)
    first, last = (str((day - timedelta(days=ago)).date()) for ago in (3, 2))
    assert listed(viewer, created_from=first, created_to=last) == ["first", "last"]
    assert listed(viewer, created_from=first) == ["after", "first", "last"]
    assert listed(viewer, created_to=last) == ["before", "first", "last"]
    page = text(viewer.get(f"{ADMIN}payment/", {"created_to": last, "status__exact": "SUCCESS"}))
    assert f'name="created_to" value="{last}"' in page
    assert '<input type="hidden" name="status__exact" value="SUCCESS">' in page


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "0001-01-01", "9999-12-31", "\x00x"])
def test_a_day_that_is_none_shows_no_rows_and_says_why(pay, viewer, day):
    pay()
    response = viewer.get(f"{ADMIN}payment/", {"created_from": day}, follow=True)
    if "\x00" in day:
        assert rows(text(response)) == ["order-1"]
        assert not response.request["QUERY_STRING"]
    else:
        assert rows(text(response)) == []
        assert 'class="errorlist"' in text(response)


def test_what_was_asked_together_is_shown_together(pay, viewer):
    batch = uuid4()
    services.request_cancellation(pay("a"), batch=batch)
    services.request_cancellation(pay("b"))
    assert listed(viewer, "cancellation", batch=batch) == ["a"]
    assert "This selection" in text(viewer.get(f"{ADMIN}cancellation/", {"batch": batch}))
    assert "This selection" not in text(viewer.get(f"{ADMIN}cancellation/"))
    assert listed(viewer, "cancellation", batch="none") == []


@pytest.mark.parametrize("keys", [["x"], [""], ["\0"], ["{0}.{0}", "x"], ["{0}", "{0}.{0}"]])
@pytest.mark.parametrize("model", ["payment", "cancellation"])
def test_a_selected_key_that_is_none_is_a_bad_request(pay, operator, model, keys):
    payment = pay()
    services.request_cancellation(payment)
    keys = [key.format(payment.pk) for key in keys]
    for action in ("cancel_selected", "check_now"):
        form = {"action": action, "_selected_action": keys}
        response = operator.post(f"{ADMIN}{model}/", form)
        assert response.status_code == 400


@pytest.mark.parametrize(
    "query", ["merchant=%00", "status__exact=%00", "batch=%00", "p=%00", "q=%00"]
)
def test_a_nul_in_the_address_is_no_error(pay, viewer, query):
    pay()
    for model in ("payment", "cancellation"):
        for page in ("", "export/"):
            response = viewer.get(f"{ADMIN}{model}/{page}?{query}", follow=True)
            assert response.status_code == 200


def test_cancellations_are_filtered_by_who_asked_for_them(pay, viewer):
    services.request_cancellation(pay("a"), source="api")
    services.request_cancellation(pay("b"), source="no_result")
    assert listed(viewer, "cancellation", source__exact="api") == ["a"]


def test_the_age_of_a_payment_is_shown(pay, viewer):
    pay()
    Payment.objects.update(created_at=timezone.now() - timedelta(hours=3, minutes=5))
    assert ">3\xa0hours ago</span></td>" in text(viewer.get(f"{ADMIN}payment/"))


def test_a_very_long_list_is_counted_so_far_and_says_so(monkeypatch, pay, viewer):
    sentence = "There are more than 3 rows"
    monkeypatch.setattr(paginating, "MOST_ROWS", 3)
    for number in range(3):
        pay(f"order-{number}")
    assert sentence not in text(viewer.get(f"{ADMIN}payment/"))
    pay("order-3")
    with CaptureQueriesContext(connection) as queries:
        page = text(viewer.get(f"{ADMIN}payment/"))
    assert sentence in page
    assert "3 payments" in page
    [counting] = [query["sql"] for query in queries if "COUNT(*)" in query["sql"]]
    assert "LIMIT 4" in counting
    assert sentence not in text(viewer.get(f"{ADMIN}payment/", {"q": "order-1"}))


def test_the_number_in_review_is_told_above_both_lists(in_review, viewer, staff):
    def told_by(client):
        pages = [text(client.get(f"{ADMIN}{model}/")) for model in ("payment", "cancellation")]
        return [re.findall(r">(\d+ cancellations? needs? review)<", page) for page in pages]

    assert told_by(viewer) == [[], []]
    in_review("a")
    assert told_by(viewer) == [["1 cancellation needs review"]] * 2
    in_review("b")
    assert told_by(viewer) == [["2 cancellations need review"]] * 2
    accountant = staff("accountant", "view_payment")
    assert "need review" not in text(accountant.get(f"{ADMIN}payment/"))


def test_of_very_many_open_ones_those_in_review_are_counted_first(
    monkeypatch, pay, in_review, viewer
):
    monkeypatch.setattr(counting, "MOST_COUNTED", 3)
    for name in ("a", "b", "c", "d"):
        services.request_cancellation(pay(name))
    in_review("e")
    shown = " ".join(re.sub("<[^>]*>", " ", overview_of(viewer)).split())
    assert "In review: 1 Waiting for the result: 2+" in shown


def test_the_overview_counts_what_finished_and_what_is_open(gateway, pay, in_review, viewer):
    assert "<svg" not in overview_of(viewer)
    for name in ("a", "b", "c"):
        services.cancel_payment(pay(name))
    gateway.misbehave(Fault.RESULT, api="cancel", calls=2, result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(pay("d"))
    old = services.cancel_payment(pay("old"))
    Cancellation.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=31))
    gateway.behave()
    in_review("e")
    for name in ("f", "g"):
        services.request_cancellation(pay(name))
    page = overview_of(viewer)
    shown = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "In review: 1" in shown
    assert "Waiting for the result: 2" in shown
    assert "Finished in the last 30 days: 3 succeeded, 1 rejected" in shown
    assert f"Day Succeeded Rejected {midnight().date()} 3 1" in shown
    assert re.findall(
        r'<rect class="alipay-(\w+)" x="291" y="(\d+)" width="8" height="(\d+)"', page
    ) == [
        ("succeeded", "0", "40"),
        ("rejected", "40", "13"),
    ]
    assert re.search(r'<svg[^>]* role="img"[^>]* aria-labelledby="alipay-chart-title"', page)


def overview_of(client):
    page = text(client.get(f"{ADMIN}cancellation/"))
    return re.search(r'<section class="module alipay-overview".*?</section>', page, re.DOTALL)[0]


def test_the_overview_is_left_out_where_the_list_is_narrowed(pay, viewer):
    services.cancel_payment(pay())
    assert "alipay-overview" in text(viewer.get(f"{ADMIN}cancellation/", {"o": "-6"}))
    for query in ({"q": "order-1"}, {"status__exact": "SUCCEEDED"}):
        assert "alipay-overview" not in text(viewer.get(f"{ADMIN}cancellation/", query))


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC"])
def test_the_overviews_days_are_those_of_the_zone(settings, pay, viewer, zone):
    with timezone.override(zone):
        today = midnight()
    for number, moment in enumerate([today, today - timedelta(seconds=1)]):
        cancellation = services.cancel_payment(pay(f"order-{number}"))
        Cancellation.objects.filter(pk=cancellation.pk).update(finished_at=moment)
    if settings.USE_TZ:  # without, all times are those of the one zone the server has
        settings.TIME_ZONE = zone
    page = overview_of(viewer)
    bars = re.findall(r'<rect class="alipay-succeeded" x="(\d+)"', page)
    assert bars == ["281", "291"]


def test_filters_and_searches_come_along_to_a_page_and_back(pay, viewer):
    payment = pay()
    page = text(viewer.get(f"{ADMIN}payment/", {"q": "order-1"}))
    assert urlencode({"_changelist_filters": "q=order-1"}) in page
    assert viewer.get(page_of(payment)).status_code == 200
