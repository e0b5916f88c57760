"""Asking for a cancellation over REST, and following it to its end."""

from __future__ import annotations

import math
from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection
from django.urls import include, path
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_alipay_cancel import services
from django_alipay_cancel.api import endpoints
from django_alipay_cancel.api.permissions import Access
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.testing import Fault
from django_alipay_cancel.urls import routes
from tests.api.conftest import ask, cancellations_of, is_error

pytestmark = pytest.mark.django_db


def fail_with(gateway, code, **options):
    gateway.misbehave(Fault.RESULT, api="cancel", calls=1, result_code=code, **options)


def test_a_finished_cancellation_is_201_with_its_address_and_all_that_a_page_shows(
    gateway, pay, clerk
):
    response = ask(clerk, pay(), {"reason": "ordered twice"})
    body = response.json()
    cancellation = Cancellation.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"/alipay/cancellations/{cancellation.id}/"
    assert "Retry-After" not in response
    attempt = body["attempts"].pop()
    times = {name: body.pop(name) for name in ("created_at", "finished_at")}
    assert body == {
        "id": str(cancellation.id),
        "payment": str(Payment.objects.get().id),
        "status": "SUCCEEDED",
        "message": "The payment is cancelled. All the money goes back to the buyer.",
        "next_step": "NONE",
        "result_code": "SUCCESS",
        "result_message": cancellation.result_message,
        "error": "",
        "reason": "ordered twice",
        "source": "api",
        "requested_by_name": "clerk",
        "why": "The payment is cancelled.",
        "next_attempt_at": None,
        "or_refund": False,
        "means": "cancel",
        "refund_id": "",
        "refund_value": None,
        "refund_currency": "",
        "attempts": [],
    }
    assert all(times.values())
    assert (attempt["number"], attempt["kind"], attempt["outcome"]) == (1, "cancel", "SUCCEEDED")
    assert cancellation.requested_by.username == "clerk"
    assert clerk.get(response["Location"]).json()["status"] == "SUCCEEDED"


def test_no_response_carries_the_bodies_of_the_calls(gateway, pay, clerk):
    text = ask(clerk, pay()).content.decode()
    assert "request_body" not in text and "response_body" not in text
    assert CancellationAttempt.objects.get().request_body not in text


def test_a_payment_cancelled_before_the_request_is_200_and_nothing_is_sent(gateway, pay, clerk):
    payment = pay()
    first = ask(clerk, payment)
    second = ask(clerk, payment)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert "Location" not in second
    assert len(gateway.calls) == 1


class SomebodyIsFaster(Access):
    """Between reading the payment and cancelling it, somebody else cancels it."""

    def may_cancel(self, user, payment):
        services.cancel_payment(Payment.objects.get(pk=payment.pk))
        return super().may_cancel(user, payment)


class UrlsOfTheSlow:
    urlpatterns = [path("alipay/", include(routes(SomebodyIsFaster())))]


def test_a_payment_cancelled_after_the_request_came_is_201(settings, gateway, pay, clerk):
    settings.ROOT_URLCONF = UrlsOfTheSlow
    payment = pay()
    response = ask(clerk, payment)
    assert response.status_code == 201
    assert response.json()["id"] == str(Cancellation.objects.get().id)
    assert ask(clerk, payment).status_code == 200
    assert len(gateway.calls) == 1


def test_a_rejected_cancellation_is_201_and_says_the_next_step(gateway, pay, clerk):
    fail_with(gateway, "CANCEL_WINDOW_EXCEED")
    response = ask(clerk, pay())
    body = response.json()
    assert response.status_code == 201
    assert (body["status"], body["next_step"]) == ("REJECTED", "REFUND")
    assert body["result_code"] == "CANCEL_WINDOW_EXCEED"
    assert body["message"].startswith("The payment was not cancelled.")


def test_after_a_rejection_asking_starts_a_new_cancellation(gateway, pay, clerk):
    payment = pay()
    fail_with(gateway, "MERCHANT_BALANCE_NOT_ENOUGH")
    first = ask(clerk, payment)
    second = ask(clerk, payment)
    assert second.status_code == 201
    assert second.json()["status"] == "SUCCEEDED"
    assert second.json()["id"] != first.json()["id"]


