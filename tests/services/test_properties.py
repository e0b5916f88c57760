"""A state machine of everything that can happen to one payment, and what must hold throughout."""

from __future__ import annotations

import os
from datetime import timedelta

import hypothesis.strategies as st
import pytest
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from django_alipay_cancel import services
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import FakeAlipay, Fault

EXAMPLES, STEPS = (2000, 40) if os.environ.get("NIGHTLY") else (100, 40)

F_CODES = ["CANCEL_WINDOW_EXCEED", "PROCESS_FAIL", "ORDER_NOT_EXIST", "SYSTEM_ERROR", "NEVER_SEEN"]
FAULTS = [
    (Fault.ANSWER_LOST_AFTER, {}),
    (Fault.ANSWER_LOST_BEFORE, {}),
    (Fault.UNKNOWN_RESULT, {"applied": True}),
    (Fault.UNKNOWN_RESULT, {}),
    (Fault.THROTTLED, {}),
    (Fault.NOT_JSON, {}),
    (Fault.WRONG_KEY, {}),
    (Fault.UNSIGNED, {}),
    (Fault.TAMPERED_BODY, {}),
    (Fault.OTHER_IDS, {}),
    (Fault.NO_IDS, {}),
    (Fault.HTTP_STATUS, {"status": 502}),
    (Fault.RESULT, {"result_code": "INVALID_SIGNATURE", "result_status": "F", "signed": False}),
    *((Fault.RESULT, {"result_code": code, "result_status": "F"}) for code in F_CODES),
    *(
        (Fault.RESULT, {"result_code": code, "result_status": "F", "signed": False})
        for code in F_CODES
    ),
]
UNTRUSTWORTHY = [
    (kind, options)
    for kind, options in FAULTS
    if kind is not Fault.RESULT or not options.get("signed", True)
]


STATUSES = st.sampled_from(["PROCESSING", "AUTHORIZED", "SUCCESS"])
# None: the gateway behaves.
ANSWERS = st.sampled_from([None, *FAULTS])
CRASHES = []


class Crash(BaseException):
    """The process is gone: nothing of ours may catch this."""


