"""Playing the scenarios: seed them at FakeAlipay and in the shop, cancel, let the worker finish."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone
from scenarios import PATIENCE, QUIET_PERIOD, RETRY_DELAYS, Ends, Scenario
from shop.models import Order
from shop.orders import place_order

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Payment
from django_alipay_cancel.testing import FakeAlipay, RecordedCall


@dataclass(frozen=True)
class Result:
    """How a scenario ended, and how many calls the shop made for it, those not sent left out."""

    scenario: Scenario
    amount: str
    ended: Ends
    calls: int

    @property
    def as_expected(self) -> bool:
        """Whether it ended as it should."""
        return self.ended == self.scenario.ends


def seed(gateway: FakeAlipay, scenario: Scenario, buyer: User) -> Order:
    """Put the scenario's payment into Alipay's books and its order into the shop's."""
    number = int(scenario.reference.removeprefix("T-"))
    payment_id = f"2026112419401083001{number:012}"
    total = 1000 + 125 * number
    if scenario.status:
        gateway.add_payment(
            payment_request_id=f"pay-{scenario.reference}",
            payment_id=payment_id,
            status=scenario.status,
            method=scenario.method,
            amount_value=total,
            paid_at=scenario.paid_at,
        )
    for trouble in scenario.trouble:
        gateway.misbehave(
            trouble.fault,
            payment=payment_id,
            api=trouble.api,
            calls=trouble.calls,
            **trouble.options,
        )
    at = scenario.paid_at or timezone.now()
    order = place_order(
        scenario.reference,
        buyer=buyer,
        total=total,
        payment_id=payment_id,
        merchant=scenario.merchant,
        paid_at=at if scenario.known_as == "paid" else None,
        authorized_at=at if scenario.known_as == "authorized" else None,
    )
    if scenario.recorded_at:
        Payment.objects.filter(pk=order.payment_id).update(created_at=scenario.recorded_at)
    return order


def play(gateway: FakeAlipay, scenarios: Iterable[Scenario], buyer: User) -> list[Result]:
    """Cancel the payment of each scenario, work until all have ended, and tell how."""
    orders = {scenario: seed(gateway, scenario, buyer) for scenario in scenarios}
    with_real_delays = settings.ALIPAY_CANCEL
    settings.ALIPAY_CANCEL = {
        **with_real_delays,
        "RETRY_DELAYS": RETRY_DELAYS,
        "QUIET_PERIOD": QUIET_PERIOD,
    }
    try:
        for scenario, order in orders.items():
            if scenario.answered_late:
                _cancel_with_a_late_answer(gateway, order.payment)
            else:
                services.cancel_payment(order.payment, reason="demonstration")
        return _work_until_all_ended(orders)
    finally:
        settings.ALIPAY_CANCEL = with_real_delays


def _work_until_all_ended(orders: dict[Scenario, Order]) -> list[Result]:
    give_up = time.monotonic() + PATIENCE
    while True:
        services.process_due_cancellations()
        results = [_result(scenario, order) for scenario, order in orders.items()]
        if all(result.as_expected for result in results) or time.monotonic() > give_up:
            return results
        time.sleep(0.05)


def _result(scenario: Scenario, order: Order) -> Result:
    payment = Payment.objects.get(pk=order.payment_id)
    cancellation = payment.cancellations.latest("created_at")
    error = f"({cancellation.error})" if cancellation.error else ""
    ended = Ends(
        payment.status,
        cancellation.status,
        f"{cancellation.result_code} {error}".strip(),
        cancellation.next_step,
    )
    sent = cancellation.attempts.exclude(outcome=CancellationAttempt.Outcome.NOT_SENT)
    return Result(scenario, payment.amount, ended, sent.count())


def _cancel_with_a_late_answer(gateway: FakeAlipay, payment: Payment) -> None:
    """Cancel as a process would that stands still during the call, longer than its lease."""
    asked, given_up = threading.Event(), threading.Event()

    def hold(call: RecordedCall) -> None:
        if not asked.is_set():
            asked.set()
            given_up.wait(PATIENCE)

    def cancel() -> None:
        services.cancel_payment(payment, reason="demonstration")
        connections.close_all()

    gateway.before_answer = hold
    process = threading.Thread(target=cancel)
    process.start()
    asked.wait(PATIENCE)
    # The lease lasts longer than any call may take; nobody wants to watch that.
    now = timezone.now()
    Cancellation.objects.filter(open_for=payment).update(next_attempt_at=now)
    CancellationAttempt.objects.filter(payment=payment).update(claim_until=now)
    # By its key: the merchant's gateway may be put off for a moment, after it had throttled.
    services.process_cancellation(payment.open_cancellation.pk)
    given_up.set()
    process.join()
    gateway.before_answer = None
