"""From the button and the bulk action over the confirmation page to one message per payment."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, connections
from django.test import Client
from django.urls import resolve

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.admin.conftest import (
    ADMIN,
    cancel,
    confirmation_of,
    given,
    page_of,
    route,
    text,
    the_cancellation,
    told,
)

pytestmark = pytest.mark.django_db


def select(client, *payments, **query):
    """Choose the bulk action for these payments in the list."""
    return client.post(
        f"{ADMIN}payment/",
        {"action": "cancel_selected", "_selected_action": [payment.pk for payment in payments]},
        query_params=query,
    )


def test_the_button_leads_to_a_page_that_says_what_will_happen(gateway, pay, clerk):
    payment = pay()
    assert confirmation_of(payment) in text(clerk.get(page_of(payment)))
    page = text(clerk.get(confirmation_of(payment)))
    assert "If the buyer has paid, all the money goes back to the buyer." in page
    for shown in ("order-1", "request-order-1", "payment-order-1", "12.50 USD", "paid"):
        assert shown in page
    assert 'maxlength="255"' in page
    assert not gateway.calls
    assert not Cancellation.objects.exists()


def test_yes_cancels_the_payment_and_says_so_on_its_page(gateway, pay, clerk):
    payment = pay()
    response = cancel(clerk, payment, reason="ordered twice")
    assert response["Location"] == page_of(payment)
    cancellation = the_cancellation(payment)
    assert (cancellation.source, cancellation.reason) == ("admin", "ordered twice")
    assert cancellation.requested_by.username == cancellation.requested_by_name == "clerk"
    assert gateway.payment("payment-order-1").cancel_effects == 1
    [(level, message)] = told(response)
    assert level == "success"
    assert "The payment is cancelled. All the money goes back" in message
    assert f'<a class="alipay-link" href="{page_of(payment)}">order-1</a>' in message


@pytest.mark.parametrize(
    ("fault", "options", "level", "sentences"),
    [
        (
            Fault.RESULT,
            {"result_code": "CANCEL_WINDOW_EXCEED"},
            "error",
            ["The payment was not cancelled.", "refund the payment", "code: CANCEL_WINDOW_EXCEED."],
        ),
        (
            Fault.UNKNOWN_RESULT,
            {},
            "warning",
            ["The result is not known yet.", "Do not refund", "code: UNKNOWN_EXCEPTION."],
        ),
        (
            Fault.RESULT,
            {"result_code": "KEY_NOT_FOUND", "signed": False},
            "warning",
            [
                "a person has to look",
                "Correct the settings",
                "was not accepted; the code in it is KEY_NOT_FOUND.",
            ],
        ),
    ],
)
def test_the_message_tells_outcome_code_and_next_step(
    gateway, pay, clerk, fault, options, level, sentences
):
    gateway.misbehave(fault, api="cancel", calls=1, **options)
    [(found_level, message)] = told(cancel(clerk, pay()))
    assert found_level == level
    for sentence in sentences:
        assert sentence in message.replace("&#x27;", "'")


def test_the_bulk_action_leads_to_the_same_page_for_all(gateway, pay, clerk):
    payments = [pay("paid"), pay("held", "AUTHORIZED"), pay("unpaid", "PROCESSING")]
    response = select(clerk, *payments)
    page = text(clerk.get(response["Location"]))
    for sentence in (
        "All the money goes back to the buyer.",
        "The authorization is released.",
        "The payment is closed and can no longer be paid.",
        "Yes, cancel 3 payments",
    ):
        assert sentence in page
    assert not gateway.calls


def test_many_are_cancelled_with_one_message_each_and_shown_together(pay, clerk):
    services.cancel_payment(pay("another"))
    payments = [pay(name) for name in ("a", "b", "c")]
    address = select(clerk, *payments, status__exact="SUCCESS")["Location"]
    response = clerk.post(address, {"reason": ""})
    assert [level for level, _ in told(response)] == ["success"] * 3
    assert set(Payment.objects.values_list("status", flat=True)) == {"CANCELLED"}
    assert sorted(given(text(clerk.get(response["Location"])))) == ["a", "b", "c"]
    # Nothing new comes of it the second time.
    response = clerk.post(address, {"reason": ""})
    assert sorted(given(text(clerk.get(response["Location"])))) == ["a", "b", "c"]
    assert Cancellation.objects.count() == 4


def test_what_cannot_be_cancelled_is_named_before_and_stops_nobody_else(
    settings, gateway, pay, clerk, caplog
):
    good, failed, elsewhere, invalid = pay("good"), pay("failed"), pay("elsewhere"), pay("invalid")
    Payment.objects.filter(pk=failed.pk).update(status="FAIL")
    Payment.objects.filter(pk=elsewhere.pk).update(merchant="elsewhere")
    Payment.objects.filter(pk=invalid.pk).update(payment_id="payment-invalid ")
    payments = (failed, elsewhere, invalid, good)
    assert "The payment failed; there is nothing to cancel." in text(
        clerk.get(confirmation_of(*payments))
    )
    messages = told(cancel(clerk, *payments))
    assert len(messages) == 4
    for name, level, sentence in (
        ("failed", "error", "There is nothing to cancel"),
        ("elsewhere", "error", "settings of this merchant are missing or wrong"),
        ("invalid", "error", "IDs of this payment cannot be sent"),
        ("good", "success", "The payment is cancelled."),
    ):
        [(found_level, message)] = [found for found in messages if f">{name}</a>" in found[1]]
        assert (found_level, sentence in message) == (level, True)
    assert "'elsewhere'" in caplog.text
    assert len(gateway.calls) == 1


def test_an_error_nobody_expected_is_logged_and_stops_nobody_else(
    settings, gateway, pay, clerk, caplog
):
    def vault():
        raise RuntimeError("the vault is sealed")

    broken, good = pay("broken"), pay("good")
    Payment.objects.filter(pk=broken.pk).update(merchant="vault")
    merchants = settings.ALIPAY_CANCEL["MERCHANTS"]
    merchants["vault"] = {**gateway.merchant_settings(), "PRIVATE_KEY": vault}
    messages = told(cancel(clerk, broken, good))
    assert sorted(level for level, _ in messages) == ["success", "warning"]
    [warning] = [message for level, message in messages if level == "warning"]
    assert "Something went wrong on the server" in warning
    assert "sealed" not in warning
    assert "RuntimeError: the vault is sealed" in caplog.text


def test_a_double_click_cancels_once(gateway, pay, clerk):
    payment = pay()
    cancel(clerk, payment)
    assert [level for level, _ in told(cancel(clerk, payment))] == ["success", "success"]
    assert len(gateway.calls) == 1
    assert Cancellation.objects.count() == 1


def test_a_get_sends_nothing(gateway, in_review, operator):
    cancellation = in_review()
    payment = cancellation.payment
    calls = len(gateway.calls)
    for address in (
        confirmation_of(payment),
        route(payment, "refresh"),
        route(cancellation, "retry"),
        route(cancellation, "close"),
    ):
        assert operator.get(address, follow=True).status_code == 200
    assert len(gateway.calls) == calls
    assert the_cancellation(payment).status == "NEEDS_REVIEW"
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("reason", "complaint"),
    [
        ("x" * 256, "at most 255 characters"),
        ("bell \x07", "Control characters are not allowed."),
        ("nothing \x00", "Null characters are not allowed."),
    ],
)
def test_a_reason_that_cannot_be_kept_is_asked_again(gateway, pay, clerk, reason, complaint):
    response = cancel(clerk, pay(), reason=reason)
    assert response.status_code == 200
    assert complaint in text(response)
    assert not gateway.calls
    assert not Cancellation.objects.exists()


def test_when_time_is_up_the_worker_carries_out_the_rest(settings, gateway, pay, clerk):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "BULK_INLINE_SECONDS": 2}
    gateway.latency = 2.1
    payments = [pay(name) for name in ("a", "b", "c")]
    messages = told(cancel(clerk, *payments, reason="out of stock"))
    assert [level for level, _ in messages] == ["success", "warning", "warning"]
    assert "the worker carries it out" in messages[1][1]
    assert len(gateway.calls) == 1
    services.process_due_cancellations()
    assert set(Payment.objects.values_list("status", flat=True)) == {"CANCELLED"}
    assert set(Cancellation.objects.values_list("reason", flat=True)) == {"out of stock"}


def test_every_wish_is_in_the_history_of_its_payment(pay, clerk):
    payments = [pay(name) for name in ("a", "b")]
    cancel(clerk, *payments, reason="ordered twice")
    entries = LogEntry.objects.all()
    assert {entry.object_id for entry in entries} == {str(payment.pk) for payment in payments}
    assert {entry.user.username for entry in entries} == {"clerk"}
    assert all("ordered twice" in entry.change_message for entry in entries)
    assert "ordered twice" in text(clerk.get(route(payments[0], "history")))


@pytest.mark.parametrize(
    "selection",
    ["", "?payments=", "?payments=x..y", "?payments=5b878640-9f47-4912-a386-948fd52e25fd"],
)
def test_a_selection_of_nothing_leads_back_to_the_list(gateway, pay, clerk, selection):
    pay()
    for response in (
        clerk.get(f"{ADMIN}payment/cancel/{selection}"),
        clerk.post(f"{ADMIN}payment/cancel/{selection}", {"reason": ""}),
    ):
        assert response["Location"] == f"{ADMIN}payment/"
        assert told(response)[-1] == ("error", "The selected payments were not found.")
    assert not gateway.calls


def test_a_form_of_another_site_is_refused(gateway, in_review, operator):
    cancellation = in_review()
    calls = len(gateway.calls)
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = operator.cookies
    for address in (
        confirmation_of(cancellation.payment),
        route(cancellation.payment, "refresh"),
        route(cancellation, "retry"),
        route(cancellation, "close"),
    ):
        assert browser.post(address, {"reason": ""}).status_code == 403
    assert len(gateway.calls) == calls


@pytest.mark.django_db(transaction=True)
def test_it_works_under_atomic_requests(monkeypatch, gateway, pay, clerk):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    payment = pay()
    seen = []
    # Seen over another connection while the call is under way: the attempt is committed.
    gateway.before_answer = lambda call: (
        seen.append(CancellationAttempt.objects.latest("number").outcome),
        connection.close(),
    )
    assert told(cancel(clerk, payment))[0][0] == "success"
    assert told(clerk.post(route(payment, "refresh")))[-1][0] == "success"
    assert seen == ["OPEN", "OPEN"]


def test_the_routes_are_exempt_from_atomic_requests(in_review):
    cancellation = in_review()
    for address in (
        f"{ADMIN}payment/cancel/",
        route(cancellation.payment, "refresh"),
        route(cancellation, "retry"),
        route(cancellation, "close"),
    ):
        assert resolve(address).func._non_atomic_requests == set(connections), address


WITHOUT_REST = """
import sys
sys.modules["rest_framework"] = None
from tests import settings
settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if "rest_framework" not in app]
settings.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
settings.ROOT_URLCONF = "__main__"
settings.ALLOWED_HOSTS = ["*"]
import django
django.setup()
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import path
from django_alipay_cancel import services
urlpatterns = [path("admin/", admin.site.urls)]
call_command("migrate", verbosity=0)
client = Client()
client.force_login(User.objects.create_superuser("operator"))
payment = services.record_payment(payment_request_id="request-1")
here = "/admin/django_alipay_cancel/payment/"
for address in ("", f"{payment.pk}/change/", f"cancel/?payments={payment.pk}"):
    print(client.get(here + address).status_code)
