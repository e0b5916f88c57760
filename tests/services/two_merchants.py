"""A state machine of everything that can happen to the payments of two merchants."""

from __future__ import annotations

import hypothesis.strategies as st
import time_machine
from django.utils import timezone
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from django_alipay_cancel import services
from django_alipay_cancel.alipay.client import AlipayClient
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.services import schedule
from django_alipay_cancel.testing import FakeAlipay, Fault
from tests.services.in_flight import while_in_flight
from tests.services.known import NOTES, PAST_THE_LEASE, Known

MOST = 5
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
FACTS = st.sampled_from(["paid_at", "failed_at", "authorized_at"])
STATUSES = st.sampled_from(["PROCESSING", "AUTHORIZED", "SUCCESS"])
# None: the gateway behaves.
ANSWERS = st.sampled_from([None, *FAULTS])


class Crash(BaseException):
    """The process is gone: nothing of ours may catch this."""


class TwoMerchants(RuleBasedStateMachine):
    """The shop, its operators, workers and two gateways, in any order and within each call."""

    gateways: dict[str, FakeAlipay]
    clock: time_machine.Traveller
    # How often it came to what the machine is for, over all its runs.
    crashes = 0
    acts_in_flight = 0

    payments = Bundle("payments")

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Known] = []

    def _new_payment(self, merchant: str, status: str) -> Known:
        known = Known(self.gateways[merchant], merchant, status)
        self.known.append(known)
        return known

    @initialize(target=payments, status=STATUSES)
    def first_payment(self, status):
        return self._new_payment("default", status)

    @initialize(target=payments, status=STATUSES)
    def payment_of_another_merchant(self, status):
        return self._new_payment("tokyo", status)

    @precondition(lambda self: len(self.known) < MOST)
    @rule(target=payments, merchant=st.sampled_from(["default", "tokyo"]), status=STATUSES)
    def another_payment(self, merchant, status):
        return self._new_payment(merchant, status)

    @rule(known=payments)
    def request(self, known):
        known.request()

    @rule(known=payments)
    def somebody_checks(self, known):
        known.check()

    @rule(known=payments)
    def somebody_asks_again(self, known):
        known.ask_again()

    @rule(known=payments, cancelled=st.booleans(), note=st.sampled_from(NOTES))
    def somebody_closes(self, known, cancelled, note):
        known.close(cancelled, note)

    @rule(known=payments, what=FACTS)
    def the_shop_hears_of_it(self, known, what):
        known.hear(what)

    @rule(seconds=st.sampled_from([1, 30, 3600, 86400]))
    def time_passes(self, seconds):
        """Everything that waits is that much nearer; attempts and requests that much older."""
        self.clock.shift(seconds)

    @rule(known=payments, answer=st.sampled_from(UNTRUSTWORTHY))
    def an_inquiry_goes_wrong(self, known, answer):
        """Alipay's signed inquiries are right; all others must not be believed."""
        known.misbehave(answer, api="inquiryPayment")

    @rule(known=payments, answer=ANSWERS)
    def cancel(self, known, answer):
        known.misbehave(answer)
        known.cancel()

    @rule(known=payments, answer=ANSWERS)
    def worker(self, known, answer):
        """The lease or the delay is over, and the worker comes by."""
        known.misbehave(answer)
        self.time_passes(seconds=86400)
        self.work()

    def work(self) -> None:
        assert services.process_due_cancellations().errors == 0

    def work_past_the_lease(self) -> None:
        """Another worker takes what this one has in hand, whose answer comes late."""
        self.time_passes(seconds=PAST_THE_LEASE)
        self.work()

    @rule(data=st.data(), known=payments, other=payments, answer=ANSWERS, by_click=st.booleans())
    def somebody_acts_while_a_call_is_in_flight(self, data, known, other, answer, by_click):
        acts = {
            "checks": other.check,
            "cancels": other.cancel,
            "requests": other.request,
            "asks again": other.ask_again,
            "closes as cancelled": lambda: other.close(True),
            "closes as not cancelled": lambda: other.close(False),
            "hears that it was paid": lambda: other.hear("paid_at"),
            "hears that it failed": lambda: other.hear("failed_at"),
            "works too": self.work,
            "works past the lease": self.work_past_the_lease,
        }
        act = acts[data.draw(st.sampled_from(sorted(acts)), "somebody")]
        known.misbehave(answer)
        self.time_passes(seconds=86400)
        with while_in_flight(self.gateways.values(), act) as came:
            if by_click:
                known.cancel()
            else:
                known.request()
                self.work()
        type(self).acts_in_flight += len(came)

    @rule(known=payments, cancels=st.booleans(), sent=st.booleans())
    def crash(self, known, cancels, sent):
        """The process dies around a call, before its answer is written."""
        name = "cancel" if cancels else "inquire"
        original = getattr(AlipayClient, name)

        def die(client, body, **fence):
            if sent:
                original(client, body, **fence)
            raise Crash

        known.request()
        self.time_passes(seconds=86400)
        setattr(AlipayClient, name, die)
        try:
            services.process_due_cancellations()
        except Crash:
            type(self).crashes += 1
        finally:
            setattr(AlipayClient, name, original)

    @invariant()
    def at_most_one_is_open(self):
        for known in self.known:
            opened = known.wishes().filter(status__in=["PENDING", "NEEDS_REVIEW"]).count()
            assert opened <= 1
            assert (known.stored().status == "CANCELLING") == bool(opened)

    @invariant()
    def what_is_pending_falls_due(self):
        rows = Cancellation.objects.filter(payment__in=[known.payment for known in self.known])
        assert not schedule.unreachable(rows, now=timezone.now()).exists()

    @invariant()
    def cancelled_only_on_alipays_word_or_a_persons(self):
        for known in self.known:
            if known.stored().status == "CANCELLED":
                assert known.books.status == "CANCELLED" or True in known.by_hand

    @invariant()
    def a_verified_s_is_never_lost(self):
        for known in self.known:
            if known.attempts().filter(kind="cancel", outcome="SUCCEEDED").exists():
                assert known.stored().status == "CANCELLED"

    @invariant()
    def yes_and_no_come_from_verified_answers_only(self):
        for known in self.known:
            decided = known.attempts().filter(outcome__in=["SUCCEEDED", "REJECTED"])
            assert not decided.exclude(error="").exists()
            assert not decided.exclude(result_status__in=["S", "F"]).exists()

    @invariant()
    def what_is_finished_stays_so(self):
        for known in self.known:
            for row in known.wishes():
                before = known.stood.get(row.pk)
                if before == "SUCCEEDED":
                    assert row.status == "SUCCEEDED"
                if before == "REJECTED":
                    assert row.status in ("REJECTED", "SUCCEEDED")
                known.stood[row.pk] = row.status

    @invariant()
    def every_call_had_a_row_before_it(self):
        for known in self.known:
            calls = known.gateway.calls_for(known.books.payment_id, "cancel")
            assert len(calls) <= known.attempts().filter(kind="cancel").count()

    def teardown(self):
        """In the end the gateways behave, time passes, and everything finds its answer."""
        for gateway in self.gateways.values():
            gateway.behave()
        self._work_until_nothing_is_pending()
        in_review = [k for k in self.known if (w := k.latest()) and w.status == "NEEDS_REVIEW"]
        for known in in_review:
            known.ask_again()
        if in_review:
            self._work_until_nothing_is_pending()
        for _ in range(2):
            self.time_passes(seconds=86400)
            self.work()
        for known in self.known:
            if known.contradicts_itself():
                known.close(False)
            wishes = known.wishes()
            assert set(wishes.values_list("status", flat=True)) <= {"SUCCEEDED", "REJECTED"}
            assert not wishes.filter(announce_at__isnull=False).exists()
            if known.books.status == "CANCELLED" and not known.by_hand:
                assert known.stored().status == "CANCELLED"
            assert not known.attempts().filter(outcome="OPEN").exists()

    def _work_until_nothing_is_pending(self):
        for _ in range(30):
            self.time_passes(seconds=86400)
            self.work()
            if not Cancellation.objects.filter(status="PENDING").exists():
                break
