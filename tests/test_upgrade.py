"""A database of the first migration, with rows in it, comes through every later one.

Nothing is released, and there is one migration: what is proven is that rows which name no column of
refunds, as code that knows none would write them, keep their meaning with those columns at their
defaults, refunds switched on or off, and that rows which are refunded, or being refunded, are
written, kept and carried on by what the migration made. From the second migration on the same test
proves the upgrade.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.alipay.refunds import refund_body
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

pytestmark = pytest.mark.django_db(transaction=True)

APP = "django_alipay_cancel"
REFUND_COLUMNS = ("or_refund", "means", "refund_id", "refund_value", "refund_currency")
NEUTRAL = (False, "cancel", "", None, "")


def migrate(*targets: tuple[str, str | None]) -> Any:
    """Migrate to these; return the models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    # Fresh, because an executor goes on with what it knew before.
    loader = MigrationExecutor(connection).loader
    applied = [node for node in loader.graph.nodes if node in loader.applied_migrations]
    return loader.project_state([node for node in applied if node[0] == APP]).apps


def migrations() -> list[tuple[str, str]]:
    """Return this app's migrations, in the order in which they are applied."""
    graph = MigrationExecutor(connection).loader.graph
    (last,) = graph.leaf_nodes(APP)
    return [node for node in graph.forwards_plan(last) if node[0] == APP]


@pytest.fixture
def before_the_first() -> Iterator[None]:
    """Take this app's tables away, and put all of them back in the end."""
    migrate((APP, None))
    yield
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())


def insert_rows(apps: Any) -> dict[str, Any]:
    """Write what the first release may have left: finished, in review, due, and never asked."""
    payment_model, cancellation_model, attempt_model = (
        apps.get_model(APP, name) for name in ("Payment", "Cancellation", "CancellationAttempt")
    )
    now = timezone.now()
    keys = {}
    for name, (paid, cancelled) in {
        "finished": ("CANCELLED", "SUCCEEDED"),
        "review": ("CANCELLING", "NEEDS_REVIEW"),
        "due": ("CANCELLING", "PENDING"),
        "whole": ("SUCCESS", None),
    }.items():
        payment = payment_model.objects.create(
            payment_request_id=f"request-{name}", reference=name, status=paid, paid_at=now
        )
        keys[name] = payment.pk
        if cancelled is None:
            continue
        is_open = cancelled != "SUCCEEDED"
        cancellation = cancellation_model.objects.create(
            payment=payment,
            open_for=payment if is_open else None,
            source="code",
            reason="out of stock",
            status=cancelled,
            created_at=now,
            asked_at=now,
            next_attempt_at=now if cancelled == "PENDING" else None,
            finished_at=None if is_open else now,
        )
        attempt_model.objects.create(
            payment=payment,
            cancellation=cancellation,
            claim_until=now,
            number=1,
            kind="cancel",
            client_id="client",
            sent_at=now,
            finished_at=now,
            outcome="UNKNOWN" if is_open else "SUCCEEDED",
            request_body=f'{{"paymentRequestId":"request-{name}"}}',
        )
    return keys


def insert_refunds(apps: Any) -> dict[str, Any]:
    """Write a refund that is done, and one whose answer nobody has read yet."""
    payment_model, cancellation_model, attempt_model = (
        apps.get_model(APP, name) for name in ("Payment", "Cancellation", "CancellationAttempt")
    )
    now = timezone.now() - timedelta(hours=1)
    keys = {}
    for name, status, wish in (
        ("refunded", "REFUNDED", "REFUNDED"),
        ("refunding", "REFUNDING", "PENDING"),
    ):
        done = wish == "REFUNDED"
        payment = payment_model.objects.create(
            payment_request_id=f"request-{name}",
            payment_id=f"payment-{name}",
            amount_value=1250,
            amount_currency="USD",
            reference=name,
            status=status,
            paid_at=now,
            refunded_at=now if done else None,
        )
        keys[name] = payment.pk
        cancellation = cancellation_model.objects.create(
            payment=payment,
            open_for=None if done else payment,
            source="code",
            status=wish,
            or_refund=True,
            means="refund",
            refund_value=1250,
            refund_currency="USD",
            created_at=now,
            asked_at=now,
            next_attempt_at=None if done else now,
            finished_at=now if done else None,
        )
        attempt_model.objects.create(
            payment=payment,
            cancellation=cancellation,
            claim_until=now,
            number=1,
            kind="refund",
            client_id="client",
            sent_at=now,
            finished_at=now,
            said="ACCEPTED" if done else "",
            outcome="SUCCEEDED" if done else "UNKNOWN",
            request_body=refund_body(
                refund_request_id=cancellation.pk.hex,
                payment_id=payment.payment_id,
                value=1250,
                currency="USD",
                notify_url=None,
            ),
        )
    return keys


