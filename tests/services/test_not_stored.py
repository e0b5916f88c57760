"""A row whose answers cannot be stored ends: first with less, then with a person."""

from __future__ import annotations

import pytest
from django.db import connection

from django_alipay_cancel import services, signals
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Gateway
from tests.servers import require_suite_on
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)

TABLE = CancellationAttempt._meta.db_table


@pytest.fixture
def refuse():
    """Let the database refuse updates of an attempt, by a trigger, as a defect of its would."""
    require_suite_on("sqlite", "TEST_DATABASE_URL")

    def when(condition):
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TRIGGER refuse BEFORE UPDATE ON {TABLE} WHEN {condition} "
                "BEGIN SELECT RAISE(ABORT, 'no'); END"
            )

    yield when
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS refuse")


def work(clock, passes):
    for _ in range(passes):
        clock.shift(120)
        services.process_due_cancellations()


def test_what_cannot_be_noted_about_the_gateway_costs_no_answer(gateway, pay, caplog):
    payment = pay()
    table = Gateway._meta.db_table

    def take_away(call):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        connection.close()

    gateway.before_answer = take_away
    try:
        services.cancel_payment(payment)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
    assert rows(payment)["payment"] == "CANCELLED"
    assert "Not noted how the gateway of the merchant default is" in caplog.text


def test_what_can_be_stored_without_its_texts_is(gateway, pay, clock, refuse, caplog):
    caplog.set_level("INFO")
    payment = pay()
    services.request_cancellation(payment)
    refuse("NEW.response_body <> ''")
    work(clock, 1)
    assert rows(payment)["cancellations"][0][0] == "PENDING"
    assert "YES" in caplog.text, "the answer is in the log before it is stored"
    work(clock, 2)
    assert rows(payment)["payment"] == "CANCELLED"
    assert CancellationAttempt.objects.last().said == "YES"


def test_what_cannot_be_stored_at_all_ends_with_a_person(gateway, pay, clock, refuse):
    told = []

    def receive(sender, cancellation, **kwargs):
        told.append(cancellation.error)

    signals.cancellation_needs_review.connect(receive)
    payment = pay()
    services.request_cancellation(payment)
    refuse("NEW.said <> ''")
    work(clock, 8)
    signals.cancellation_needs_review.disconnect(receive)
    assert rows(payment)["cancellations"] == [
        ("NEEDS_REVIEW", "", "not_stored", "FIX_CONFIGURATION")
    ]
    assert told == ["not_stored"]
    assert len(gateway.calls) <= 4
    assert Cancellation.objects.get().next_attempt_at is not None
    clock.shift(3600)
    cancellation = Cancellation.objects.get()
    services.close_cancellation(cancellation, cancelled=True, closed_by="Ms Li", note="by phone")
    assert rows(payment)["payment"] == "CANCELLED"
