"""The walks of the model with refunds, taken by the real services: rows and money end alike."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.services import schedule
from django_alipay_cancel.services.history import Word
from django_alipay_cancel.testing import Fault, moving
from tests.model.refund_world import (
    ALL,
    ALL_OPEN,
    DONE,
    FAILED,
    OPEN,
    PART,
    RefundSearch,
    RefundWorld,
)
from tests.model.walker import CANCELS, INQUIRIES, TICK, Walker, walk
from tests.model.world import CANCELLED, QUIET, State
from tests.rows import broken_invariants

SHARDS = 5
_WINDOW = RefundWorld("or refund", shop_says_paid=True, review_inquiries=72, calls=18)
WORLDS = (
    replace(_WINDOW, name="answers", refunds_later=True, effects_later=True, delays=3, mixed=True),
    replace(_WINDOW, name="asynchronous", asynchronous=True, lags=True, delays=4),
    replace(_WINDOW, name="elsewhere", elsewhere=(PART, ALL, ALL_OPEN), lags=True, delays=3),
    replace(_WINDOW, name="persons", asynchronous=True, mixed=True, persons=3, delays=2),
    replace(_WINDOW, name="two wishes", refunds_later=True, mixed=True, persons=2, wishes=2),
    replace(_WINDOW, name="switched off", switched_off=True, effects_later=True, delays=3),
)
_F = {"result_code": "PROCESS_FAIL", "result_status": "F"}
_WINDOW_EXCEEDED = {"result_code": "CANCEL_WINDOW_EXCEED", "result_status": "F"}
# What is answered, up to the first comma of these words: refunds that take effect say how then.
REFUNDS = {
    "no word, no effect": (Fault.ANSWER_LOST_BEFORE, {}),
    "under way, no word": (Fault.ANSWER_LOST_BEFORE, {}),
    "other ids": (Fault.OTHER_IDS, {}),
    "F, no effect": (Fault.RESULT, _F),
    "the same again, F": (Fault.RESULT, _F),
    "the same again, accepted": None,
    "accepted": None,
    "takes effect, F": (Fault.RESULT, {**_F, "applied": True}),
    "takes effect, no word": (Fault.ANSWER_LOST_AFTER, {}),
}
TABLES = {
    "cancel": {
        **CANCELS,
        "F, no effect": (Fault.RESULT, _WINDOW_EXCEEDED),
        "takes effect, F": (Fault.RESULT, {**_WINDOW_EXCEEDED, "applied": True}),
    },
    "inquiry": {**INQUIRIES, "paid, NOTHING": (Fault.REFUNDS_LAG, {})},
    "refund": REFUNDS,
    "refund inquiry": {"no word": (Fault.ANSWER_LOST_BEFORE, {})},
}
APIS = {
    "cancel": "cancel",
    "inquiry": "inquiryPayment",
    "refund": "refund",
    "refund inquiry": "inquiryRefund",
}
GENUINE = (Fault.RAW_BASE64, {})  # but it uses up its turn
STATUS = {OPEN: "PROCESSING", DONE: "SUCCESS", FAILED: "FAIL"}


class RefundWalk(RefundSearch):
    """Waits for a refund as long as the app does."""

    def __init__(self, world, **options):
        super().__init__(world, **options)
        lasts = timedelta(days=14).total_seconds() / TICK
        self.policy = replace(self.policy, refund_lasts=lasts)


class RefundWalker(Walker):
    """Does in earnest what a walk through the model with refunds says."""

    or_refund = True

    def __init__(self, world, gateway, clock, name):
        super().__init__(world, gateway, clock, name)
        self.made: list[str] = []
        gateway.before_answer = self.is_made

    def is_made(self, call):
        """A refund that was just answered is under way, or done, as the model has it."""
        if call.api == "refund" and (kind := self.made.pop(0)) == OPEN:
            done = self.there.refunds[-1]
            if done.status == "SUCCESS":
                self.there.refunds[-1] = replace(done, status=STATUS[kind])

    def take(self, steps: list[str]) -> None:
        said, *_ = steps
        what, _, how = said.rpartition(" ")
        if said.startswith("a refund takes effect late"):
            self.arrives(how)
        elif what == "the refund is":
            self.gateway.refund_settles(self.ids["payment_id"], status=STATUS[how])
        elif said.startswith("refunded elsewhere: "):
            made = said.removeprefix("refunded elsewhere: ")
            status = "PROCESSING" if made == ALL_OPEN else "SUCCESS"
            value = 400 if made == PART else None
            self.gateway.refund_elsewhere(self.ids["payment_id"], value, status=status)
        elif what == "that elsewhere ends:":
            status = "SUCCESS" if how == ALL else "FAIL"
            self.gateway.refund_settles(self.ids["payment_id"], status=status)
        elif said.startswith("a person checks; "):
            answer = said.removeprefix("a person checks; ")
            self.misbehave([answer.removesuffix(", None")])
            services.refresh_payment(self.payment, requested_by="Ms Li")
        elif said == "closed as neither":
            services.close_cancellation(self.wish, cancelled=False, closed_by="Ms Li", note="no")
        else:
            super().take(steps)

    def arrives(self, kind):
        there, id = self.there, self.wish.refund_request_id
        there.refunds = [each for each in there.refunds if each.request_id != id]
        amount = (there.amount_value, there.amount_currency)
        told = moving.make_refund(there, id, amount, self.gateway.now, balance_is_enough=True)
        self.gateway._books.refunds[id] = ((there.payment_id, amount), told)
        there.refunds[-1] = replace(there.refunds[-1], status=STATUS[kind])

    def misbehave(self, answers):
        for said in answers:
            kind, _, answer = said.partition(": ")
            if kind not in TABLES:
                continue
            answer = answer.replace(", lists ", ", ")
            *words, last = answer.split(", ")
            if kind == "refund":
                takes_effect = last in (OPEN, DONE) or words[:1] == ["takes effect"]
                self.made.append(next((w for w in (*words, last) if w in (OPEN, DONE)), DONE))
                if takes_effect:
                    answer = ", ".join(w for w in (*words, last) if w not in (OPEN, DONE))
                assert answer in REFUNDS, said
            fault, options = TABLES[kind].get(answer) or GENUINE
            self.gateway.misbehave(fault, api=APIS[kind], calls=1, **options)

    def compare(self, state: State, walked: list[str]) -> None:
        super().compare(state, walked)
        told = f"{self.world.name}\n" + "\n".join(walked)
        shown = CancellationAttempt.objects.filter(payment=self.payment, said=Word.SHOWS_TAKEN)
        listed = [call.listed for call in state.calls if call.said is Word.SHOWS_TAKEN]
        assert [attempt.refund_status for attempt in shown] == listed, told
        assert self.wish.refunds == state.news[0].turned, told
        money = state.news[0]
        ours = [each for each in self.there.refunds if each.request_id in self.request_ids()]
        assert [each.status for each in ours][-1:] == [
            STATUS[money.ours] for _ in range(money.ours in STATUS)
        ], told
        assert (self.there.status == "CANCELLED") == (state.alipay == CANCELLED), told
        assert list(broken_invariants()) == [], told

    def request_ids(self):
        wishes = Cancellation.objects.filter(payment=self.payment)
        return {wish.refund_request_id for wish in wishes}


def walks() -> int:
    """Return how many walks are taken on this database."""
    if os.environ.get("NIGHTLY"):
        return 25_000
    in_ci = os.environ.get("CI") == "true"
    return 240 if connection.vendor == "sqlite" and in_ci else 24


@pytest.mark.slow
@pytest.mark.timeout(0 if os.environ.get("NIGHTLY") else 900)
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("refunded_may_be_cancelled")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_real_services_walk_like_the_model_with_refunds(
    gateway, clock, settings, monkeypatch, shard
):
    monkeypatch.setattr(schedule.random, "uniform", lambda least, most: most)
    common = {**settings.ALIPAY_CANCEL, "TIMEOUT": (5, 345), "QUIET_PERIOD": QUIET * TICK}
    steps = 0
    numbers = range(shard, walks(), SHARDS)
    for number in numbers:
        rng = random.Random(number)
        world = rng.choice(WORLDS)
        delays = {"RETRY_DELAYS": (2 * TICK,) * world.delays}
        settings.ALIPAY_CANCEL = {**common, **delays, "REFUNDS": True}
        walker = RefundWalker(world, gateway, clock, str(number))
        settings.ALIPAY_CANCEL = {**common, **delays, "REFUNDS": not world.switched_off}
        steps += walk(RefundWalk(world), rng, walker)
        for model in (CancellationAttempt, Cancellation, Payment):
            model.objects.all().delete()
        gateway.behave()
    assert steps > len(numbers) * 3
