"""The REST routes under the settings that projects have."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle

from django_alipay_cancel.api.base import AlipayView
from django_alipay_cancel.api.endpoints import PaymentCancellations
from django_alipay_cancel.models import Cancellation, CancellationAttempt
from tests.api.conftest import ask, cancellations_of, is_error

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_works_under_atomic_requests(monkeypatch, gateway, pay, clerk):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    payment = pay()
    seen = []
    # Seen over another connection while the call is under way: the attempt is committed.
    gateway.before_answer = lambda call: (
        seen.append(CancellationAttempt.objects.get().outcome),
        connection.close(),
    )
    assert ask(clerk, payment).status_code == 201
    assert seen == ["OPEN"]
    gateway.before_answer = None
    assert clerk.post(f"/alipay/payments/{payment.pk}/refresh/").status_code == 200


def test_the_views_are_exempt_on_every_database(monkeypatch):
    settings = {**connections.settings["default"], "ATOMIC_REQUESTS": True}
    monkeypatch.setitem(connections.settings, "payments", settings)
    view = PaymentCancellations.as_view()
    assert view._non_atomic_requests == {"default", "payments"}


def test_settings_that_cannot_work_are_503_and_tell_no_key(settings, gateway, pay, clerk, caplog):
    payment = pay()
    key = settings.ALIPAY_CANCEL["MERCHANTS"]["default"]["PRIVATE_KEY"][:-100]
    merchant = {**gateway.merchant_settings(), "PRIVATE_KEY": key}
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": merchant}}
    for response in (ask(clerk, payment), clerk.post(f"/alipay/payments/{payment.pk}/refresh/")):
        assert is_error(response, 503, "configuration")
        assert response.json()["next_step"] == "FIX_CONFIGURATION"
        assert "PRIVATE_KEY" not in response.content.decode()
    assert "['PRIVATE_KEY']" in caplog.text
    assert not any(line in caplog.text for line in key.splitlines()[1:2])
    assert not Cancellation.objects.exists()


def test_a_database_that_does_not_answer_is_503_and_worth_another_try(pay, clerk, caplog):
    payment = pay()

    def break_down(execute, sql, params, many, context):
        if "django_alipay_cancel_payment" in sql:
            raise OperationalError("server closed the connection unexpectedly")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(break_down):
        response = clerk.get(f"/alipay/payments/{payment.pk}/")
    assert is_error(response, 503, "unavailable")
    assert response["Retry-After"] == "5"
    assert "server closed" not in response.content.decode()
    assert any(record.exc_info for record in caplog.records)


def reads_the_body(get_response):
    """A middleware that logs what comes in, say."""

    def middleware(request):
        assert request.body is not None
        return get_response(request)

    return middleware


def test_a_middleware_that_has_read_the_body_leaves_it_to_us(settings, pay, clerk):
    settings.MIDDLEWARE = [f"{__name__}.reads_the_body", *settings.MIDDLEWARE]
    payment = pay()
    assert is_error(ask(clerk, payment, {"x": 1}), 400, "unknown")
    assert ask(clerk, payment, {"reason": "ordered twice"}).json()["reason"] == "ordered twice"


def test_recorded_ids_that_cannot_be_sent_are_no_fault_of_the_request(pay, clerk):
    payment = pay()
    type(payment).objects.update(payment_id="payment-order-1 ")
    response = ask(clerk, payment)
    assert is_error(response, 409, "invalid_payment")
    assert response.json()["next_step"] == "CHECK_PAYMENT_ID"


class TestThrottle:
    """The scope "alipay_cancel", for what calls Alipay."""

    @pytest.fixture(autouse=True)
    def empty_cache(self):
        from django.core.cache import cache

        cache.clear()

    def test_a_rate_of_the_project_is_kept_to(self, settings, pay, person, signed_in, clerk):
        settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"alipay_cancel": "2/hour"}}
        payment = pay()
        assert [ask(clerk, payment).status_code for _ in range(2)] == [201, 200]
        refused = ask(clerk, payment)
        assert is_error(refused, 429, "throttled")
        assert 3590 <= int(refused["Retry-After"]) <= 3600
        assert clerk.get(cancellations_of(payment)).status_code == 200
        other = signed_in(person("other", "cancel_payment"))
        assert ask(other, payment).status_code == 200

    def test_without_a_rate_nothing_is_throttled(self, settings, pay, clerk):
        settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"user": "1/hour"}}
        payment = pay()
        assert [ask(clerk, payment).status_code for _ in range(3)] == [201, 200, 200]

    def test_the_projects_own_scoped_throttle_does_not_count_twice(
        self, settings, monkeypatch, pay, clerk
    ):
        settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"alipay_cancel": "2/hour"}}
        monkeypatch.setattr(AlipayView, "throttle_classes", [ScopedRateThrottle])
        payment = pay()
        assert [ask(clerk, payment).status_code for _ in range(3)] == [201, 200, 429]

    def test_a_person_is_the_same_by_session_and_by_token(self, settings, pay, person, clerk):
        settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"alipay_cancel": "1/hour"}}
        payment = pay()
        by_token = APIClient()
        by_token.force_authenticate(get_user_model().objects.get(username="clerk"))
        assert [ask(client, payment).status_code for client in (clerk, by_token)] == [201, 429]


def test_a_defect_is_logged_with_its_trace_and_told_in_the_shape(monkeypatch, pay, clerk, caplog):
    # A serializer that breaks: nothing the request could be blamed for.
    monkeypatch.setattr(AlipayView, "context", lambda view: 1 / 0)
    response = clerk.get(f"/alipay/payments/{pay().pk}/")
    assert is_error(response, 500, "error")
    assert "ZeroDivisionError" not in response.content.decode()
    (record,) = [r for r in caplog.records if r.levelno == logging.ERROR and r.exc_info]
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.django_db(transaction=True)
def test_it_works_over_a_real_connection(live_server, pay, person):
    import requests
    from django.contrib.sessions.backends.db import SessionStore  # noqa: F401

    client = APIClient()
    client.force_login(person("clerk", "cancel_payment"))
    token = "x" * 32
    session = requests.Session()
    session.cookies.set("sessionid", client.cookies["sessionid"].value)
    session.cookies.set("csrftoken", token)
    session.headers["X-CSRFToken"] = token
    address = live_server.url + cancellations_of(pay())
    large = session.post(address, json={"reason": "x" * 10_000_000}, timeout=10)
    assert large.status_code == 413
    asked = session.post(address, timeout=10)  # no body at all
    assert asked.status_code == 201
    followed = session.get(live_server.url + asked.headers["Location"], timeout=10)
    assert followed.json()["status"] == "SUCCEEDED"