class OnePayment(RuleBasedStateMachine):
    """The shop, its operators, the worker and the gateway, in any order."""

    gateway: FakeAlipay

    @initialize(status=STATUSES)
    def start(self, status):
        self.new_payment(status)

    @precondition(lambda self: not self.latest() or self.latest().finished_at)
    @rule(status=STATUSES)
    def another_payment(self, status):
        """Most payments finish soon; the next one begins while the steps last."""
        self.settle()
        self.new_payment(status)

    def new_payment(self, status):
        self.books = self.gateway.add_payment(status=status)
        facts = {"SUCCESS": "paid_at", "AUTHORIZED": "authorized_at"}
        at = {facts[status]: timezone.now()} if status in facts else {}
        self.payment = services.record_payment(
            payment_request_id=self.books.payment_request_id,
            payment_id=self.books.payment_id,
            **at,
        )
        self.by_hand = set()
        self.finished = {}
        self.late = []

    def stored(self):
        return Payment.objects.get(pk=self.payment.pk)

    def latest(self):
        rows = Cancellation.objects.filter(payment=self.payment)
        return rows.order_by("-created_at").first()

    @rule(answer=ANSWERS)
    def cancel(self, answer):
        self.gateway_gives(answer)
        try:
            services.cancel_payment(self.stored())
        except services.NotCancellable:
            assert self.stored().status in ("FAIL", "CANCELLED")

    @rule()
    def request(self):
        try:
            services.request_cancellation(self.stored())
        except services.NotCancellable:
            assert self.stored().status in ("FAIL", "CANCELLED")

    @rule(seconds=st.sampled_from([1, 30, 3600, 86400]))
    def time_passes(self, seconds):
        """Everything that waits is that much nearer; attempts and requests that much older."""
        step = timedelta(seconds=seconds)
        rows = Cancellation.objects.filter(payment=self.payment)
        for name in ("next_attempt_at", "announce_at", "asked_at"):
            rows.filter(**{f"{name}__isnull": False}).update(**{name: F(name) - step})
        attempts = CancellationAttempt.objects.filter(cancellation__payment=self.payment)
        attempts.update(sent_at=F("sent_at") - step)

    @rule(answer=ANSWERS)
    def worker(self, answer):
        """The lease or the delay is over, and the worker comes by."""
        self.gateway_gives(answer)
        self.time_passes(seconds=86400)
        assert services.process_due_cancellations().errors == 0

    @rule(answer=st.sampled_from(UNTRUSTWORTHY))
    def an_inquiry_goes_wrong(self, answer):
        """Alipay's signed inquiries are right; all others must not be believed."""
        self.gateway_gives(answer, api="inquiryPayment")

    def gateway_gives(self, answer, api="cancel"):
        if answer is not None:
            kind, options = answer
            self.gateway.misbehave(kind, payment=self.books.payment_id, api=api, **options)

    @rule(cancels=st.booleans(), sent=st.booleans())
    def crash(self, cancels, sent):
        """The process dies around a call, before its answer is written; it may come late."""
        name = "cancel" if cancels else "inquire"
        original = getattr(AlipayClient, name)

        def die(client, body):
            if sent:
                answer = original(client, body)
                attempt = CancellationAttempt.objects.filter(outcome="OPEN").last()
                if cancels and attempt is not None:
                    self.late.append((attempt.pk, answer))
            raise Crash

        self.request()
        self.time_passes(seconds=86400)
        setattr(AlipayClient, name, die)
        try:
            services.process_due_cancellations()
        except Crash:
            CRASHES.append(name)
        finally:
            setattr(AlipayClient, name, original)

    @precondition(lambda self: self.late)
    @rule()
    def a_late_answer_is_written(self):
        from django_alipay_cancel.services import deciding, transactions

        key, answer = self.late.pop()
        attempt = CancellationAttempt.objects.get(pk=key)
        cancellation = attempt.cancellation
        transactions.commit(
            lambda: deciding.record_answer(
                cancellation, cancellation.payment, attempt, answer, timezone.now()
            ),
            cancellation,
        )

    @rule()
    def somebody_checks(self):
        services.refresh_payment(self.stored())

    @precondition(lambda self: self.latest() is not None)
    @rule()
    def somebody_asks_again(self):
        try:
            services.retry_cancellation(self.latest())
        except services.NotInReview:
            assert self.latest().status == "REJECTED"

    @precondition(lambda self: self.latest() is not None)
    @rule(cancelled=st.booleans(), note=st.sampled_from(["support said so", " "]))
    def somebody_closes(self, cancelled, note):
        try:
            services.close_cancellation(
                self.latest(), cancelled=cancelled, closed_by="Li Wei", note=note
            )
            self.by_hand.add(cancelled)
        except services.NotInReview:
            assert self.latest().status != "NEEDS_REVIEW"
        except ValidationError:
            assert note == " "

    @rule(what=st.sampled_from(["paid_at", "failed_at", "authorized_at"]))
    def the_shop_hears_of_it(self, what):
        services.record_payment(payment_id=self.books.payment_id, **{what: timezone.now()})

    @invariant()
    def at_most_one_is_open(self):
        opened = Cancellation.objects.filter(
            payment=self.payment, status__in=["PENDING", "NEEDS_REVIEW"]
        )
        assert opened.count() <= 1
        assert (self.stored().status == "CANCELLING") == opened.exists()

    @invariant()
    def cancelled_only_on_alipays_word_or_a_persons(self):
        if self.stored().status == "CANCELLED":
            assert self.books.status == "CANCELLED" or True in self.by_hand

    @invariant()
    def a_verified_s_is_never_lost(self):
        told = CancellationAttempt.objects.filter(
            cancellation__payment=self.payment, kind="cancel", outcome="SUCCEEDED"
        )
        if told.exists():
            assert self.stored().status == "CANCELLED"

    @invariant()
    def yes_and_no_come_from_verified_answers_only(self):
        decided = CancellationAttempt.objects.filter(
            cancellation__payment=self.payment, outcome__in=["SUCCEEDED", "REJECTED"]
        )
        assert not decided.exclude(error="").exists()
        assert not decided.exclude(result_status__in=["S", "F"]).exists()

    @invariant()
    def what_is_finished_stays_so(self):
        for row in Cancellation.objects.filter(payment=self.payment):
            before = self.finished.get(row.pk)
            if before == "SUCCEEDED":
                assert row.status == "SUCCEEDED"
            if before == "REJECTED":
                assert row.status in ("REJECTED", "SUCCEEDED")
            self.finished[row.pk] = row.status

    @invariant()
    def every_call_had_a_row_before_it(self):
        calls = self.gateway.calls_for(self.books.payment_id, "cancel")
        attempts = CancellationAttempt.objects.filter(
            cancellation__payment=self.payment, kind="cancel"
        )
        assert len(calls) <= attempts.count()

    def teardown(self):
        if hasattr(self, "payment"):
            self.settle()

    def settle(self):
        """In the end the gateway behaves, time passes, and everything finds its answer."""
        self.gateway.behave()
        for _ in range(30):
            self.time_passes(seconds=86400)
            services.process_due_cancellations()
            if not Cancellation.objects.filter(payment=self.payment, status="PENDING").exists():
                break
        last = self.latest()
        if last is not None and last.status == "NEEDS_REVIEW":
            services.retry_cancellation(last)
            for _ in range(8):
                services.process_due_cancellations()
                self.time_passes(seconds=86400)
        services.process_due_cancellations()
        self.time_passes(seconds=86400)
        services.process_due_cancellations()
        rows = Cancellation.objects.filter(payment=self.payment)
        assert set(rows.values_list("status", flat=True)) <= {"SUCCEEDED", "REJECTED"}
        assert not rows.filter(announce_at__isnull=False).exists()
        if self.books.status == "CANCELLED" and not self.by_hand:
            assert self.stored().status == "CANCELLED"
        attempts = CancellationAttempt.objects.filter(cancellation__payment=self.payment)
        assert not attempts.filter(outcome="OPEN").exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_whatever_happens_in_whatever_order(gateway):
    OnePayment.gateway = gateway
    run_state_machine_as_test(
        OnePayment,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # A machine that never gets anywhere would hold all its promises.
    assert len(CRASHES) > EXAMPLES / 10
    assert CancellationAttempt.objects.count() > EXAMPLES * 2
