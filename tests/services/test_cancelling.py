"""cancel_payment and its relatives: promises that no table row tells."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_alipay_cancel import services, signals
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.services.conftest import rows

pytestmark = pytest.mark.django_db(transaction=True)

SIGNALS = ("cancellation_succeeded", "cancellation_rejected", "cancellation_needs_review")


@pytest.fixture
def sent():
    """The signals sent, as (name, payment status, inside a transaction)."""
    told = []
    receivers = []
    for name in SIGNALS:

        def receive(sender, cancellation, payment, name=name, **kwargs):
            told.append((name, payment.status, connection.in_atomic_block))

        getattr(signals, name).connect(receive)
        receivers.append((name, receive))
    yield told
    for name, receive in receivers:
        getattr(signals, name).disconnect(receive)


def test_a_cancellation_that_succeeds_takes_at_most_sixteen_statements(gateway, pay):
    payment = pay()
    services.cancel_payment(pay("warm-up"))
    with CaptureQueriesContext(
        connection,
    ) as statements:
        services.cancel_payment(payment)
    assert len(statements) <= 16, [query["sql"] for query in statements]


def test_nothing_is_open_in_the_database_during_the_call(gateway, pay):
    payment = pay()
    seen = {}

    def look(call):  # in a thread of the gateway, on a connection of its own
        seen["attempts"] = list(CancellationAttempt.objects.values_list("outcome", "open_for"))
        seen["payment"] = Payment.objects.get().status
        # A lock would make this wait for the call, and the call waits for this.
        Payment.objects.update(reference="changed meanwhile")
        seen["answered"] = CancellationAttempt.objects.exclude(outcome="OPEN").exists()
        connections.close_all()

    gateway.before_answer = look
    cancellation = services.cancel_payment(payment)
    assert seen == {
        "attempts": [("OPEN", cancellation.pk)],
        "payment": "CANCELLING",
        "answered": False,
    }
    assert payment.reference == "changed meanwhile"


def test_inside_a_transaction_it_is_refused_before_the_call(gateway, pay):
    payment = pay()
    with transaction.atomic(), pytest.raises(services.InsideTransaction, match="on_commit"):
        services.cancel_payment(payment)
    assert rows(payment) == {"payment": "SUCCESS", "cancellations": [], "attempts": []}
    with transaction.atomic(), pytest.raises(services.InsideTransaction):
        services.refresh_payment(payment)
    assert not gateway.calls


def test_a_request_inside_the_shops_transaction_goes_with_it(gateway, pay):
    payment = pay()
    with transaction.atomic():
        services.request_cancellation(payment)
        transaction.set_rollback(True)
    payment.refresh_from_db()
    assert rows(payment) == {"payment": "SUCCESS", "cancellations": [], "attempts": []}
    with transaction.atomic():
        cancellation = services.request_cancellation(payment, reason="out of stock")
    assert cancellation.status == "PENDING"
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"


def test_asking_again_returns_the_same_cancellation_and_sends_nothing(gateway, pay):
    payment = pay()
    first = services.cancel_payment(payment)
    assert services.cancel_payment(payment) == first
    assert services.request_cancellation(Payment.objects.get()) == first
    assert len(gateway.calls) == 1


def test_an_open_one_is_returned_and_tried_only_when_it_is_due(gateway, pay, fall_due):
    payment = pay()
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=1)
    first = services.cancel_payment(payment)
    assert services.cancel_payment(payment) == first
    assert len(gateway.calls) == 1
    fall_due()
    assert services.cancel_payment(payment).status == "SUCCEEDED"
    assert Cancellation.objects.count() == 1


def test_after_a_rejected_one_a_new_one_starts(gateway, pay):
    payment = pay()
    gateway.balance_is_enough = False
    rejected = services.cancel_payment(payment)
    assert rejected.status == "REJECTED"
    gateway.balance_is_enough = True
    again = services.cancel_payment(payment)
    assert (again.status, again.pk != rejected.pk) == ("SUCCEEDED", True)


def test_what_cannot_be_cancelled_is_refused(gateway, pay):
    failed = pay("failed", status="PROCESSING", failed_at=timezone.now())
    with pytest.raises(services.NotCancellable, match="FAIL"):
        services.cancel_payment(failed)
    elsewhere = pay("elsewhere")
    gateway.payment("payment-elsewhere").status = "CANCELLED"
    services.refresh_payment(elsewhere)
    with pytest.raises(services.NotCancellable, match="CANCELLED"):
        services.request_cancellation(elsewhere)
    assert not Cancellation.objects.exists()


def test_a_stale_copy_cannot_start_a_second_cancellation(gateway, pay):
    payment = pay()
    stale = Payment.objects.get()
    first = services.cancel_payment(payment)
    assert services.cancel_payment(stale) == first
    assert stale.status == "CANCELLED"
    assert len(gateway.calls) == 1


@pytest.mark.parametrize(
    ("ids", "field"),
    [
        ({}, "payment_request_id"),
        ({"payment_request_id": "x" * 65}, "payment_request_id"),
        ({"payment_id": "line\nbreak"}, "payment_id"),
        ({"payment_id": "nul\x00"}, "payment_id"),
        ({"payment_id": "half\ud800"}, "payment_id"),
        ({"payment_request_id": " request-1"}, "payment_request_id"),
        ({"payment_request_id": "request-1 "}, "payment_request_id"),
        ({"payment_request_id": 7}, "payment_request_id"),
    ],
)
def test_ids_that_cannot_be_sent_are_refused_by_name(gateway, ids, field):
    with pytest.raises(ValidationError) as refused:
        services.record_payment(**ids)
    assert list(refused.value.message_dict) == [field]
    assert not Payment.objects.exists()


def test_ids_stored_without_the_service_are_refused_before_any_row_or_call(gateway):
    if connection.vendor != "sqlite":
        long_id = "x" * 64 + " "
        payment = Payment(payment_request_id=long_id)
    else:
        payment = Payment.objects.create(payment_request_id="x" * 65)
    for cancel in (services.cancel_payment, services.request_cancellation):
        with pytest.raises(ValidationError, match="payment_request_id"):
            cancel(payment)
    assert not Cancellation.objects.exists()
    assert not gateway.calls


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("paid_at", "2026-11-25"),
        ("failed_at", date(2026, 11, 25)),
        ("customer", AnonymousUser()),
        ("customer", 7),
        ("amount_value", 12.5),
        ("amount_currency", "usd"),
        ("reference", "two\nlines"),
    ],
)
def test_a_fact_that_cannot_be_recorded_is_refused_by_name(fact, value):
    amount = {"amount_value": 1250, "amount_currency": "USD"} if fact.startswith("amount") else {}
    with pytest.raises(ValidationError) as refused:
        services.record_payment(payment_request_id="request-1", **{**amount, fact: value})
    assert list(refused.value.message_dict) == [fact]
    assert not Payment.objects.exists()


@pytest.mark.parametrize("reason", ["x" * 256, "nul\x00", 7])
def test_a_reason_that_cannot_be_stored_is_refused(gateway, pay, reason):
    payment = pay()
    with pytest.raises(ValidationError) as refused:
        services.cancel_payment(payment, reason=reason)
    assert list(refused.value.message_dict) == ["reason"]
    assert rows(payment) == {"payment": "SUCCESS", "cancellations": [], "attempts": []}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PRIVATE_KEY": "rubbish"}, "PRIVATE_KEY"),
        ({"PRIVATE_KEY": ""}, "PRIVATE_KEY"),
        ({"ALIPAY_PUBLIC_KEY": None}, "ALIPAY_PUBLIC_KEY"),
        ({"GATEWAY_URL": "http://gateway.example"}, "GATEWAY_URL"),
        ({"CLIENT_ID": "with blank"}, "CLIENT_ID"),
    ],
)
def test_broken_settings_are_named_and_no_row_is_written(gateway, pay, settings, change, named):
    payment = pay()
    entry = settings.ALIPAY_CANCEL["MERCHANTS"]["default"]
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": {**entry, **change}}}
    for cancel in (services.cancel_payment, services.request_cancellation):
        with pytest.raises(ImproperlyConfigured, match=rf"'default'.*{named}"):
            cancel(payment)
    assert rows(payment) == {"payment": "SUCCESS", "cancellations": [], "attempts": []}


def test_a_merchant_whose_keys_cannot_be_loaded_stops_nobody_else(gateway, pay, settings):
    broken, sound = pay("broken", merchant="broken"), pay("sound")
    entry = settings.ALIPAY_CANCEL["MERCHANTS"]["default"]
    merchants = {"default": entry, "broken": entry}
    settings.ALIPAY_CANCEL = {"MERCHANTS": merchants}
    services.request_cancellation(broken)
    services.request_cancellation(sound)
    merchants["broken"] = {**entry, "PRIVATE_KEY": "rubbish"}
    report = services.process_due_cancellations()
    assert (report.succeeded, report.needs_review, report.errors) == (1, 1, 0)
    assert rows(broken) == {
        "payment": "CANCELLING",
        "cancellations": [("NEEDS_REVIEW", "", "configuration", "FIX_CONFIGURATION")],
        "attempts": [],
    }


def test_an_exception_on_one_row_is_logged_and_the_pass_goes_on(gateway, pay, settings, caplog):
    bad, good = pay("bad", merchant="bad"), pay("good")
    entry = settings.ALIPAY_CANCEL["MERCHANTS"]["default"]
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry, "bad": entry}}
    services.request_cancellation(bad)
    services.request_cancellation(good)

    def key():
        raise ConnectionError("the vault is away")

    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": entry, "bad": {**entry, "PRIVATE_KEY": key}}}
    report = services.process_due_cancellations()
    assert (report.succeeded, report.errors) == (1, 1)
    assert "the vault is away" in caplog.text
    assert rows(bad)["cancellations"] == [("PENDING", "", "", "WAIT")]
    assert Cancellation.objects.get(payment=bad).next_attempt_at > timezone.now()


class Member:
    """An account of another table, as some shops have for their buyers."""

    pk = 7

    def __str__(self):
        return "member-7"


def test_somebody_who_is_no_user_of_the_project_is_kept_by_name(gateway, pay, django_user_model):
    cancellation = services.cancel_payment(pay("one"), requested_by=Member())
    assert (cancellation.requested_by, cancellation.requested_by_name) == (None, "member-7")
    user = django_user_model.objects.create_user("clerk")
    cancellation = services.cancel_payment(pay("two"), requested_by=user)
    assert (cancellation.requested_by, cancellation.requested_by_name) == (user, "clerk")
    user.delete()
    cancellation.refresh_from_db()
    assert (cancellation.requested_by, cancellation.requested_by_name) == (None, "clerk")


def test_each_finish_is_announced_once_after_its_commit(gateway, pay, sent):
    services.cancel_payment(pay("one"))
    gateway.balance_is_enough = False
    services.cancel_payment(pay("two"))
    gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
    services.cancel_payment(pay("three"))
    assert sent == [
        ("cancellation_succeeded", "CANCELLED", False),
        ("cancellation_rejected", "SUCCESS", False),
        ("cancellation_needs_review", "CANCELLING", False),
    ]
    assert not Cancellation.objects.filter(announce_at__isnull=False).exists()


def test_an_announcement_that_was_not_sent_is_sent_by_the_worker(gateway, pay, sent):
    services.cancel_payment(pay())
    sent.clear()
    Cancellation.objects.update(announce_at=timezone.now() - timedelta(seconds=1))
    assert services.process_due_cancellations().announced == 1
    assert sent == [("cancellation_succeeded", "CANCELLED", False)]
    assert services.process_due_cancellations().announced == 0


def test_a_receiver_that_raises_changes_nothing(gateway, pay):
    def explode(**kwargs):
        raise ValueError("the shop's own bug")

    signals.cancellation_succeeded.connect(explode)
    try:
        cancellation = services.cancel_payment(pay())
    finally:
        signals.cancellation_succeeded.disconnect(explode)
    assert cancellation.status == "SUCCEEDED"


def test_each_repeat_carries_the_bytes_of_the_first_call(gateway, pay, fall_due):
    payment = services.record_payment(payment_request_id="request-order-1", paid_at=timezone.now())
    gateway.add_payment(payment_request_id="request-order-1", payment_id="payment-order-1")
    gateway.misbehave(Fault.ANSWER_LOST_BEFORE, api="cancel", calls=2)
    services.cancel_payment(payment)
    # Learned meanwhile: the repeats must not change for it.
    services.record_payment(payment_request_id="request-order-1", payment_id="payment-order-1")
    for _ in range(2):
        fall_due()
        services.process_due_cancellations()
    bodies = [call.body for call in gateway.calls if call.api == "cancel"]
    assert len(bodies) == 3
    assert set(bodies) == {b'{"paymentRequestId":"request-order-1"}'}


def test_what_a_verified_s_carries_besides_cannot_lose_it(gateway, pay):
    payment = pay()
    gateway.misbehave(
        Fault.RESULT,
        api="cancel",
        calls=1,
        result_code="SUCCESS\x00\ud800" + "x" * 300,
        result_status="S",
        applied=True,
    )
    services.cancel_payment(payment)
    assert rows(payment)["payment"] == "CANCELLED"


def test_closing_by_hand_needs_a_review_a_name_and_a_note(gateway, pay):
    payment = pay()
    gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
    cancellation = services.cancel_payment(payment)
    with pytest.raises(ValidationError, match="closed_by"):
        services.close_cancellation(cancellation, cancelled=True, closed_by="", note="known")
    with pytest.raises(ValidationError, match="note"):
        services.close_cancellation(cancellation, cancelled=True, closed_by="Li Wei", note=" ")
    services.close_cancellation(
        cancellation, cancelled=True, closed_by="Li Wei", note="support said so"
    )
    assert rows(payment)["payment"] == "CANCELLED"
    stored = Cancellation.objects.get()
    assert (stored.status, stored.closed_by_name, stored.note) == (
        "SUCCEEDED",
        "Li Wei",
        "support said so",
    )
    with pytest.raises(services.NotInReview):
        services.close_cancellation(cancellation, cancelled=False, closed_by="Li Wei", note="no")
    assert Payment.objects.get().status == "CANCELLED"


def test_one_that_may_still_take_effect_cannot_be_closed_as_not_cancelled(gateway, pay, clock):
    payment = pay()
    gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
    cancellation = services.cancel_payment(payment)
    with pytest.raises(services.MayStillTakeEffect) as refused:
        services.close_cancellation(cancellation, cancelled=False, closed_by="Li Wei", note="no")
    assert timedelta(seconds=50) < refused.value.until - timezone.now() < timedelta(seconds=61)
    assert rows(payment)["cancellations"][0][0] == "NEEDS_REVIEW"


def test_closing_by_hand_as_not_cancelled_restores_the_payment(gateway, pay, sent, clock):
    payment = pay()
    gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
    cancellation = services.cancel_payment(payment)
    clock.shift(timedelta(seconds=61))
    services.close_cancellation(cancellation, cancelled=False, closed_by="Li Wei", note="no")
    assert rows(payment)["payment"] == "SUCCESS"
    assert rows(payment)["cancellations"][0][0] == "REJECTED"
    assert sent[-1] == ("cancellation_rejected", "SUCCESS", False)


def test_asking_again_starts_the_schedule_anew(gateway, pay):
    payment = pay()
    gateway.misbehave(Fault.OTHER_IDS, api="cancel", calls=1)
    cancellation = services.cancel_payment(payment)
    again = services.retry_cancellation(cancellation, requested_by="Li Wei")
    assert (again.status, again.repeats, again.next_step) == ("PENDING", 0, "WAIT")
    assert again.asked_by_name == "Li Wei"
    assert services.retry_cancellation(again).status == "PENDING"
    services.process_due_cancellations()
    assert rows(payment)["payment"] == "CANCELLED"
    assert services.retry_cancellation(again).status == "SUCCEEDED"


def test_a_rejected_one_cannot_be_asked_again(gateway, pay):
    gateway.balance_is_enough = False
    rejected = services.cancel_payment(pay())
    with pytest.raises(services.NotInReview, match="anew"):
        services.retry_cancellation(rejected)


def test_history_cannot_be_deleted(gateway, pay):
    from django.db.models import ProtectedError

    payment = pay()
    cancellation = services.cancel_payment(payment)
    for row in (payment, cancellation):
        with pytest.raises(ProtectedError):
            row.delete()
