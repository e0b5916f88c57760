"""No statement reads a growing table through: EXPLAIN ANALYZE says so, among very many rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from benchmarks.filling import fill
from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services.worker import process_these
from django_alipay_cancel.testing import Fault
from tests.plans import plans_seen

# The filling is made by hand, and to look for broken rows in all of it takes longer than the tests.
pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.broken_rows]

# Of them two thirds have a cancellation: each table is several times as large as MOST.
ROWS = 60_000
# The admin counts to 10,000 and one, among rows of which the half may be of another kind.
MOST = 30_000
ADMIN = "/admin/django_alipay_cancel"


@pytest.fixture(scope="module")
def _filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Fill the tables once for all tests of this module; they only add to it."""
    if connection.vendor == "sqlite":
        pytest.skip("plans are looked at on PostgreSQL and MariaDB")
    with django_db_blocker.unblock():
        fill(ROWS, whole_every=3, seconds_apart=900)
        yield
        call_command("flush", "--no-input", verbosity=0)


@pytest.fixture
def plans_well(_filled: None) -> Callable[[Callable[[], object]], None]:
    """Do something and look at the plan of each statement that it took."""

    def check(act: Callable[[], object]) -> None:
        with plans_seen(MOST) as plans:
            act()
        assert plans.statements, "It asked the database nothing."
        told = "\n".join(f"{sql}\n    {steps}" for sql, steps in plans.large.items())
        assert not plans.large, told

    return check


def test_a_plan_that_reads_a_table_through_is_seen(_filled: None) -> None:
    with plans_seen(MOST) as plans:
        list(Payment.objects.filter(amount_value=-1))
        Cancellation.objects.filter(note="never").update(note="")
        CancellationAttempt.objects.count()
        CancellationAttempt.objects.order_by("trace_id").first()
    assert (len(plans.statements), len(plans.large)) == (4, 4)


def test_a_pass_with_every_kind_of_row(
    plans_well: Any, gateway: Any, pay: Any, settings: Any
) -> None:
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "CANCEL_UNRESOLVED_AFTER": 600}
    services.request_cancellations([pay(name) for name in ("good", "doubtful", "busy", "lost")])
    gateway.misbehave(
        Fault.RESULT, payment="request-doubtful", result_code="PROCESS_FAIL", result_status="F"
    )
    gateway.misbehave(Fault.THROTTLED, payment="request-busy", calls=2)
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, payment="request-lost", calls=3)
    unresolved = pay("unresolved", status="PROCESSING")
    past = timezone.now() - timedelta(minutes=11)
    Payment.objects.filter(pk=unresolved.pk).update(created_at=past, updated_at=past)
    plans_well(services.process_due_cancellations)
    for _ in range(3):
        mine = Cancellation.objects.filter(payment__reference__in=["busy", "lost"])
        mine.filter(finished_at__isnull=True).update(next_attempt_at=timezone.now())
        plans_well(services.process_due_cancellations)


def test_healing_what_crashed_processes_left(plans_well: Any, gateway: Any, pay: Any) -> None:
    payment = pay("crashed")
    cancellation = services.cancel_payment(payment)
    Cancellation.objects.filter(pk=cancellation.pk).update(announce_at=timezone.now())
    CancellationAttempt.objects.create(
        payment=payment,
        cancellation=cancellation,
        claim_until=timezone.now() - timedelta(minutes=4),
        number=2,
        kind="inquiry",
        client_id="client",
        sent_at=timezone.now() - timedelta(minutes=5),
        request_body="{}",
    )
    plans_well(services.process_due_cancellations)
    plans_well(services.worker_is_late)


def test_one_payment_from_record_to_close(plans_well: Any, gateway: Any, pay: Any) -> None:
    ids = {"payment_request_id": "request-story", "payment_id": "payment-story"}
    gateway.add_payment(**ids)
    plans_well(lambda: services.record_payment(**ids))
    plans_well(lambda: services.record_payment(**ids, reference="story", paid_at=timezone.now()))
    payment = Payment.objects.get(reference="story")
    gateway.misbehave(Fault.RESULT, result_code="INVALID_SIGNATURE", signed=False, calls=2)
    plans_well(lambda: services.cancel_payment(payment))
    cancellation = payment.cancellations.get()
    assert cancellation.status == "NEEDS_REVIEW"
    plans_well(lambda: services.cancel_payment(payment))
    plans_well(lambda: services.retry_cancellation(cancellation))
    plans_well(lambda: services.process_cancellation(cancellation.pk))
    gateway.misbehave(Fault.NOT_JSON)
    plans_well(lambda: services.refresh_payment(payment))
    plans_well(
        lambda: services.close_cancellation(
            cancellation, cancelled=True, closed_by="Anna", note="Alipay's support says so"
        )
    )
    another = pay("another")
    plans_well(lambda: services.request_cancellation(another))


