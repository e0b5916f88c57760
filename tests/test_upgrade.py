"""A database of the first migration, with rows in it, comes through every later one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

pytestmark = pytest.mark.django_db(transaction=True)

APP = "django_alipay_cancel"


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


def told(payments: Any) -> dict[str, str]:
    return dict(payments.values_list("reference", "status"))


def test_rows_of_the_first_migration_come_through_all_others(
    before_the_first: None, gateway: Any
) -> None:
    first, *later = migrations()
    keys = insert_rows(migrate(first))
    for migration in later:
        migrated = migrate(migration).get_model(APP, "Payment")
        assert set(told(migrated.objects)) == set(keys), migration
    migrate(*MigrationExecutor(connection).loader.graph.leaf_nodes())

    assert told(Payment.objects) == {
        "finished": "CANCELLED",
        "review": "CANCELLING",
        "due": "CANCELLING",
        "whole": "SUCCESS",
    }
    assert set(Cancellation.objects.values_list("reason", flat=True)) == {"out of stock"}
    for name in keys:
        gateway.add_payment(payment_request_id=f"request-{name}")
    services.process_due_cancellations()
    services.retry_cancellation(Cancellation.objects.get(payment=keys["review"]))
    services.process_due_cancellations()
    services.cancel_payment(Payment.objects.get(pk=keys["whole"]))
    assert told(Payment.objects) == dict.fromkeys(keys, "CANCELLED")
    assert CancellationAttempt.objects.count() == 6
