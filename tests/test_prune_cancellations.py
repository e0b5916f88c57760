"""prune_cancellations: finished and old goes with its history, open and protected stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import (
    Batch,
    Cancellation,
    CancellationAttempt,
    Payment,
    PaymentEvent,
)
from django_alipay_cancel.services import pruning
from django_alipay_cancel.testing import Fault
from tests.commands import run
from tests.shop.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


def age(days=500):
    """Let all that was recorded have happened so long ago."""
    past = timezone.now() - timedelta(days=days)
    Payment.objects.update(created_at=past, updated_at=past)
    Cancellation.objects.filter(finished_at__isnull=False).update(finished_at=past)
    CancellationAttempt.objects.filter(finished_at__isnull=False).update(finished_at=past)
    Batch.objects.update(created_at=past)


def prune(*arguments):
    return run("prune_cancellations", "--older-than", "400d", *arguments)


def left():
    models = (Payment, Cancellation, CancellationAttempt, PaymentEvent)
    return [model.objects.count() for model in models]


def test_what_is_finished_and_old_goes_with_its_whole_history(pay):
    services.cancel_payment(pay(), reason="twice")
    pay("paid")
    age()
    young = pay("young")
    out, _, failure = prune()
    assert failure == ""
    assert "2 deleted; 0 kept" in out
    assert [*Payment.objects.all()] == [young]
    assert left()[1:3] == [0, 0]
    assert set(PaymentEvent.objects.values_list("payment", flat=True)) <= {young.pk}


@pytest.mark.parametrize("status", ["PROCESSING", "AUTHORIZED"])
def test_a_payment_without_an_end_is_never_deleted(pay, status):
    pay(status=status)
    age()
    assert "0 deleted" in prune()[0]
    assert left()[0] == 1


def test_an_open_cancellation_keeps_its_payment_and_its_bodies(gateway, pay):
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel")
    assert services.cancel_payment(pay()).is_open
    age()
    before = left(), CancellationAttempt.objects.values_list("request_body", "response_body").get()
    assert "0 deleted" in prune()[0]
    assert "0 blanked" in prune("--bodies-only")[0]
    bodies = CancellationAttempt.objects.values_list("request_body", "response_body").get()
    assert (left(), bodies) == before


def test_what_the_shop_has_not_been_told_of_yet_is_kept(pay):
    services.cancel_payment(pay())
    age()
    Cancellation.objects.update(announce_at=timezone.now())
    assert "0 deleted" in prune()[0]


def test_what_something_has_happened_to_lately_is_kept(pay):
    services.cancel_payment(pay())
    age()
    CancellationAttempt.objects.update(finished_at=timezone.now())
    assert "0 deleted" in prune()[0]
    assert left()[0] == 1


def test_what_a_row_of_the_shop_protects_is_kept_whole_and_the_rest_of_its_batch_goes(pay):
    ordered, others = pay(), [pay(f"other-{n}") for n in range(3)]
    for payment in (ordered, *others):
        services.cancel_payment(payment)
    Order.objects.create(number="order-1", payment=ordered)
    age()
    out, _, failure = prune()
    assert (failure, "3 deleted; 1 kept" in out) == ("", True)
    assert left()[:3] == [1, 1, 1]
    assert Order.objects.get().payment == ordered


def test_a_dry_run_says_how_many_and_deletes_none(pay):
    services.cancel_payment(pay())
    age()
    before = left()
    out, _, failure = prune("--dry-run")
    assert (failure, "1 payment is finished" in out, left()) == ("", True, before)
    assert "1 call is that old" in prune("--dry-run", "--bodies-only")[0]
    assert CancellationAttempt.objects.exclude(request_body="").count() == 1


def test_bodies_only_blanks_what_was_sent_and_received_and_keeps_what_it_said(pay):
    services.cancel_payment(pay())
    age()
    pay_young = pay("young")
    services.cancel_payment(pay_young)
    before = left()
    out, _, failure = prune("--bodies-only")
    assert (failure, "1 blanked" in out, left()) == ("", True, before)
    old = CancellationAttempt.objects.exclude(payment=pay_young).get()
    assert (old.request_body, old.response_body) == ("", "")
    assert (old.said, old.result_code, old.outcome) == ("YES", "SUCCESS", "SUCCEEDED")
    young = CancellationAttempt.objects.get(payment=pay_young)
    assert young.request_body
    assert young.response_body
    assert "0 blanked" in prune("--bodies-only")[0]


def test_a_stopped_run_keeps_what_it_did_and_the_next_goes_on(pay, monkeypatch):
    monkeypatch.setattr(pruning, "ROWS_AT_ONCE", 2)
    for number in range(5):
        pay(f"order-{number}")
    age()
    told = []
    payments = pruning.finished_payments(timezone.now() - timedelta(days=400))
    report = pruning.delete_payments(payments, tell=told.append, stopping=lambda: bool(told))
    assert (report.done, told, left()[0]) == (2, [2], 3)
    _, err, failure = prune()
    assert (failure, left()[0], "deleting: 3 of 3" in err) == ("", 0, True)


def test_one_that_moves_meanwhile_is_not_deleted(pay):
    payment = pay()
    age()
    keys = pruning.finished_payments(timezone.now() - timedelta(days=400))
    services.request_cancellation(Payment.objects.get(pk=payment.pk))
    assert pruning.delete_payments(keys).done == 0
    assert left()[:2] == [1, 1]


def test_a_list_of_numbers_goes_once_none_of_its_cancellations_is_left(pay):
    payment = pay()
    batch = Batch.objects.create(created_at=timezone.now(), lines=[["order-1", "", ""]])
    services.request_cancellations([payment], batch=batch.pk)
    services.process_due_cancellations()
    age()
    Batch.objects.create(created_at=timezone.now())
    prune()
    assert Batch.objects.filter(pk=batch.pk).count() == 0
    assert Batch.objects.count() == 1


@pytest.mark.parametrize("length", ["400h", "29d", "400", "99999999999999999d"])
def test_a_length_of_time_that_is_too_short_or_none_is_refused(db, length):
    out, _, failure = run("prune_cancellations", "--older-than", length)
    assert "older-than" in failure
    assert out == ""
