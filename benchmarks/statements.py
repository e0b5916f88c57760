"""How many SQL statements an attempt takes, BEGIN and COMMIT among them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks.figures import Figure
from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.worker import process_these
from django_alipay_cancel.testing import FakeAlipay, Fault

LIMIT = 16
REPEATED = 8
_numbers = count()


def measure() -> list[Figure]:
    """Count on the database of this process; a gateway of its own misbehaves as needed."""
    with FakeAlipay() as gateway:
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant_settings()}}
        services.cancel_payment(_payments(gateway, 1)[0])  # connections are made, types are known
        return [
            _inline(gateway),
            _in_bulk(gateway, 20),
            _by_a_task(gateway),
            _by_the_worker(gateway, 20),
            _by_the_worker(gateway, 1),
            _repeated(gateway),
            _in_doubt(gateway),
        ]


def _inline(gateway: FakeAlipay) -> Figure:
    (payment,) = _payments(gateway, 1)
    return _figure("cancel_payment, S", lambda: services.cancel_payment(payment), judged=True)


def _in_bulk(gateway: FakeAlipay, number: int) -> Figure:
    payments = _payments(gateway, number)

    def act() -> None:
        services.request_cancellations(payments)
        process_these([payment.pk for payment in payments])

    return _figure(f"cancel_payments, S, {number} payments", act, judged=True)


def _by_a_task(gateway: FakeAlipay) -> Figure:
    cancellation = services.request_cancellation(_payments(gateway, 1)[0])
    return _figure(
        "process_cancellation in a task queue, S",
        lambda: services.process_cancellation(cancellation.pk),
        judged=True,
    )


def _by_the_worker(gateway: FakeAlipay, number: int) -> Figure:
    # Not judged: the four statements of a claim come on top, for all rows claimed together.
    services.request_cancellations(_payments(gateway, number))
    what = f"worker, S, {number} rows due at once" if number > 1 else "worker, S, one row due"
    return _figure(what, services.process_due_cancellations, judged=False)


def _repeated(gateway: FakeAlipay) -> Figure:
    payments = _payments(gateway, REPEATED)
    gateway.misbehave(Fault.UNKNOWN_RESULT, calls=REPEATED * 3)
    services.request_cancellations(payments)
    for _ in range(2):
        services.process_due_cancellations()
        _fall_due()
    what = f"worker, third repeat: inquiry and cancel, {REPEATED} rows"
    return _figure(what, services.process_due_cancellations, judged=False)


def _in_doubt(gateway: FakeAlipay) -> Figure:
    (payment,) = _payments(gateway, 1)
    gateway.misbehave(Fault.RESULT, result_code="PROCESS_FAIL", result_status="F")
    return _figure(
        "cancel_payment, F in doubt: cancel and inquiry",
        lambda: services.cancel_payment(payment),
        judged=False,
    )


def _payments(gateway: FakeAlipay, number: int) -> list[Payment]:
    payments = []
    for n in (next(_numbers) for _ in range(number)):
        gateway.add_payment(payment_request_id=f"counted-{n}", method="card")
        payments.append(
            services.record_payment(payment_request_id=f"counted-{n}", paid_at=timezone.now())
        )
    return payments


def _fall_due() -> None:
    waiting = Cancellation.objects.filter(next_attempt_at__isnull=False)
    waiting.update(next_attempt_at=timezone.now())


def _figure(what: str, act: Callable[[], Any], *, judged: bool) -> Figure:
    attempts_before = CancellationAttempt.objects.count()
    with CaptureQueriesContext(connection) as statements:
        act()
    attempts = CancellationAttempt.objects.count() - attempts_before
    per_attempt = len(statements) / attempts
    return Figure(
        what=f"SQL: {what}",
        measured=f"{per_attempt:.1f} statements per attempt",
        against=_kinds([statement["sql"] for statement in statements], attempts),
        ratio=per_attempt / LIMIT,
        limit=1.0 if judged else None,
    )


def _kinds(statements: list[str], attempts: int) -> str:
    kinds: dict[str, int] = {}
    for sql in statements:
        kind = sql.split(maxsplit=1)[0].rstrip(";").upper()
        kinds[kind] = kinds.get(kind, 0) + 1
    return ", ".join(f"{number / attempts:.1f} {kind}" for kind, number in kinds.items())