def test_many_payments_at_once(plans_well: Any, gateway: Any, pay: Any, tmp_path: Path) -> None:
    payments = [pay(f"many-{n}") for n in range(3)]
    keys = [payment.pk for payment in payments]
    chosen = Payment.objects.filter(pk__in=keys)
    plans_well(lambda: services.request_cancellations(chosen))
    plans_well(lambda: process_these(keys))
    listed = tmp_path / "ids.txt"
    listed.write_text("many-0\nrequest-many-1\npayment-many-2\n" + str(keys[0]))
    told = StringIO()
    plans_well(lambda: call_command("cancel_payments", file=listed, stdout=told, stderr=told))
    aged = {"older_than": 3600, "newer_than": 90000}
    plans_well(lambda: call_command("cancel_payments", **aged, dry_run=True, stdout=told))


@pytest.fixture
def boss(_filled: None) -> Client:
    user, _ = get_user_model().objects.get_or_create(
        username="boss", is_staff=True, is_superuser=True
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    "address",
    [
        f"{ADMIN}/payment/",
        f"{ADMIN}/payment/?p=3",
        f"{ADMIN}/payment/?status__exact=PROCESSING",
        f"{ADMIN}/payment/?status__exact=SUCCESS",
        f"{ADMIN}/payment/?created_from=2026-01-01&created_to=2026-12-31",
        f"{ADMIN}/payment/?q=filled-77",
        f"{ADMIN}/payment/?q=filled-77,filled-request-78,filled-payment-79",
        f"{ADMIN}/cancellation/",
        f"{ADMIN}/cancellation/?status__exact=NEEDS_REVIEW",
        f"{ADMIN}/cancellation/?next_step__exact=CONTACT_ALIPAY",
        f"{ADMIN}/cancellation/?q=filled-77",
        "/payments/",
        "/payments/?status=CANCELLED",
        "/payments/?status=PROCESSING&merchant=default",
        "/payments/?reference=filled-77",
        "/payments/?payment_request_id=filled-request-77",
        "/payments/?payment_id=filled-payment-77",
    ],
)
def test_a_list(plans_well: Any, gateway: Any, boss: Client, address: str) -> None:
    def look() -> None:
        response = boss.get(_full(address))
        assert response.status_code == 200, response
        if response.headers["Content-Type"] == "application/json" and response.json()["next"]:
            assert boss.get(response.json()["next"]).status_code == 200

    plans_well(look)


def _full(address: str) -> str:
    from django.urls import reverse

    if address.startswith("/admin"):
        return address
    return reverse("django_alipay_cancel:payments") + address.removeprefix("/payments/")


@pytest.mark.parametrize("reference", ["filled-7", "filled-92", "filled-97", "filled-300"])
def test_one_payments_pages(plans_well: Any, gateway: Any, boss: Client, reference: str) -> None:
    from django.urls import reverse

    payment = Payment.objects.get(reference=reference)
    addresses = [
        f"{ADMIN}/payment/{payment.pk}/change/",
        reverse("django_alipay_cancel:payment", args=[payment.pk]),
        reverse("django_alipay_cancel:payment-cancellations", args=[payment.pk]),
    ]
    for cancellation in payment.cancellations.all():
        addresses += [
            f"{ADMIN}/cancellation/{cancellation.pk}/change/",
            reverse("django_alipay_cancel:cancellation", args=[cancellation.pk]),
        ]

    def look() -> None:
        for address in addresses:
            assert boss.get(address).status_code == 200, address

    plans_well(look)


def test_a_buyers_own_payments(plans_well: Any, gateway: Any, pay: Any) -> None:
    buyer, _ = get_user_model().objects.get_or_create(username="buyer")
    services.record_payment(payment_request_id=pay("bought").payment_request_id, customer=buyer)
    client = Client()
    client.force_login(buyer)

    def look() -> None:
        assert len(client.get(_full("/payments/")).json()["results"]) == 1

    plans_well(look)
