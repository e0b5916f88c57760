"""record_payment: facts only grow, contradictions are refused. Bulk requests: what they omit."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment

pytestmark = pytest.mark.django_db(transaction=True)


def refused(**facts):
    """Return the field that record_payment refuses, and why."""
    with pytest.raises(ValidationError) as error:
        services.record_payment(**facts)
    [(field, [sentence])] = error.value.message_dict.items()
    return field, sentence


@pytest.mark.parametrize(
    "amount",
    [{"amount_value": 1250}, {"amount_currency": "USD"}],
)
def test_an_amount_without_its_currency_is_refused(amount):
    assert refused(payment_request_id="request-1", **amount) == (
        "amount_value",
        "amount_value and amount_currency are given together.",
    )


def test_ids_of_two_payments_are_refused():
    services.record_payment(payment_request_id="request-1")
    services.record_payment(payment_id="payment-2")
    field, sentence = refused(payment_request_id="request-1", payment_id="payment-2")
    assert field == "payment_id"
    assert "two different payments of the merchant 'default'" in sentence


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("payment_id", {"payment_id": "payment-2"}),
        ("amount_value", {"amount_value": 999, "amount_currency": "USD"}),
        ("amount_currency", {"amount_value": 1250, "amount_currency": "EUR"}),
    ],
)
def test_what_contradicts_the_record_is_refused(field, other):
    recorded = {"payment_id": "payment-1", "amount_value": 1250, "amount_currency": "USD"}
    services.record_payment(payment_request_id="request-1", **recorded)
    refused_field, sentence = refused(payment_request_id="request-1", **other)
    assert refused_field == field
    assert "is recorded with" in sentence
    assert Payment.objects.values(*recorded).get() == recorded


def test_an_amount_of_zero_is_known_and_not_changed():
    facts = {"payment_request_id": "request-1", "amount_currency": "USD"}
    services.record_payment(**facts, amount_value=0)
    assert refused(**facts, amount_value=5)[0] == "amount_value"
    assert services.record_payment(**facts, amount_value=0).amount_value == 0


def test_the_same_ids_of_two_merchants_are_two_payments():
    one = services.record_payment(payment_request_id="request-1")
    two = services.record_payment(payment_request_id="request-1", merchant="asia")
    assert one != two


def test_an_unknown_source_is_refused(gateway, pay):
    payment = pay()
    with pytest.raises(ValidationError, match="source must be one of code, admin, api, no_result"):
        services.request_cancellation(payment, source="fax")
    assert not Cancellation.objects.exists()


def test_a_bulk_request_tells_of_ids_that_cannot_be_sent(gateway):
    Payment.objects.bulk_create([Payment(payment_request_id="with blank ", paid_at=timezone.now())])
    report = services.request_cancellations(Payment.objects.all())
    assert (report.requested, report.total) == (0, 1)
    [sentence] = report.refused.values()
    assert "payment_request_id must not be empty nor have blanks at its ends" in sentence


def test_a_payment_read_from_a_replica_is_cancelled_where_rows_are_written(gateway, pay, settings):
    class WritesGoToDefault:
        def db_for_write(self, model, **hints):
            return "default"

    settings.DATABASE_ROUTERS = [WritesGoToDefault()]
    payment = pay()
    payment._state.db = "replica"  # as `using("replica")` would leave it
    assert services.cancel_payment(payment).status == "SUCCEEDED"
    assert payment._state.db == "default"


def test_one_cancellation_is_worked_on_by_its_key_and_only_when_it_is_due(gateway, pay):
    payment = pay()
    cancellation = services.request_cancellation(payment)
    assert services.process_cancellation(cancellation.pk) == "SUCCEEDED"
    assert services.process_cancellation(str(cancellation.pk)) == "SUCCEEDED"
    assert len(gateway.calls) == 1
    with pytest.raises(Cancellation.DoesNotExist):
        services.process_cancellation(payment.pk)
