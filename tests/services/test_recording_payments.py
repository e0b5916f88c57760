"""record_payment: facts only grow, contradictions are refused. Bulk requests: what they omit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.clock import storable
from django_alipay_cancel.models import Cancellation, Payment
from tests.meanwhile import elsewhere, meanwhile

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

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


def test_the_shop_may_say_that_alipay_changed_the_amount():
    def record(value, hours, **facts):
        return services.record_payment(
            payment_id="payment-1",
            amount_value=value,
            amount_currency="USD",
            amount_updated_at=None if hours is None else NOON + timedelta(hours=hours),
            **facts,
        )

    record(1000, None)
    assert record(1500, 2, paid_at=NOON).status == "SUCCESS"
    record(1200, 1)  # came late: true before the change above
    record(1000, None)
    record(1500, 2)
    payment = Payment.objects.get()
    assert payment.amount_value == 1500
    assert payment.amount_updated_at == storable(NOON + timedelta(hours=2))
    changes = payment.events.filter(kind="amount_changed")
    assert [(each.text, each.source) for each in changes] == [("10.00 USD -> 15.00 USD", "shop")]
    with pytest.raises(ValidationError, match="is recorded with 1500"):
        record(999, None)


def test_a_change_of_an_amount_is_told_with_the_amount():
    assert refused(payment_id="payment-1", amount_updated_at=NOON)[0] == "amount_updated_at"
    assert (
        refused(
            payment_id="payment-1",
            amount_value=1,
            amount_currency="USD",
            amount_updated_at="2026-01-01",
        )[0]
        == "amount_updated_at"
    )


def test_of_two_changes_at_once_the_newer_one_is_kept():
    services.record_payment(payment_id="payment-1", amount_value=1000, amount_currency="USD")

    def newer():
        services.record_payment(
            payment_id="payment-1",
            amount_value=2000,
            amount_currency="USD",
            amount_updated_at=NOON + timedelta(hours=1),
        )

    with meanwhile("UPDATE", Payment, elsewhere(newer)):
        services.record_payment(
            payment_id="payment-1",
            amount_value=1500,
            amount_currency="USD",
            amount_updated_at=NOON,
        )
    payment = Payment.objects.get()
    assert payment.amount_value == 2000
    assert payment.events.filter(kind="amount_changed").count() == 1


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
