"""A wish as it is written down: what it says, whom it joins, and where it goes."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.alipay.results import NextStep
from django_alipay_cancel.exceptions import NotStorable
from django_alipay_cancel.models import Cancellation, Payment
from django_alipay_cancel.services import finish, schedule
from django_alipay_cancel.services.requesting import CancellationRequest, begin, prepare
from tests.meanwhile import meanwhile
from tests.services.routers import ByRow

pytestmark = pytest.mark.django_db

REFUSED = {"code": "ORDER_STATUS_INVALID", "message": ""}


@pytest.fixture
def paid(gateway, pay, settings, still):
    """A paid payment a minute ago, of a shop that refunds; the time stands."""
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True}
    payment = pay()
    still.shift(60)
    return payment


def reject(payment):
    """Let Alipay have refused the open wish."""
    with transaction.atomic():
        finish.lock(payment)
        opened = Cancellation.objects.get(open_for=payment)
        opened.payment = payment
        finish.reject(payment, opened, NextStep.REFUND, **REFUSED)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"source": "fax"}, {"source": ["source must be one of code, admin, api, no_result."]}),
        ({"or_refund": "yes"}, {"or_refund": ["or_refund must be True or False."]}),
        ({"or_refund": 1}, {"or_refund": ["or_refund must be True or False."]}),
        ({"reason": "x" * 256}, {"reason": ["reason is longer than 255 characters."]}),
    ],
)
def test_what_a_wish_cannot_say_is_refused_in_a_sentence(paid, wish, told):
    with pytest.raises(ValidationError) as refused:
        services.request_cancellation(paid, **wish)
    assert refused.value.message_dict == told
    assert not Cancellation.objects.exists()


def test_a_payment_whose_id_cannot_be_sent_gets_no_wish(paid):
    Payment.objects.update(payment_id="blank at the end ")
    paid.refresh_from_db()
    with pytest.raises(ValidationError) as refused:
        services.request_cancellation(paid)
    assert list(refused.value.message_dict) == ["payment_id"]
    assert not Cancellation.objects.exists()


def test_or_refund_needs_a_shop_that_refunds(paid, settings):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": False}
    with pytest.raises(ImproperlyConfigured) as refused:
        services.request_cancellation(paid, or_refund=True)
    assert str(refused.value) == "or_refund needs ALIPAY_CANCEL['REFUNDS'] to be True."
    assert not services.request_cancellation(paid).or_refund


def test_a_payment_that_failed_is_named_with_its_status(paid):
    Payment.objects.update(status="FAIL", failed_at=timezone.now())
    with pytest.raises(services.NotCancellable) as refused:
        services.request_cancellation(paid)
    assert str(refused.value) == f"The payment {paid} is FAIL: there is nothing to cancel."


# --- what is written ------------------------------------------------------------------------------


def test_a_wish_is_written_with_all_that_was_asked(paid, django_user_model):
    clerk = django_user_model.objects.create_user("clerk")
    batch, now = uuid4(), timezone.now()
    asked = {"reason": "out of stock", "source": "admin", "batch": batch, "or_refund": True}
    services.request_cancellation(paid, requested_by=clerk, **asked)
    stored = Cancellation.objects.get()
    assert {name: getattr(stored, name) for name in asked} == asked
    assert (stored.requested_by, stored.requested_by_name) == (clerk, "clerk")
    assert (stored.status, stored.next_step, stored.result_code) == ("PENDING", "WAIT", "")
    assert (stored.payment, stored.open_for) == (paid, paid)
    assert (stored.asked_at, stored.created_at, stored.next_attempt_at) == (now, now, now)
    payment = Payment.objects.get()
    assert (payment.status, payment.updated_at) == ("CANCELLING", now)


def test_a_wish_says_no_more_than_was_asked(paid):
    services.request_cancellation(paid)
    stored = Cancellation.objects.get()
    assert (stored.requested_by, stored.requested_by_name) == (None, "")
    assert (stored.reason, stored.source, stored.batch) == ("", "code", None)
    assert not stored.or_refund


def test_a_wish_needs_to_say_nothing(paid):
    made = CancellationRequest().cancellation(paid)
    assert (made.reason, made.source, made.batch) == ("", "code", None)
    assert (made.requested_by_name, made.or_refund) == ("", False)


def test_a_new_wish_is_the_workers_unless_its_maker_claims_it(paid):
    wish, now = CancellationRequest(), timezone.now()
    assert wish.cancellation(paid).next_attempt_at == now
    assert wish.cancellation(paid, claimed=False).next_attempt_at == now
    claimed = wish.cancellation(paid, claimed=True).next_attempt_at
    assert claimed >= now + schedule.lease_length()


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"reason": "缺货", "requested_by": "Li"}, ["reason"]),
        ({"reason": "sold out", "requested_by": "李"}, ["requested_by"]),
        ({"reason": "缺货", "requested_by": "李"}, ["reason", "requested_by"]),
    ],
)
def test_a_text_that_the_connection_cannot_carry_is_refused_by_name(paid, wish, named):
    def cannot_carry():
        raise UnicodeEncodeError("latin-1", "缺", 0, 1, "ordinal not in range(256)")

    with meanwhile("INSERT", Cancellation, cannot_carry), pytest.raises(NotStorable) as refused:
        services.request_cancellation(paid, **wish)
    assert list(refused.value.message_dict) == named
    assert not Cancellation.objects.exists()
    assert Payment.objects.get().status == "SUCCESS"


# --- whom it joins --------------------------------------------------------------------------------


def test_an_open_wish_is_joined_and_is_about_the_payment_at_hand(paid):
    first = services.request_cancellation(paid)
    again = services.request_cancellation(paid, reason="asked by another")
    assert (again.pk, again.payment) == (first.pk, paid)
    assert again.payment is paid
    assert Cancellation.objects.get().reason == ""


def test_only_an_open_wish_is_raised_to_or_refund_and_only_by_a_wish_that_says_so(paid):
    services.request_cancellation(paid)
    assert not services.request_cancellation(paid).or_refund
    raised = services.request_cancellation(paid, or_refund=True)
    assert (raised.or_refund, raised.status) == (True, "PENDING")
    assert Cancellation.objects.get().or_refund
    assert services.request_cancellation(paid, or_refund=True).or_refund


def test_a_wish_in_review_is_raised_too(paid):
    services.request_cancellation(paid)
    Cancellation.objects.update(status="NEEDS_REVIEW")
    raised = services.request_cancellation(paid, or_refund=True)
    assert (raised.or_refund, raised.status) == (True, "NEEDS_REVIEW")


def test_to_raise_a_wish_locks_its_payment_and_touches_no_other(paid, pay, still):
    other = services.request_cancellation(pay("order-2"))
    services.request_cancellation(paid)
    still.shift(5)
    services.request_cancellation(paid, or_refund=True)
    assert Payment.objects.get(pk=paid.pk).updated_at == timezone.now()
    other.refresh_from_db()
    assert not other.or_refund


def test_what_another_wrote_of_a_joined_wish_is_kept_as_it_was_read(paid):
    """Raising reads again what it decides, and leaves the rest to who holds the row."""
    services.request_cancellation(paid)
    later = timezone.now() + timedelta(hours=1)

    def claim():
        Cancellation.objects.update(next_attempt_at=later, or_refund=False)

    with meanwhile("UPDATE", Cancellation, claim):
        raised = services.request_cancellation(paid, or_refund=True)
    assert (raised.or_refund, raised.next_attempt_at) == (True, timezone.now())
    assert Cancellation.objects.get().next_attempt_at == later


def test_an_open_wish_that_ends_at_that_moment_is_not_raised_and_a_new_one_starts(paid):
    first = services.request_cancellation(paid)
    with meanwhile("UPDATE", Cancellation, lambda: reject(Payment.objects.get())):
        second = services.request_cancellation(paid, or_refund=True)
    assert (second.pk != first.pk, second.or_refund, second.status) == (True, True, "PENDING")
    first.refresh_from_db()
    assert (first.status, first.or_refund) == ("REJECTED", False)


def test_a_wish_that_succeeded_is_returned_as_it_is(paid):
    services.cancel_payment(paid)
    found = services.request_cancellation(paid, or_refund=True)
    assert (found.status, found.or_refund) == ("SUCCEEDED", False)
    assert Cancellation.objects.count() == 1


def test_of_several_that_were_met_the_latest_is_returned(paid, still):
    services.request_cancellation(paid)
    reject(paid)
    still.shift(60)
    second = services.cancel_payment(paid)
    Cancellation.objects.update(status="SUCCEEDED")
    assert services.request_cancellation(paid) == second


def test_an_older_wish_that_was_refused_does_not_answer_for_the_open_one(paid, still):
    services.request_cancellation(paid)
    reject(paid)
    still.shift(-60)
    second = services.request_cancellation(paid)
    assert services.request_cancellation(paid) == second


# --- at the same moment ---------------------------------------------------------------------------


def test_a_payment_that_moves_meanwhile_gets_no_second_wish(paid):
    def another():
        services.request_cancellation(Payment.objects.get())

    with meanwhile("UPDATE", Payment, another):
        joined = services.request_cancellation(paid)
    assert Cancellation.objects.get() == joined
    assert paid.status == "CANCELLING"


def test_a_copy_from_before_a_refusal_gets_a_new_wish(paid):
    first = services.request_cancellation(paid)
    reject(Payment.objects.get())
    second = services.request_cancellation(paid)
    assert (second.pk != first.pk, second.status) == (True, "PENDING")


def test_begin_opens_nothing_for_a_payment_that_is_in_change_already(paid):
    stale = Payment.objects.get()
    wish = CancellationRequest()
    with transaction.atomic():
        assert begin(paid, wish) is not None
        assert begin(paid, wish) is None
        assert begin(stale, wish) is None
    assert Cancellation.objects.count() == 1


def test_begin_claims_only_when_told_to(paid, pay):
    with transaction.atomic():
        assert begin(paid, CancellationRequest()).next_attempt_at == timezone.now()
        claimed = begin(pay("order-2"), CancellationRequest(), claimed=True)
    assert claimed.next_attempt_at > timezone.now()


# --- where it goes --------------------------------------------------------------------------------


def test_a_wish_is_read_and_written_where_its_payment_is(paid):
    with override_settings(DATABASE_ROUTERS=[ByRow()]):
        first = services.request_cancellation(paid)
        assert services.request_cancellation(paid, or_refund=True) == first
    assert Cancellation.objects.get().or_refund


def test_a_payment_is_read_again_only_when_it_came_from_elsewhere(paid, django_assert_num_queries):
    with django_assert_num_queries(0):
        client = prepare(paid)
    assert client.credentials.client_id
    paid._state.db = "replica"  # as `using("replica")` would leave it
    Payment.objects.update(reference="changed")
    with override_settings(DATABASE_ROUTERS=[ByRow()]):
        prepare(paid)
    assert (paid._state.db, paid.reference) == ("default", "changed")
