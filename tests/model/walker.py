"""Takes the walks of the model in earnest: the real services against FakeAlipay."""

from __future__ import annotations

import random

from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import (
    Cancellation,
    CancellationAttempt,
    Gateway,
    PaymentEvent,
)
from django_alipay_cancel.services.history import FactKind, WishState
from django_alipay_cancel.testing import Fault
from tests.model.world import ABSENT, PAID, Search, State

# Seconds. Twenty of the model's ticks are the hour of the inquiries in review.
TICK = 180
MOST_STEPS = 60
CANCELS = {
    "no word, no effect": (Fault.ANSWER_LOST_BEFORE, {}),
    "under way, no word": (Fault.ANSWER_LOST_BEFORE, {}),
    "other ids": (Fault.OTHER_IDS, {}),
    "our request is refused": (Fault.RESULT, {"result_code": "KEY_NOT_FOUND", "signed": False}),
    "ORDER_NOT_EXIST": None,
    "ORDER_NOT_EXIST is played to it": (Fault.RESULT, {"result_code": "ORDER_NOT_EXIST"}),
    "F": (Fault.RESULT, {"result_code": "PROCESS_FAIL"}),
    "F, no effect": (Fault.RESULT, {"result_code": "PROCESS_FAIL"}),
    "S": None,
    "takes effect, F": (Fault.RESULT, {"result_code": "PROCESS_FAIL", "applied": True}),
    "takes effect, no word": (Fault.ANSWER_LOST_AFTER, {}),
    "takes effect, S without ids": (Fault.NO_IDS, {}),
    "no effect, S without ids": (Fault.RESULT, {"result_code": "SUCCESS"}),
}
INQUIRIES = {
    "no word": (Fault.ANSWER_LOST_BEFORE, {}),
    "a cancel is under way": (Fault.CANCEL_UNDER_WAY, {}),
    "our request is refused": (Fault.RESULT, {"result_code": "ACCESS_DENIED"}),
    "ORDER_NOT_EXIST is played to it": (Fault.RESULT, {"result_code": "ORDER_NOT_EXIST"}),
}
STATES = {"PENDING": WishState.PENDING, "NEEDS_REVIEW": WishState.IN_REVIEW}


class Walker:
    """Does in earnest what a walk through the model says."""

    or_refund = False

    def __init__(self, world, gateway, clock, name):
        self.world, self.gateway, self.clock, self.name = world, gateway, clock, name
        self.ids = {"payment_request_id": f"r-{name}", "payment_id": f"p-{name}"}
        if world.start != ABSENT:
            self.add("SUCCESS" if world.start == PAID else "PROCESSING")
        paid = {"paid_at": timezone.now()} if world.shop_says_paid else {}
        self.payment = services.record_payment(**self.ids, **paid)
        services.request_cancellation(self.payment, or_refund=self.or_refund)

    def add(self, status):
        self.gateway.add_payment(**self.ids, status=status, method="card")

    @property
    def there(self):
        return self.gateway.payment(self.ids["payment_id"])

    @property
    def wish(self):
        return Cancellation.objects.filter(payment=self.payment).latest("created_at")

    def take(self, steps: list[str]) -> None:
        """Do a step; a worker's pass is one with all that was said to it."""
        said, *rest = steps
        if said.startswith("a worker claims"):
            self.misbehave(rest)
            # The model knows no merchant that is put off because of its gateway.
            Gateway.objects.all().delete()
            assert services.process_due_cancellations().errors == 0
        elif said.endswith(" pass"):
            self.clock.shift(int(said.split()[0]) * TICK)
        elif said.startswith("the buyer pays"):
            if self.world.start == ABSENT:
                self.add("SUCCESS")
            self.there.status, self.there.paid_at = "SUCCESS", self.gateway.now
            if said.endswith("notified"):
                self.notify("S")
        elif said.startswith("the payment fails"):
            self.there.status = "FAIL"
        elif said.startswith("the notification of "):
            self.notify("F" if said.split()[-2] == FactKind.FAILED else "S")
        elif said == "a cancel takes effect late":
            self.there.cancel(self.gateway.now, balance_is_enough=True)
        elif " checks; " in said:
            by, _, answer = said.partition(" checks; ")
            self.misbehave([answer])
            person = "Ms Li" if by == "person" else None
            services.refresh_payment(self.payment, requested_by=person)
        elif said == "asked again":
            self.clock.shift(TICK)
            services.retry_cancellation(self.wish)
        elif said == "closed as not cancelled":
            services.close_cancellation(self.wish, cancelled=False, closed_by="Ms Li", note="no")
        elif said == "somebody sets it due now":
            Cancellation.objects.filter(pk=self.wish.pk).update(next_attempt_at=timezone.now())
        elif said == "somebody wishes anew":
            self.clock.shift(TICK)
            self.payment.refresh_from_db()
            services.request_cancellation(self.payment, or_refund=self.or_refund)
        else:
            raise AssertionError(said)

    def notify(self, result):
        headers, body = self.gateway.notification(self.ids["payment_id"], path="/n/", result=result)
        message = services.verify_notification(headers=headers, body=body, path="/n/")
        services.record_notification(message)

    def misbehave(self, answers):
        for said in answers:
            kind, _, answer = said.partition(": ")
            table = {"cancel": CANCELS, "inquiry": INQUIRIES}.get(kind, {})
            if kind == "cancel":
                assert answer in table, said
            fault = table.get(answer)
            api = "cancel" if kind == "cancel" else "inquiryPayment"
            if kind in ("cancel", "inquiry"):
                order = fault or (Fault.RAW_BASE64, {})  # genuine, but uses up its turn
                self.gateway.misbehave(
                    order[0], payment=self.ids["payment_id"], api=api, calls=1, **order[1]
                )

    def compare(self, state: State, walked: list[str]) -> None:
        wish = self.wish
        told = f"{self.world.name}\n" + "\n".join(walked)
        stands = STATES.get(wish.status, WishState.OVER)
        assert stands is state.wish_state, told
        if stands is WishState.OVER:
            assert wish.status == state.ended.upper(), told
        attempts = CancellationAttempt.objects.filter(payment=self.payment)
        said = list(attempts.values_list("said", flat=True))
        assert said == [call.said for call in state.calls], told
        if state.due is not None and wish.next_attempt_at is not None:
            due = (wish.next_attempt_at - timezone.now()).total_seconds() / TICK
            assert abs(due - state.due) < 0.3, told
        # What is told twice is stored once: the inquiries' facts are events too.
        if told_by_alipay := {str(fact.kind) for fact in state.facts if fact.signed}:
            events = self.payment.events.filter(source__in=PaymentEvent.SIGNED)
            assert told_by_alipay <= set(events.values_list("kind", flat=True)), told


def walk(search: Search, rng: random.Random, walker: Walker) -> int:
    state, steps = search.first(), 0
    walked: list[str] = []
    while steps < MOST_STEPS and len(state.calls) < search.world.calls - 4:
        choices = list(search.after(state))
        if not choices:
            break
        said, state = rng.choice(choices)
        taken = [said]
        while state.running:
            said, state = rng.choice(list(search._process(state, state.running, "running")))
            taken.append(said)
        walked += taken
        walker.take(taken)
        walker.compare(state, walked)
        steps += 1
    return steps
