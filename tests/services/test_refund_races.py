"""Everybody at one payment whose wish says "or refund": never both, never twice, never a lie.

Here Alipay does not know the rule that a refunded payment is not cancelled, and its window is open:
a cancel of ours that comes after the refund takes effect, so that "never both" rests on us alone.
"""

from __future__ import annotations

import os
import random
import time

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.isolation import if_still
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import Fault
from tests.rows import broken_invariants
from tests.services.conftest import rows
from tests.services.racing import race

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ROUNDS = 40 if os.environ.get("NIGHTLY") else 1
REFUSALS = (
    services.NotCancellable,
    services.NotInReview,
    services.MayStillTakeEffect,
    ValidationError,  # closed as refunded, and nobody had said "or refund"
)
PATH = "/alipay/notify/"
WINDOW = {"result_code": "CANCEL_WINDOW_EXCEED", "result_status": "F"}


@pytest.fixture(autouse=True)
def _nothing_but_our_rules(gateway, settings, refunded_may_be_cancelled):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "REFUNDS": True, "QUIET_PERIOD": 0}


class Shop:
    """One payment, the people who do something about it, and its books at Alipay."""

    def __init__(self, gateway, pay, name):
        self.gateway, self.name = gateway, name
        self.payment = pay(name, method="card")
        self.by_hand = False
        self.wrong(Fault.RESULT, "cancel", **WINDOW)

    def wrong(self, fault, api, **options):
        self.gateway.misbehave(fault, payment=f"payment-{self.name}", api=api, **options)

    @property
    def there(self):
        return self.gateway.payment(f"request-{self.name}")

    @property
    def here(self):
        return Payment.objects.get(pk=self.payment.pk)

    @property
    def wish(self):
        return Cancellation.objects.filter(payment=self.payment).order_by("-created_at").first()

    # What people and workers do

    def cancel_or_refund(self):
        services.cancel_payment(self.here, or_refund=True)

    def wish_cancel_or_refund(self):
        services.request_cancellation(self.here, or_refund=True)

    def cancel_only(self):
        services.cancel_payment(self.here)

    def work(self):
        waiting = Cancellation.objects.filter(payment=self.payment, status__in=Cancellation.OPEN)
        for wish in waiting.exclude(attempts__outcome="OPEN"):
            # As ours do: found by another index, or in one statement, MariaDB locks it crosswise.
            rows = Cancellation.objects.filter(pk=wish.pk)
            unclaimed = if_still(rows, status=wish.status, next_attempt_at=wish.next_attempt_at)
            unclaimed.update(next_attempt_at=timezone.now())
        assert services.process_due_cancellations().errors == 0

    def check_now(self):
        services.refresh_payment(self.here, requested_by="Li")

    def notify(self):
        if self.there.refunds:
            headers, body = self.gateway.refund_notification(f"request-{self.name}", path=PATH)
        else:
            headers, body = self.gateway.notification(f"request-{self.name}", path=PATH)
        message = services.verify_notification(headers=headers, body=body, path=PATH)
        services.record_notification(message)

    def settle(self):
        if any(each.status == "PROCESSING" for each in self.there.refunds):
            self.gateway.refund_settles(f"request-{self.name}")

    def ask_again(self):
        if self.wish:
            services.retry_cancellation(self.wish, requested_by="Li")

    def close(self, **answers):
        if self.wish:
            services.close_cancellation(
                self.wish, closed_by="Li", note="support said so", **answers
            )
            self.by_hand = True

    def close_as_cancelled(self):
        self.close(cancelled=True)

    def close_as_refunded(self):
        self.close(cancelled=False, refunded=True)

    def close_as_neither(self):
        self.close(cancelled=False)

    # How the payment stands when they all come

    def untouched(self):
        pass

    def asked_for(self):
        self.wish_cancel_or_refund()

    def asked_for_as_cancel_only(self):
        services.request_cancellation(self.here)

    def refund_never_arrived(self):
        self.wrong(Fault.ANSWER_LOST_BEFORE, "refund")
        self.wrong(Fault.ANSWER_LOST_BEFORE, "inquiryRefund")
        self.cancel_or_refund()

    def refund_without_answer(self):
        self.wrong(Fault.ANSWER_LOST_AFTER, "refund")
        self.wrong(Fault.ANSWER_LOST_BEFORE, "inquiryRefund")
        self.cancel_or_refund()

    def refund_under_way(self):
        self.there.refunds_take_time = True
        self.cancel_or_refund()

    def cancel_in_review(self):
        self.gateway.behave()
        self.wrong(Fault.OTHER_IDS, "cancel")
        self.wrong(Fault.RESULT, "cancel", **WINDOW)
        self.cancel_or_refund()

    def refund_in_review(self):
        self.wrong(Fault.OTHER_IDS, "refund")
        self.cancel_or_refund()

    def refund_in_review_that_took_effect(self):
        self.wrong(Fault.OTHER_IDS, "refund", applied=True)
        self.cancel_or_refund()


