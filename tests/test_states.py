"""The state machines: every pair of state and transition, and the drawing of them in the docs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from django.utils import timezone
from django_fsm import ConcurrentTransition, TransitionNotAllowed

from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment

DOCS = Path(__file__).parent.parent / "docs"

ALLOWED = {
    Payment: {
        "record_authorized": {"PROCESSING", "AUTHORIZED", "FAIL"},
        "record_paid": {"PROCESSING", "AUTHORIZED", "SUCCESS", "FAIL"},
        "record_failed": {"PROCESSING", "AUTHORIZED"},
        "begin_cancellation": {"PROCESSING", "AUTHORIZED", "SUCCESS"},
        "restore": {"CANCELLING", "REFUNDING"},
        "record_unpaid": {"CANCELLING"},
        "confirm_cancellation": {
            "PROCESSING",
            "AUTHORIZED",
            "SUCCESS",
            "FAIL",
            "CANCELLING",
            "REFUNDING",
        },
        "begin_refund": {"CANCELLING"},
        "confirm_refund": {"CANCELLING", "REFUNDING", "SUCCESS"},
    },
    Cancellation: {
        "succeed": {"PENDING", "NEEDS_REVIEW", "REJECTED"},
        "reject": {"PENDING", "NEEDS_REVIEW"},
        "refund": {"PENDING", "NEEDS_REVIEW", "REJECTED"},
        "need_review": {"PENDING"},
        "ask_again": {"NEEDS_REVIEW"},
    },
    CancellationAttempt: {
        "succeed": {"OPEN", "UNKNOWN"},
        "reject": {"OPEN", "UNKNOWN"},
        "give_up": {"OPEN"},
        "not_sent": {"OPEN"},
    },
}
TAKES_A_TIME = {
    "record_authorized", "record_paid", "record_failed", "record_unpaid",
    "succeed", "reject", "give_up", "not_sent", "confirm_refund", "refund",
}  # fmt: skip


def _states(model):
    return [value for value, _ in model._meta.get_field(model.state_field).choices]


PAIRS = [
    (model, state, name, state in sources)
    for model, transitions in ALLOWED.items()
    for name, sources in transitions.items()
    for state in _states(model)
]


@pytest.mark.parametrize(("model", "state", "name", "allowed"), PAIRS)
def test_a_transition_is_possible_from_these_states_only(model, state, name, allowed):
    row = model(**{model.state_field: state})
    arguments = [timezone.now()] if name in TAKES_A_TIME else []
    if allowed:
        getattr(row, name)(*arguments)
        return
    with pytest.raises(TransitionNotAllowed):
        getattr(row, name)(*arguments)
    assert getattr(row, model.state_field) == state


@pytest.mark.parametrize("model", ALLOWED)
def test_the_state_cannot_be_set_by_hand(model):
    row = model()
    with pytest.raises(AttributeError):
        setattr(row, model.state_field, _states(model)[-1])


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "PROCESSING"),
        ({"authorized_at": "then"}, "AUTHORIZED"),
        ({"paid_at": "then"}, "SUCCESS"),
        ({"authorized_at": "then", "paid_at": "then"}, "SUCCESS"),
    ],
)
@pytest.mark.parametrize("before", Payment.IN_CHANGE)
def test_a_rejected_cancellation_restores_what_the_facts_say(before, facts, status):
    payment = Payment(status=before, **facts)
    payment.restore()
    assert payment.status == status


@pytest.mark.django_db(transaction=True)
def test_a_stale_copy_cannot_overwrite_a_newer_state():
    payment = Payment.objects.create(payment_request_id="request-1")
    stale = Payment.objects.get(pk=payment.pk)
    payment.confirm_cancellation()
    assert payment.store("updated_at")
    stale.reference = "order-1"
    with pytest.raises(ConcurrentTransition):
        stale.save()
    assert not stale.store("updated_at")
    assert Payment.objects.get(pk=payment.pk).status == "CANCELLED"


@pytest.mark.django_db
def test_refreshing_reads_the_state_too():
    payment = Payment.objects.create(payment_request_id="request-1")
    copy = Payment.objects.get(pk=payment.pk)
    payment.confirm_cancellation()
    payment.store()
    copy.refresh_from_db()
    assert copy.status == "CANCELLED"
    copy.reference = "order-1"
    copy.save()
    with pytest.raises(AttributeError):
        copy.status = "SUCCESS"


@pytest.mark.django_db
def test_refreshing_from_a_query_of_ones_own_reads_the_state_too():
    payment = Payment.objects.create(payment_request_id="request-1")
    copy = Payment.objects.get(pk=payment.pk)
    payment.confirm_cancellation()
    payment.store()
    copy.refresh_from_db(from_queryset=Payment.objects.filter(merchant="default"))
    assert copy.status == "CANCELLED"
    with pytest.raises(Payment.DoesNotExist):
        copy.refresh_from_db(from_queryset=Payment.objects.filter(merchant="asia"))


@pytest.mark.django_db
def test_refreshing_a_deleted_row_leaves_the_copy_whole_and_protected():
    payment = Payment.objects.create(payment_request_id="request-1")
    Payment.objects.all().delete()
    with pytest.raises(Payment.DoesNotExist):
        payment.refresh_from_db()
    assert payment.status == "PROCESSING"
    with pytest.raises(AttributeError):
        payment.status = "SUCCESS"


@pytest.mark.django_db(transaction=True)
def test_refreshing_other_fields_does_not_hide_a_newer_state():
    payment = Payment.objects.create(payment_request_id="request-1")
    stale = Payment.objects.get(pk=payment.pk)
    payment.confirm_cancellation()
    payment.store()
    stale.refresh_from_db(fields=["reference"])
    with pytest.raises(ConcurrentTransition):
        stale.save()


def test_the_drawing_in_the_docs_is_the_code():
    spec = importlib.util.spec_from_file_location("draw_states", DOCS / "draw_states.py")
    draw_states = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw_states)
    assert (DOCS / "states.md").read_text(encoding="utf-8") == draw_states.page()
