"""What is done with many cancellations from their list."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.admin import closing, notes, selecting
from django_alipay_cancel.clock import local
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import ADMIN, rows, text, told

pytestmark = pytest.mark.django_db


def act(client, action, *cancellations, **more):
    """Choose an action for these cancellations in the list."""
    keys = [cancellation.pk for cancellation in cancellations]
    form = {"action": action, "_selected_action": keys, **more}
    return client.post(f"{ADMIN}cancellation/", form)


def plain(response):
    return [(level, re.sub("<[^>]*>", "", message)) for level, message in told(response)]


def actions(client):
    return re.findall(r'<option value="(\w+)"', text(client.get(f"{ADMIN}cancellation/")))


def test_each_permission_brings_its_actions(in_review, clerk, viewer, staff):
    in_review()
    assert actions(clerk) == ["ask_again", "check_now", "cancel_again"]
    assert actions(staff("closer", "close_cancellation")) == ["close_by_hand"]
    assert actions(viewer) == []


@pytest.mark.parametrize("action", ["ask_again", "check_now", "cancel_again", "close_by_hand"])
def test_an_action_without_its_permission_does_nothing(gateway, in_review, viewer, action):
    cancellation = in_review()
    calls = len(gateway.calls)
    assert act(viewer, action, cancellation).status_code in (200, 302)
    cancellation.refresh_from_db()
    assert cancellation.status == "NEEDS_REVIEW"
    assert len(gateway.calls) == calls
    assert not LogEntry.objects.exists()


def test_several_are_asked_again_each_with_its_message_and_note(gateway, pay, in_review, clerk):
    rows = [in_review(name) for name in ("a", "b")]
    done = services.cancel_payment(pay("done"))
    rejected = pay("rejected")
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="ACCESS_DENIED")
    rejected = services.cancel_payment(rejected)
    calls = len(gateway.calls)
    messages = plain(act(clerk, "ask_again", *rows, done, rejected))
    assert [level for level, _ in messages] == ["error", "success", "warning", "warning"]
    assert "no longer in review" in messages[0][1]
    assert [row.asked_by_name for row in Cancellation.objects.filter(status="PENDING")] == [
        "clerk",
        "clerk",
    ]
    assert len(gateway.calls) == calls
    assert LogEntry.objects.filter(change_message="Asked again.").count() == 4


def test_of_more_than_ten_the_outcomes_are_counted(gateway, in_review, clerk):
    rows = [in_review(f"order-{number:02}") for number in range(11)]
    [(level, message)] = told(act(clerk, "ask_again", *rows))
    assert level == "warning"
    assert ">11 payments</a>: The result is not known yet." in message
    url = re.search('href="([^"]*)"', message)[1]
    assert text(clerk.get(url)).count('class="field-name"') == 11


def test_several_are_checked_now_each_payment_once(gateway, pay, in_review, clerk):
    rows = [in_review("a"), in_review("b")]
    gateway.payment("payment-b").status = "CANCELLED"
    paid = pay("paid")
    gateway.misbehave(Fault.RESULT, api="cancel", calls=2, result_code="ACCESS_DENIED")
    twice = [services.cancel_payment(paid) for _ in range(2)]
    calls = len(gateway.calls)
    messages = plain(act(clerk, "check_now", *rows, *twice))
    assert len(messages) == 3
    assert len(gateway.calls) == calls + 3
    assert Payment.objects.get(reference="b").status == "CANCELLED"
    assert LogEntry.objects.filter(change_message="Checked now.").count() == 3


def test_calls_end_when_time_is_up_and_the_rest_is_told(settings, gateway, in_review, clerk):
    rows = [in_review(name) for name in ("a", "b", "c")]
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 2}
    gateway.latency = 2.1
    calls = len(gateway.calls)
    messages = plain(act(clerk, "check_now", *rows))
    assert len(gateway.calls) == calls + 1
    assert sum("time is up" in message for _, message in messages) == 2
    assert LogEntry.objects.count() == 1


def test_what_was_rejected_for_the_balance_is_cancelled_again_after_confirmation(
    gateway, pay, clerk
):
    gateway.balance_is_enough = False
    rows = [services.cancel_payment(pay(name)) for name in ("a", "b")]
    gateway.balance_is_enough = True
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="ACCESS_DENIED")
    other = services.cancel_payment(pay("other"))
    calls = len(gateway.calls)
    response = act(clerk, "cancel_again", *rows, other)
    page = text(clerk.get(response["Location"]))
    assert "Yes, cancel 2 payments" in page
    assert len(gateway.calls) == calls
    clerk.post(response["Location"], {"reason": "topped up"})
    cancelled = Payment.objects.filter(status="CANCELLED")
    assert {payment.reference for payment in cancelled} == {"a", "b"}
    [*_, (level, message)] = plain(act(clerk, "cancel_again", other))
    assert (level, "None of the selected" in message) == ("error", True)


def test_one_page_closes_several_by_hand(gateway, pay, in_review, staff):
    rows = [in_review(name) for name in ("a", "b")]
    done = services.cancel_payment(pay("done"))
    closer = staff("closer", "close_cancellation")
    response = act(closer, "close_by_hand", *rows, done)
    address = response["Location"]
    page = text(closer.get(address))
    assert "Your word holds for each of these 2 payments." in page
    assert "1 selected cancellation is left out: it is not in review." in page
    assert 'class="errorlist"' in text(closer.post(address, {"cancelled": "yes"}))
    response = closer.post(address, {"cancelled": "yes", "note": "Alipay's support, by phone"})
    assert [level for level, _ in plain(response)] == ["success"] * 2
    assert response["Location"] == f"{ADMIN}cancellation/"
    closed = Cancellation.objects.filter(closed_by_name="closer", status="SUCCEEDED")
    assert {row.note for row in closed} == {"Alipay's support, by phone"}
    assert closed.count() == 2
    assert LogEntry.objects.filter(change_message__startswith="Closed by hand as ").count() == 2
    response = closer.post(address, {"cancelled": "no", "note": "too late"})
    assert "3 selected cancellations are left out" in plain(response)[-1][1]


def test_closing_needs_the_permission_for_each(in_review, clerk, staff):
    cancellation = in_review()
    address = f"{ADMIN}cancellation/close/?cancellations={cancellation.pk.hex}"
    assert clerk.get(address).status_code == 403
    assert clerk.post(address, {"cancelled": "yes", "note": "x"}).status_code == 403
    closer = staff("closer", "close_cancellation")
    assert closer.get(f"{ADMIN}cancellation/close/?cancellations=x", follow=True).status_code == 200
    assert Cancellation.objects.get().status == "NEEDS_REVIEW"


def test_too_many_are_not_closed_on_one_word(monkeypatch, in_review, operator):
    monkeypatch.setattr(closing.selecting, "IN_ADDRESS", 2)
    rows = [in_review(name) for name in ("a", "b", "c")]
    [(level, message)] = plain(act(operator, "close_by_hand", *rows))
    assert (level, "At most 2 can be closed by hand at once." in message) == ("error", True)


def test_too_many_are_refused_before_any_is_read(monkeypatch, gateway, in_review, clerk):
    monkeypatch.setattr(selecting, "MOST_SELECTED", 2)
    rows = [in_review(name) for name in ("a", "b", "c")]
    for action in ("ask_again", "check_now"):
        [*_, (level, message)] = plain(act(clerk, action, *rows, select_across="1"))
        assert (level, "At most 2 can be selected" in message) == ("error", True)
    assert not LogEntry.objects.exists()


def test_the_page_to_close_many_takes_the_same_queries_for_two_and_ten(in_review, operator):
    def queries(count):
        keys = selecting.write_keys(row.pk for row in rows[:count])
        address = f"{ADMIN}cancellation/close/?cancellations={keys}"
        operator.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert operator.get(address).status_code == 200
        return len(captured)

    rows = [in_review(f"order-{number}") for number in range(10)]
    assert queries(10) == queries(2)


def listed_by(client, **query):
    return sorted(rows(text(client.get(f"{ADMIN}cancellation/", query))))


def test_who_cancelled_what_when_and_how_much_stands_in_the_list(gateway, pay, clerk):
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code="CANCEL_WINDOW_EXCEED")
    services.cancel_payment(pay("a"), requested_by="Ms Li", reason="ordered twice")
    page = text(clerk.get(f"{ADMIN}cancellation/"))
    for told_there in ("12.50 USD", "CANCEL_WINDOW_EXCEED", "Ms Li", "ordered twice"):
        assert told_there in page


def test_the_list_is_narrowed_by_day_person_and_merchant(settings, gateway, pay, clerk):
    settings.ALIPAY_CANCEL["MERCHANTS"]["tokyo"] = gateway.merchant_settings()
    services.cancel_payment(pay("a"), requested_by="Ms Li")
    services.request_cancellation(pay("b", merchant="tokyo"), requested_by="clerk")
    old = services.cancel_payment(pay("c"))
    long_ago = timezone.now() - timedelta(days=9)
    Cancellation.objects.filter(pk=old.pk).update(created_at=long_ago, finished_at=long_ago)
    today = str(local(timezone.now()).date())
    assert listed_by(clerk, created_from=today) == ["a", "b"]
    assert listed_by(clerk, finished_from=today) == ["a"]
    assert listed_by(clerk, finished_to=str(local(long_ago).date())) == ["c"]
    assert listed_by(clerk, person="Ms Li") == ["a"]
    assert listed_by(clerk, merchant="tokyo") == ["b"]
    [mine] = re.findall(
        r'<a href="([^"]*)">Asked for by me today', text(clerk.get(f"{ADMIN}cancellation/"))
    )
    assert rows(text(clerk.get(f"{ADMIN}cancellation/{mine}"))) == ["b"]


def test_the_list_is_searched_by_person_reason_batch_and_note(pay, in_review, clerk):
    batch = uuid4()
    services.request_cancellations([pay("a"), pay("b")], batch=batch, reason="Recall 17")
    closed = in_review("c")
    services.close_cancellation(closed, cancelled=True, closed_by="Mr Wu", note="Ticket  T-4711")
    assert listed_by(clerk, q=str(batch)) == ["a", "b"]
    assert listed_by(clerk, q="recall 17") == ["a", "b"]
    assert listed_by(clerk, q="t-4711") == ["c"]
    assert listed_by(clerk, q="mr wu") == ["c"]


def test_a_piece_of_text_is_looked_for_among_the_newest(monkeypatch, pay, clerk):
    monkeypatch.setattr(notes, "_NEWEST", 2)
    for name in ("old", "new", "newest"):
        services.request_cancellation(pay(f"order-{name}"), reason=f"Recall 17 of {name}")
    assert listed_by(clerk, q="recall 17") == ["order-new", "order-newest"]
    assert listed_by(clerk, q="17 of old") == []
    assert listed_by(clerk, q="100%") == []
