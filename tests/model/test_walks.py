"""The walks of the model, taken by the real services against FakeAlipay: the rows end alike."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest
from django.db import connection
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import (
    Cancellation,
    CancellationAttempt,
    Gateway,
    Payment,
    PaymentEvent,
)
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.history import FactKind, WishState
from django_alipay_cancel.testing import Fault
from tests.model.world import ABSENT, PAID, QUIET, UNPAID, Search, State, World

# Seconds. Twenty of the model's ticks are the hour of the inquiries in review.
TICK = 180
SHARDS = 10
MOST_STEPS = 60
WORLDS = tuple(
    replace(world, early=4, review_inquiries=72, calls=14)
    for world in (
        World("paid", effects_later=True, unbound=True, troubles=True, delays=3, persons=2),
        World("two wishes", effects_later=True, wishes=2, delays=2),
        World("absent", start=ABSENT, pays=True, notifies=True, effects_later=True, delays=5),
        World("unpaid", start=UNPAID, pays=True, fails=True, notifies=True, delays=3, persons=1),
        World("replays", replays=2, effects_later=True, delays=3),
    )
)
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

    def __init__(self, world, gateway, clock, name):
        self.world, self.gateway, self.clock, self.name = world, gateway, clock, name
        self.ids = {"payment_request_id": f"r-{name}", "payment_id": f"p-{name}"}
        if world.start != ABSENT:
            self.add("SUCCESS" if world.start == PAID else "PROCESSING")
        paid = {"paid_at": timezone.now()} if world.shop_says_paid else {}
        self.payment = services.record_payment(**self.ids, **paid)
        services.request_cancellation(self.payment)

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
            services.request_cancellation(self.payment)
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
            assert (wish.status == "SUCCEEDED") == (state.ended == "succeeded"), told
        attempts = CancellationAttempt.objects.filter(payment=self.payment)
        assert [a.said for a in attempts] == [c.said for c in state.calls], told
        if state.due is not None and wish.next_attempt_at is not None:
            due = (wish.next_attempt_at - timezone.now()).total_seconds() / TICK
            assert abs(due - state.due) < 0.3, told
        # What is told twice is stored once: the inquiries' facts are events too.
        events = self.payment.events.filter(source__in=PaymentEvent.SIGNED)
        told_by_alipay = {str(fact.kind) for fact in state.facts if fact.signed}
        assert told_by_alipay <= set(events.values_list("kind", flat=True)), told


def walks() -> int:
    """Return how many walks are taken on this database."""
    if os.environ.get("NIGHTLY"):
        return 100_000
    in_ci = os.environ.get("CI") == "true"
    return 2000 if connection.vendor == "sqlite" and in_ci else 200


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


@pytest.mark.slow
@pytest.mark.timeout(0 if os.environ.get("NIGHTLY") else 900)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_real_services_walk_like_the_model(gateway, clock, settings, monkeypatch, shard):
    monkeypatch.setattr(schedule.random, "uniform", lambda least, most: most)
    # `fresh`, in the model two ticks, is the limit of a call and ten seconds.
    common = {**settings.ALIPAY_CANCEL, "TIMEOUT": (5, 345), "QUIET_PERIOD": QUIET * TICK}
    steps = 0
    numbers = range(shard, walks(), SHARDS)
    for number in numbers:
        rng = random.Random(number)
        world = rng.choice(WORLDS)
        settings.ALIPAY_CANCEL = {**common, "RETRY_DELAYS": (2 * TICK,) * world.delays}
        steps += walk(Search(world), rng, Walker(world, gateway, clock, str(number)))
        for model in (CancellationAttempt, Cancellation, Payment):
            model.objects.all().delete()
        gateway.behave()
    assert steps > len(numbers) * 3
