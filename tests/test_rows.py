"""The check of the rows after each test sees every kind of row that must not be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.testing import Fault
from tests.rows import broken_invariants

pytestmark = [pytest.mark.django_db, pytest.mark.broken_rows]

# What is changed in the rows of an open or a refunded wish, and what is then said.
BROKEN = {
    "in review, not due": (
        "open",
        {"status": "NEEDS_REVIEW", "next_attempt_at": None},
        "has no due time",
    ),
    "due next year": (
        "open",
        {"next_attempt_at": timezone.now() + timedelta(days=400)},
        "is due later than any rule puts it",
    ),
    "another amount": ("refunded", {"refund_value": F("refund_value") - 1}, "another amount"),
    "more than the amount": ("refunded", {"refund_value": 1251}, "refunds 1251 of 1250"),
}
PAYMENTS = {
    "paid": ("open", "SUCCESS", "is open while"),
    "refunding before its wish has turned": ("open", "REFUNDING", "is open while"),
    "cancelled": ("refunded", "CANCELLED", "is refunded, and its payment is CANCELLED"),
    "in change": ("refunded", "REFUNDING", "is REFUNDING without an open cancellation"),
}
ATTEMPTS = {
    "cancels again": ({"kind": "cancel"}, "went back to cancelling"),
    "another body": ({"kind": "refund", "request_body": "{}"}, "asked for 2 refunds"),
    "cancelled, too": (
        {"kind": "inquiry", "said": "SHOWS_CANCELLED"},
        "was cancelled and refunded, both by us",
    ),
}


@pytest.fixture
def wish(gateway, pay, settings):
    """Make an open or a refunded wish, with rows that hold."""
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True, "QUIET_PERIOD": 0}

    def make(kind, name="order-1"):
        payment = pay(name)
        if kind == "open":
            gateway.misbehave(Fault.ANSWER_LOST_BEFORE, calls=1)
        else:
            gateway.payment(f"request-{name}").paid_at = gateway.now - timedelta(days=3)
        made = services.cancel_payment(payment, or_refund=True)
        assert made.status == {"open": "PENDING", "refunded": "REFUNDED"}[kind]
        assert list(broken_invariants()) == []
        return made

    return make


def change(row, **values):
    type(row).objects.filter(pk=row.pk).update(**values)


def said():
    return "\n".join(broken_invariants())


@pytest.mark.parametrize(("kind", "values", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_broken_wish_is_seen(wish, kind, values, sentence):
    change(wish(kind), **values)
    assert sentence in said()


@pytest.mark.parametrize(("kind", "status", "sentence"), PAYMENTS.values(), ids=PAYMENTS)
def test_a_payment_that_does_not_fit_its_wish_is_seen(wish, kind, status, sentence):
    change(wish(kind).payment, status=status)
    assert sentence in said()


def test_a_payment_that_nobody_refunded_is_seen(wish):
    change(wish("refunded"), status="REJECTED")
    assert "is refunded, and no cancellation of it is" in said()


@pytest.mark.parametrize(("values", "sentence"), ATTEMPTS.values(), ids=ATTEMPTS)
def test_an_attempt_too_many_is_seen(wish, values, sentence):
    refunded = wish("refunded")
    last = refunded.attempts.latest("pk")
    last.pk, last.number = None, last.number + 1
    for name, value in values.items():
        setattr(last, name, value)
    last.save()
    assert sentence in said()


def test_a_turn_without_a_refund_and_one_by_another_id_are_seen(wish):
    refunded = wish("refunded")
    sent = refunded.attempts.filter(kind="refund")
    body = sent.get().request_body.replace(refunded.refund_request_id, "another")
    sent.update(request_body=body)
    assert "asked for a refund by another id: another" in said()
    sent.update(kind="inquiry")
    assert "has turned to a refund and sent none" in said()


def test_what_is_done_twice_for_a_payment_is_seen(wish):
    first, second = wish("refunded"), wish("refunded", "order-2")
    second.attempts.update(payment=first.payment)
    assert "was refunded by 2 wishes" in said()
    for made in (first, second):
        change(made.attempts.get(kind="cancel"), outcome="OPEN", open_for=made)
    assert "has 2 open cancels or refunds at once" in said()