"""


def test_it_works_without_rest_framework():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_REST],
        env={"PATH": "", "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["200"] * 3, done.stderr


class Member:
    """A person of another table than the user model's."""

    pk = 1
    is_active = is_staff = is_authenticated = True
    is_anonymous = False

    def __str__(self):
        return "member 1"

    def get_username(self):
        return "li@members.example"

    def has_perm(self, permission, obj=None):
        return permission == "django_alipay_cancel.cancel_payment"

    def has_module_perms(self, app_label):
        return True


def as_member(get_response):
    """A middleware that signs everybody in as a member."""

    def middleware(request):
        request.user = Member()
        return get_response(request)

    return middleware


def test_a_person_who_is_no_user_may_cancel_and_the_name_is_kept(settings, pay, client):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.as_member"]
    payment = pay()
    assert "Cancel payment</a>" in text(client.get(page_of(payment)))
    assert told(cancel(client, payment))[0][0] == "success"
    cancellation = the_cancellation(payment)
    assert cancellation.requested_by is None
    assert cancellation.requested_by_name == "li@members.example"
    many = [pay(f"order-{number}") for number in range(2, 13)]
    cancel(client, *many)
    assert Cancellation.objects.filter(requested_by_name="li@members.example").count() == 12
    assert not LogEntry.objects.exists()
