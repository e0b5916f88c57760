"""Inside a shop's transaction that shows old rows, what decides is what was committed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.testing import Fault
from tests.servers import require_suite_on

pytestmark = pytest.mark.django_db(transaction=True)

IDS = {"payment_request_id": "request-new", "payment_id": "new"}


def elsewhere(work):
    """Do `work` in another thread, with a connection of its own, to its commit."""

    def done():
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(done).result()


@contextmanager
def isolated(level):
    """Let this process's connections have this isolation level."""
    options = connection.settings_dict["OPTIONS"]
    before = dict(options)
    connection.close()
    options["isolation_level"] = level
    yield
    connection.close()
    options.clear()
    options.update(before)


@pytest.fixture(params=["repeatable read", None])
def old_rows(request, transactional_db):
    """Return what begins to see, in a transaction of MariaDB, the rows that are there now."""
    require_suite_on("mysql", "TEST_MARIADB_URL")
    with isolated(request.param):
        yield Payment.objects.count


@pytest.fixture
def repeatable_read(transactional_db):
    require_suite_on("postgresql", "TEST_POSTGRES_URL")
    from psycopg import IsolationLevel

    with isolated(IsolationLevel.REPEATABLE_READ):
        yield


def test_a_payment_recorded_by_somebody_else_meanwhile_is_found(gateway, old_rows):
    with transaction.atomic():
        old_rows()
        theirs = elsewhere(lambda: services.record_payment(**IDS))
        ours = services.record_payment(**IDS, paid_at=timezone.now())
    assert ours.pk == theirs.pk
    assert Payment.objects.get().status == "SUCCESS"


def test_a_cancellation_begun_by_somebody_else_meanwhile_is_returned(pay, old_rows):
    payment = pay()
    with transaction.atomic():
        old_rows()
        theirs = elsewhere(lambda: services.request_cancellation(Payment.objects.get()))
        ours = services.request_cancellation(payment)
    assert ours.pk == theirs.pk


def test_a_cancel_made_by_somebody_else_meanwhile_is_not_overlooked(gateway, pay, old_rows):
    """Seen from the old rows nothing was sent, and a payment that fails would be let go."""
    payment = pay(status="PROCESSING")
    cancellation = services.request_cancellation(payment, source="no_result")
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel")

    with transaction.atomic():
        old_rows()
        elsewhere(lambda: services.process_due_cancellations())
        services.record_payment(payment_id=payment.payment_id, paid_at=timezone.now())
    cancellation.refresh_from_db()
    assert cancellation.attempts.filter(kind="cancel").count() == 1
    assert cancellation.status == "PENDING", "a cancel that may take effect is under way"


def test_postgresql_throws_out_what_was_overtaken_and_the_shop_repeats_it(pay, repeatable_read):
    payment = pay()
    with pytest.raises(OperationalError, match="could not serialize"), transaction.atomic():
        assert Cancellation.objects.count() == 0
        elsewhere(lambda: services.request_cancellation(Payment.objects.get()))
        services.request_cancellation(payment)
    payment.refresh_from_db()
    assert services.request_cancellation(payment) == Cancellation.objects.get()
