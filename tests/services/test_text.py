"""Every character is stored; what a connection cannot carry is escaped, or refused by name."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, models

from django_alipay_cancel import services
from django_alipay_cancel.models import (
    Cancellation,
    CancellationAttempt,
    Gateway,
    Payment,
    PaymentEvent,
    Worker,
)
from django_alipay_cancel.testing import Fault
from tests.servers import require_suite_on

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = (Payment, Cancellation, CancellationAttempt, PaymentEvent, Gateway, Worker)
WIDE = "取消 😀"


@pytest.fixture
def narrow():
    """Let this connection carry less than every character, as a setting of it would."""
    if connection.vendor == "sqlite":
        require_suite_on("postgresql", "TEST_POSTGRES_URL")
        require_suite_on("mysql", "TEST_MARIADB_URL")
    with connection.cursor() as cursor:
        cursor.execute(
            "SET client_encoding TO 'LATIN1'"
            if connection.vendor == "postgresql"
            else "SET NAMES utf8mb3"
        )
    yield
    connection.close()


def test_every_character_of_a_person_and_of_alipay_is_stored(gateway, pay):
    payment = pay(reference=WIDE)
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="SUCCESS", result_message=WIDE)
    cancellation = services.cancel_payment(payment, reason=WIDE, requested_by=WIDE)
    cancellation.refresh_from_db()
    assert (cancellation.reason, cancellation.requested_by_name) == (WIDE, WIDE)
    attempt = cancellation.attempts.filter(kind="cancel").get()
    assert attempt.result_message == WIDE


def test_an_answer_that_the_connection_cannot_carry_is_stored_escaped(gateway, pay, narrow):
    gateway.misbehave(Fault.RESULT, api="cancel", result_code="SUCCESS", result_message="好 😀")
    payment = pay()
    cancellation = services.cancel_payment(payment)
    attempt = cancellation.attempts.filter(kind="cancel").get()
    assert attempt.said == "S_UNBOUND"
    assert "\\U0001f600" in attempt.result_message
    assert attempt.result_message.isascii()
    assert gateway.calls_for("payment-order-1", "cancel")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("reason", lambda payment: services.request_cancellation(payment, reason="😀")),
        ("reason", lambda payment: services.cancel_payment(payment, reason="😀")),
        (
            "reference",
            lambda payment: services.record_payment(payment_id="another", reference="😀"),
        ),
        ("payment_id", lambda payment: services.record_payment(payment_id="😀")),
    ],
)
def test_a_persons_text_that_cannot_be_stored_is_refused_by_name(gateway, pay, narrow, name, call):
    payment = pay()
    with pytest.raises(ValidationError) as refused:
        call(payment)
    assert list(refused.value.message_dict) == [name]
    assert not Cancellation.objects.exists()
    assert gateway.calls_for("payment-order-1", "cancel") == ()
    assert Payment.objects.get().status == "SUCCESS"


def test_a_note_that_cannot_be_stored_is_refused_by_name(in_review, clock, narrow):
    cancellation = in_review()
    clock.shift(3600)
    with pytest.raises(ValidationError) as refused:
        services.close_cancellation(cancellation, cancelled=True, closed_by="Ms Li", note="好 😀")
    assert list(refused.value.message_dict) == ["note"]
    assert Cancellation.objects.get().status == "NEEDS_REVIEW"


def test_rest_names_the_field_whose_text_cannot_be_stored(pay, staff, narrow):
    payment = pay()
    client = staff("clerk", "cancel_payment", "view_payment", "view_cancellation")
    response = client.post(
        f"/alipay/payments/{payment.pk}/cancellations/",
        {"reason": "😀"},
        content_type="application/json",
    )
    assert (response.status_code, response.json()["field"]) == (400, "reason")


# Or three capital letters, which are looked at before they are stored.
WORDS_OF_OURS = {
    "id",
    "amount_currency",
    "refund_currency",
    "cause",
    "version",
    "said",
    "result_status",
}


def test_columns_of_text_take_every_character_whatever_the_database_says():
    require_suite_on("mysql", "TEST_MARIADB_URL")
    for model in MODELS:
        with connection.schema_editor(collect_sql=True) as editor:
            editor.create_model(model)
        created = editor.collected_sql[0]
        for field in model._meta.concrete_fields:
            if not isinstance(field, (models.CharField, models.TextField)) or field.choices:
                continue
            if field.name in WORDS_OF_OURS:
                continue
            column = created.split(f"`{field.column}` ", 1)[1].split(", `", 1)[0]
            assert "COLLATE `utf8mb4_" in column, field
