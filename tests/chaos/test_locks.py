"""Rows that somebody else has locked and forgotten delay nobody but themselves."""

from __future__ import annotations

import os

import pytest

from tests.chaos.gateway import wait_until

pytestmark = pytest.mark.chaos

WISHES = 200 if os.environ.get("NIGHTLY") else 20
PAYMENT = "django_alipay_cancel_payment"
WISH = "django_alipay_cancel_cancellation"


def of(number):
    return f"SELECT id FROM {PAYMENT} WHERE payment_request_id = 'order-{number}'"


def test_locks_from_before_the_claim(run, right):
    run.wish(WISHES)
    with (
        run.server.locked(PAYMENT, f"id IN ({of(0)})"),
        run.server.locked(WISH, f"payment_id IN ({of(1)})"),
    ):
        worker = run.start_worker("--loop")
        wait_until(lambda: run.shop.order("left") == 2)
        worker.stop()
    run.start_worker("--loop")
    right(run.finish())


def test_locks_that_are_taken_during_the_call(run, right):
    run.wish(WISHES)
    run.gateway.keep_back()
    run.start_worker("--loop")
    run.wait_for_calls(4)
    asked = ", ".join(f"'{flight.payment}'" for flight in run.gateway.flights[:2])
    with run.server.locked(PAYMENT, f"payment_request_id IN ({asked})"):
        run.gateway.let_go()
        wait_until(lambda: run.shop.order("left") == 2)
    right(run.finish())