def test_an_unknown_result_is_202_and_says_when_the_next_attempt_is(gateway, pay, clerk):
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    before = timezone.now()
    response = ask(clerk, pay())
    body = response.json()
    assert response.status_code == 202
    assert response["Location"].endswith(f"/{body['id']}/")
    assert (body["status"], body["error"], body["next_step"]) == (
        "PENDING",
        "connection_lost",
        "WAIT",
    )
    due = parse_datetime(body["next_attempt_at"])
    assert 1 <= int(response["Retry-After"]) <= math.ceil((due - before).total_seconds())


def test_the_open_cancellation_comes_back_with_the_wait_that_is_left(gateway, pay, clerk):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    first = ask(clerk, payment)
    Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=600))
    second = ask(clerk, payment)
    assert second.status_code == 202
    assert second.json()["id"] == first.json()["id"]
    assert 598 <= int(second["Retry-After"]) <= 600
    assert clerk.get(first["Location"])["Retry-After"] in ("599", "600")
    assert len(gateway.calls) == 1


def test_asking_again_when_it_is_due_tries_at_once(gateway, pay, clerk):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    first = ask(clerk, payment)
    Cancellation.objects.update(next_attempt_at=timezone.now())
    second = ask(clerk, payment)
    # It was open when the request came: finished by it, so 201 and not 200.
    assert second.status_code == 201
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["status"] == "SUCCEEDED"


def test_a_call_that_cannot_be_under_way_any_more_leaves_the_wait_for_its_repeat(
    gateway, pay, clerk
):
    # The process that made it has died: the attempt stays open until its lease is over.
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    asked = ask(clerk, pay())
    Cancellation.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=30))
    attempt = CancellationAttempt.objects.filter(cancellation_id=asked.json()["id"])
    attempt.update(
        outcome="OPEN",
        open_for=asked.json()["id"],
        finished_at=None,
        sent_at=timezone.now() - timedelta(seconds=8),  # TIMEOUT is (2, 5)
    )
    assert 28 <= int(clerk.get(asked["Location"])["Retry-After"]) <= 30
    attempt.update(sent_at=timezone.now() - timedelta(seconds=3))
    assert clerk.get(asked["Location"])["Retry-After"] == "1"


def test_a_worker_that_is_about_to_ask_is_no_reason_to_wait_for_the_end_of_its_claim(
    gateway, pay, clerk, clock
):
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    asked = ask(clerk, pay())
    cancellation = Cancellation.objects.get()
    assert schedule.claim(cancellation)
    assert clerk.get(asked["Location"])["Retry-After"] == "1"
    # No worker needs that long: it has died, and the claim has to end.
    clock.shift(2)
    assert 20 <= int(clerk.get(asked["Location"])["Retry-After"]) <= 29


def test_one_in_review_is_202_without_a_wait(gateway, pay, clerk):
    fail_with(gateway, "INVALID_SIGNATURE", signed=False)
    response = ask(clerk, pay())
    assert response.status_code == 202
    assert "Retry-After" not in response
    assert response.json()["status"] == "NEEDS_REVIEW"
    assert response.json()["next_step"] == "FIX_CONFIGURATION"


def test_an_address_without_its_last_slash_is_no_trap(gateway, pay, clerk):
    # Redirected, the POST would come back as a GET: 200, and nothing cancelled.
    payment = pay()
    response = clerk.post(cancellations_of(payment).rstrip("/"))
    assert (response.status_code, response.json()["status"]) == (201, "SUCCEEDED")
    assert response["Location"].endswith("/")
    for address in ("payments", f"payments/{payment.pk}", f"payments/{payment.pk}/cancellations"):
        assert clerk.get(f"/alipay/{address}").status_code == 200
    assert clerk.get(response["Location"].rstrip("/")).status_code == 200


