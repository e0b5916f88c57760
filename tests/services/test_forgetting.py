"""services.forget_customer: what names or describes a person goes, accounts and evidence stay."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth import get_user_model

from django_alipay_cancel import services
from django_alipay_cancel.models import (
    Batch,
    Cancellation,
    CancellationAttempt,
    Payment,
    PaymentEvent,
)
from django_alipay_cancel.services.batches import GivenLine, record_batch
from django_alipay_cancel.services.forgetting import REMOVED
from django_alipay_cancel.testing import Fault

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def buyer(db):
    return get_user_model().objects.create_user("hanako.yamada")


@pytest.fixture
def clerk(db):
    return get_user_model().objects.create_user("clerk")


def everything():
    """All rows as text."""
    models = (Payment, Cancellation, CancellationAttempt, PaymentEvent, Batch)
    return "\n".join(str(row) for model in models for row in model.objects.values())


def test_what_names_or_describes_a_buyer_goes_and_what_accounts_need_stays(pay, buyer):
    payment = pay(customer=buyer)
    services.cancel_payment(payment, requested_by=buyer, reason="Yamada moved house")
    before = Payment.objects.values("status", "amount_value", "payment_id", "paid_at").get()
    report = services.forget_customer(buyer)
    assert (report.payments, report.cancellations) == (1, 1)
    assert not {"hanako", "Yamada", "moved"} & set(everything().replace(".", " ").split())
    assert "hanako" not in everything()
    assert Payment.objects.values("status", "amount_value", "payment_id", "paid_at").get() == before
    cancellation = Cancellation.objects.get()
    assert (cancellation.status, cancellation.requested_by_id) == ("SUCCEEDED", None)
    assert (cancellation.requested_by_name, cancellation.reason) == ("", "")
    call = CancellationAttempt.objects.get()
    assert (call.response_body, call.result_code, call.said) == ("", "SUCCESS", "YES")
    assert Payment.objects.get().reference == "order-1"
    assert [event.kind for event in PaymentEvent.objects.filter(source="shop")][-1] == "forgotten"
    assert any("references=True" in sentence for sentence in report.kept)


def test_references_go_where_that_is_asked_for_and_from_batches_too(pay, buyer):
    payment, other = pay("Yamada-1", customer=buyer), pay("order-2")
    batch = uuid.uuid4()
    lines = [GivenLine("Yamada-1", payment.pk), GivenLine("order-2", other.pk)]
    record_batch(batch, lines, reason="for Yamada")
    services.request_cancellations([payment, other], reason="for Yamada", batch=batch)
    services.process_due_cancellations()
    report = services.forget_customer(buyer, references=True)
    assert report.batches == 1
    payment.refresh_from_db()
    assert (payment.reference, payment.payment_request_id) == ("", "request-Yamada-1")
    kept = Batch.objects.get()
    assert (kept.reason, [line[0] for line in kept.lines]) == ("", [str(payment.pk), "order-2"])
    assert not any("references=True" in sentence for sentence in report.kept)
    assert Cancellation.objects.get(payment=other).reason == "for Yamada"


@pytest.mark.parametrize("by", ["customer", "requester"])
def test_nothing_is_forgotten_while_a_cancellation_is_open(gateway, pay, buyer, by):
    payment = pay(customer=buyer if by == "customer" else None)
    gateway.misbehave(Fault.UNKNOWN_RESULT, api="cancel")
    asker = buyer if by == "requester" else None
    assert services.cancel_payment(payment, requested_by=asker, reason="Yamada").is_open
    before = everything()
    with pytest.raises(services.StillOpen, match=str(payment.pk)):
        services.forget_customer(buyer)
    assert everything() == before


def test_a_member_of_staff_goes_as_a_name_and_that_a_person_closed_it_stays(
    in_review, clerk, buyer, clock
):
    cancellation = in_review(customer=buyer)
    services.retry_cancellation(cancellation, requested_by=clerk)
    Cancellation.objects.update(status="NEEDS_REVIEW")
    cancellation.refresh_from_db()
    services.close_cancellation(cancellation, cancelled=True, closed_by=clerk, note="I called them")
    services.refresh_payment(cancellation.payment, requested_by=clerk)
    clerk.delete()  # the names outlive the account; a new one has the name again
    again = get_user_model().objects.create_user("clerk")
    report = services.forget_customer(again)
    assert "clerk" not in everything()
    stored = Cancellation.objects.get()
    assert (stored.closed_by_name, stored.note) == (REMOVED, "I called them")
    assert services.explain(stored.payment).because == "closed_by_hand"
    assert (report.payments, stored.payment.customer) == (0, buyer)


def test_other_peoples_rows_are_left_alone_and_it_can_be_repeated(pay, buyer, clerk):
    pay("theirs", customer=clerk), pay("mine", customer=buyer)
    services.cancel_payment(Payment.objects.get(reference="theirs"), requested_by=clerk, reason="x")
    services.forget_customer(buyer)
    once = everything()
    report = services.forget_customer(buyer)
    assert (report.payments, report.cancellations, report.calls, report.events) == (0, 0, 0, 0)
    assert everything() == once
    stored = Cancellation.objects.get()
    assert (stored.requested_by, stored.reason) == (clerk, "x")


def test_an_earlier_reference_goes_from_what_a_correction_has_told(pay, buyer, tmp_path):
    payment = pay(customer=buyer)
    PaymentEvent.objects.create(
        payment=payment,
        kind="recorded",
        source="import",
        text="reference: Yamada -> order-1",
        at=payment.created_at,
        learned_at=payment.created_at,
    )
    services.forget_customer(buyer, references=True)
    assert "Yamada" not in everything()


@pytest.mark.parametrize("nobody", [None, "hanako", 7])
def test_what_is_no_saved_user_is_refused(db, nobody):
    with pytest.raises(TypeError, match="saved user"):
        services.forget_customer(nobody)


def test_a_payment_that_was_forgotten_can_be_cancelled_as_before(gateway, pay, buyer):
    payment = pay(customer=buyer)
    services.refresh_payment(payment, requested_by=buyer)
    services.forget_customer(buyer, references=True)
    payment.refresh_from_db()
    assert services.cancel_payment(payment).status == "SUCCEEDED"
