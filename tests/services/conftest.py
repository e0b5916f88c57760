"""What the service tests share: a look at the tables, a still clock, and a shop with a replica."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
import time_machine
from django.db import connections
from django.test import override_settings

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from tests.services.routers import Elsewhere, ReadsElsewhere


def rows(payment: Payment) -> dict:
    """Return what the three tables hold of a payment, in short."""
    stored = Payment.objects.get(pk=payment.pk)
    return {
        "payment": stored.status,
        "cancellations": [
            (c.status, c.result_code, c.error, c.next_step)
            for c in Cancellation.objects.filter(payment=payment).order_by("created_at")
        ],
        "attempts": [
            (a.kind, a.outcome, a.result_code, a.error)
            for a in CancellationAttempt.objects.filter(cancellation__payment=payment).order_by(
                "cancellation__created_at", "number"
            )
        ],
    }


@pytest.fixture
def still():
    """Let this process's time stand: `still.shift(seconds)` moves it on."""
    with time_machine.travel(time.time(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def replica():
    """Return a context in which only what is read from where it is written can be read."""

    def begin():
        return override_settings(DATABASE_ROUTERS=[ReadsElsewhere()])

    return begin


@pytest.fixture
def elsewhere(transactional_db):
    """Return a context with another way to the database, in which the default one is refused."""
    default = connections["default"]

    def refuse(execute, sql, *arguments):
        raise AssertionError(f"to the default database: {sql}")

    @contextmanager
    def begin():
        with override_settings(DATABASE_ROUTERS=[Elsewhere()]), default.execute_wrapper(refuse):
            yield

    # Connected by hand: a test that begins to use a database it has not named is stopped.
    connections.settings["elsewhere"] = default.settings_dict
    connections["elsewhere"] = default.copy("elsewhere")
    connections["elsewhere"].connect()
    yield begin
    connections["elsewhere"].close()
    del connections["elsewhere"], connections.settings["elsewhere"]