STANDS = (
    "untouched",
    "asked_for",
    "asked_for_as_cancel_only",
    "refund_never_arrived",
    "refund_without_answer",
    "refund_under_way",
    "cancel_in_review",
    "refund_in_review",
    "refund_in_review_that_took_effect",
)
RIVALS = (
    "cancel_or_refund",
    "cancel_only",
    "work",
    "check_now",
    "notify",
    "ask_again",
    "close_as_cancelled",
    "close_as_refunded",
    "close_as_neither",
)


@pytest.fixture
def shop(gateway, pay):
    def make(stands, name):
        shop = Shop(gateway, pay, name)
        getattr(shop, stands)()
        return shop

    return make


def come_to_an_end(shop):
    """Alipay is truthful from now on; in review somebody asks again, and who sees it paid cancels.

    That cancel would take effect beside a refund that nobody knows of.
    """
    shop.gateway.behave()
    anew = False
    for _ in range(12):
        if shop.wish is not None and shop.wish.is_open:
            shop.settle()
            CancellationAttempt.objects.filter(outcome="OPEN").update(claim_until=timezone.now())
            if shop.wish.status == "NEEDS_REVIEW":
                shop.ask_again()
            shop.work()
        elif shop.here.status == "SUCCESS" and not anew:
            anew = True
            shop.cancel_only()
        else:
            return


def told_apart(shop):
    """Return what is wrong with the money, here and there, in sentences."""
    there, ended = shop.there, shop.here.status
    wishes = Cancellation.objects.filter(payment=shop.payment)
    ids = {wish.refund_request_id for wish in wishes}
    made = [each for each in there.refunds if each.status != "FAIL"]
    yield from broken_invariants()
    if there.cancel_effects and made:
        yield "cancelled and refunded"
    if there.refunded_value > there.amount_value or len(made) > 1:
        yield f"refunded {len(made)} times"
    if not {each.request_id for each in made} <= ids:
        yield "refunded by an id that is none of a wish"
    asked = CancellationAttempt.objects.filter(payment=shop.payment, kind="refund")
    if asked.values("cancellation", "request_body").distinct().count() > len(
        set(asked.values_list("cancellation", flat=True))
    ):
        yield "one wish asked for several refunds"
    if ended in Payment.IN_CHANGE or any(wish.is_open for wish in wishes):
        yield f"it has come to no end: {ended}"
    truth = "CANCELLED" if there.cancel_effects else "REFUNDED" if made else "SUCCESS"
    if ended != truth and not shop.by_hand:
        yield f"it is called {ended}, and is {truth}"


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("stands", STANDS)
def test_two_workers_a_wish_and_a_rival_refund_once_or_not_at_all(gateway, shop, stands, rival):
    for n in range(ROUNDS):
        rng = random.Random(f"{stands} {rival} {n}")
        this = shop(stands, f"{n}")
        gateway.before_answer = lambda call, rng=rng: time.sleep(rng.uniform(0, 0.03))
        acts = [this.work, this.work, this.wish_cancel_or_refund, getattr(this, rival)]
        race(acts, rng, allowed=REFUSALS)
        gateway.before_answer = None
        come_to_an_end(this)
        assert list(told_apart(this)) == [], (n, rows(this.payment))


@pytest.mark.parametrize("stands", STANDS)
def test_everybody_at_once_refunds_once_or_not_at_all(gateway, shop, stands):
    for n in range(2 * ROUNDS):
        rng = random.Random(f"{stands} {n}")
        this = shop(stands, f"{n}")
        gateway.before_answer = lambda call, rng=rng: time.sleep(rng.uniform(0, 0.03))
        acts = [this.work, this.settle, *(getattr(this, rival) for rival in RIVALS)]
        rng.shuffle(acts)
        race(acts, rng, allowed=REFUSALS)
        gateway.before_answer = None
        come_to_an_end(this)
        assert list(told_apart(this)) == [], (n, rows(this.payment))