def test_a_failed_payment_leaves_nothing_to_cancel(gateway, pay, clerk):
    payment = pay(status="FAIL", failed_at=timezone.now())
    assert is_error(ask(clerk, payment), 409, "nothing_to_cancel")
    assert not Cancellation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_second_request_during_the_call_gets_the_same_cancellation(gateway, pay, clerk):
    payment = pay()
    during = []

    def ask_meanwhile(call):
        gateway.before_answer = None
        during.append(ask(clerk, payment))
        connection.close()

    gateway.before_answer = ask_meanwhile
    first = ask(clerk, payment)
    assert during[0].status_code == 202
    assert during[0].json()["id"] == first.json()["id"]
    assert during[0]["Retry-After"] == "1"  # being asked now: not the lease of that call
    assert first.status_code == 201
    assert len(gateway.calls) == 1


@pytest.mark.django_db(transaction=True)
def test_many_requests_at_once_cancel_once_and_answer_with_one_id(gateway, pay, clerk):
    payment = pay()
    answers = []

    def one():
        try:
            answers.append(ask(clerk, payment))
        finally:
            connection.close()

    threads = [Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert {answer.status_code for answer in answers} <= {200, 201, 202}
    assert {answer.json()["id"] for answer in answers} == {str(Cancellation.objects.get().id)}
    assert len(gateway.calls) == 1


def test_refresh_takes_over_what_alipay_says(gateway, pay, clerk):
    payment = pay(status="PROCESSING")
    gateway.payment("payment-order-1").status = "SUCCESS"
    response = clerk.post(f"/alipay/payments/{payment.pk}/refresh/")
    assert response.status_code == 200
    body = response.json()
    assert body["checked_at"] is not None
    assert body["checked_status"] == Payment.objects.get().checked_status
    assert (body["cancellations"], gateway.calls[0].api) == ([], "inquiryPayment")


def test_refresh_finishes_an_open_cancellation(gateway, pay, clerk):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_AFTER, api="cancel", calls=1)
    ask(clerk, payment)
    body = clerk.post(f"/alipay/payments/{payment.pk}/refresh/").json()
    assert body["status"] == "CANCELLED"
    assert body["cancellations"][0]["status"] == "SUCCEEDED"


def test_retry_starts_the_schedule_of_one_in_review_again(gateway, pay, clerk):
    payment = pay()
    fail_with(gateway, "INVALID_SIGNATURE", signed=False)
    in_review = ask(clerk, payment)
    response = clerk.post(in_review["Location"] + "retry/")
    assert response.status_code == 202
    assert response["Location"] == in_review["Location"]
    assert response["Retry-After"] == "1"
    assert (response.json()["status"], response.json()["next_step"]) == ("PENDING", "WAIT")
    assert Cancellation.objects.get().asked_by_name == "clerk"
    services.process_due_cancellations()
    assert clerk.get(in_review["Location"]).json()["status"] == "SUCCEEDED"


def test_retry_of_a_succeeded_one_is_200_and_of_a_rejected_one_409(gateway, pay, clerk):
    fail_with(gateway, "CANCEL_WINDOW_EXCEED")
    payment = pay()
    rejected, succeeded = ask(clerk, payment), ask(clerk, payment)
    assert is_error(clerk.post(rejected["Location"] + "retry/"), 409, "not_in_review")
    assert clerk.post(succeeded["Location"] + "retry/").status_code == 200


def test_a_payment_shows_its_cancellations_the_newest_first(gateway, pay, clerk):
    payment = pay()
    fail_with(gateway, "CANCEL_WINDOW_EXCEED")
    ask(clerk, payment)
    ask(clerk, payment)
    shown = clerk.get(f"/alipay/payments/{payment.pk}/").json()
    listed = clerk.get(cancellations_of(payment)).json()
    assert [c["status"] for c in shown["cancellations"]] == ["SUCCEEDED", "REJECTED"]
    assert listed["results"] == shown["cancellations"]
    assert (listed["next"], listed["previous"]) == (None, None)


def test_a_payment_shows_a_bounded_number_of_cancellations(monkeypatch, gateway, pay, clerk):
    monkeypatch.setattr(endpoints, "SHOWN_WITH_PAYMENT", 2)
    payment = pay()
    fail_with(gateway, "CANCEL_WINDOW_EXCEED")
    for _ in range(3):
        last = ask(clerk, payment).json()
        fail_with(gateway, "CANCEL_WINDOW_EXCEED")
    shown = clerk.get(f"/alipay/payments/{payment.pk}/").json()["cancellations"]
    assert len(shown) == 2
    last.pop("why")
    assert shown[0] == last