def told(payments: Any) -> dict[str, str]:
    return dict(payments.values_list("reference", "status"))


def come_through_all(insert: Any) -> dict[str, Any]:
    """Insert rows after the first migration, and apply the others, one by one."""
    first, *later = migrations()
    keys: dict[str, Any] = insert(migrate(first))
    for migration in later:
        migrated = migrate(migration).get_model(APP, "Payment")
        assert set(told(migrated.objects)) == set(keys), migration
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())
    return keys


@pytest.mark.parametrize("refunds", [False, True])
def test_rows_of_the_first_migration_come_through_all_others(
    before_the_first: None, gateway: Any, settings: Any, refunds: bool
) -> None:
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": refunds}
    keys = come_through_all(insert_rows)
    assert told(Payment.objects) == {
        "finished": "CANCELLED",
        "review": "CANCELLING",
        "due": "CANCELLING",
        "whole": "SUCCESS",
    }
    assert set(Cancellation.objects.values_list("reason", flat=True)) == {"out of stock"}
    assert set(Payment.objects.values_list("refunded_at", "refunded_value")) == {(None, None)}
    assert set(Cancellation.objects.values_list(*REFUND_COLUMNS)) == {NEUTRAL}
    assert set(CancellationAttempt.objects.values_list("refund_status", flat=True)) == {""}
    for name in keys:
        gateway.add_payment(payment_request_id=f"request-{name}")
    services.process_due_cancellations()
    services.retry_cancellation(Cancellation.objects.get(payment=keys["review"]))
    services.process_due_cancellations()
    services.cancel_payment(Payment.objects.get(pk=keys["whole"]))
    assert told(Payment.objects) == dict.fromkeys(keys, "CANCELLED")
    assert CancellationAttempt.objects.count() == 6
    # Without a wish that says so, nobody is refunded.
    assert set(CancellationAttempt.objects.values_list("kind", flat=True)) == {"cancel"}
    assert set(Cancellation.objects.values_list(*REFUND_COLUMNS)) == {NEUTRAL}


@pytest.mark.parametrize("refunds", [False, True])
def test_refunds_come_through_all_migrations_and_are_carried_on(
    before_the_first: None, gateway: Any, settings: Any, refunds: bool
) -> None:
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": refunds}
    keys = come_through_all(insert_refunds)
    assert told(Payment.objects) == {"refunded": "REFUNDED", "refunding": "REFUNDING"}
    for name in keys:
        gateway.add_payment(
            payment_request_id=f"request-{name}",
            payment_id=f"payment-{name}",
            amount_value=1250,
        )
    gateway.refund_elsewhere("request-refunded")
    # The answer of this one was lost and nothing had arrived: the same refund is asked for again.
    for _ in range(3):
        Cancellation.objects.filter(status="PENDING").update(next_attempt_at=timezone.now())
        services.process_due_cancellations()
    assert told(Payment.objects) == dict.fromkeys(keys, "REFUNDED")
    (made,) = gateway.payment("request-refunding").refunds
    wish = Cancellation.objects.get(payment=keys["refunding"])
    assert (made.request_id, made.value) == (wish.pk.hex, 1250)
    assert len(gateway.payment("request-refunded").refunds) == 1
    again = services.cancel_payment(Payment.objects.get(pk=keys["refunded"]))
    assert again.status == "REFUNDED", "nothing is sent for it any more"
