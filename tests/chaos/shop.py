"""The shop's own process: python -m tests.chaos.shop, one order as JSON a line, one answer a line.

It records payments and asks for their cancellation as a site does, tells what the rows say, and
makes passes whose clock it moves. A wish that the database did not take is asked for again, as a
buyer would: what is told is what was committed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import time_machine
from django.db import Error as DatabaseError
from django.db import close_old_connections

from tests.chaos.manage import set_up

logger = logging.getLogger(__name__)

# Seconds.
_AGAIN_AFTER = 0.2
_TRIES = 100
_SIMULATED_STEP = 15


class Shop:
    """What can be ordered: each method's name, with its arguments."""

    def __init__(self, clock_ahead: float) -> None:
        self._ahead = clock_ahead

    def _now(self) -> float:
        return time.time() - self._ahead

    def ready(self) -> bool:
        return True

    def begin(self, alipay_cancel: dict[str, Any]) -> None:
        """Forget everything; these are the settings from now on."""
        from django.conf import settings

        from django_alipay_cancel.models import (
            Cancellation,
            CancellationAttempt,
            Gateway,
            Payment,
            PaymentEvent,
            Worker,
        )

        settings.ALIPAY_CANCEL = alipay_cancel
        for model in (CancellationAttempt, Cancellation, PaymentEvent, Payment, Gateway, Worker):
            model.objects.all().delete()

    def wish(self, ids: Iterable[str], merchant: str = "default", every: float = 0) -> dict:
        """Ask for the cancellation of one payment after the other; return when each was stored."""
        from django_alipay_cancel import services

        stored = {}
        for id in ids:
            while True:
                try:
                    payment = services.record_payment(merchant=merchant, payment_request_id=id)
                    services.request_cancellation(payment)
                except DatabaseError:
                    close_old_connections()
                    time.sleep(_AGAIN_AFTER)
                else:
                    break
            stored[id] = self._now()
            time.sleep(every)
        return stored

    def wish_all(self, ids: list[str], merchant: str = "default") -> dict:
        """Ask for many at once; return when they were stored."""
        from django_alipay_cancel import services
        from django_alipay_cancel.models import Payment

        for id in ids:
            services.record_payment(merchant=merchant, payment_request_id=id)
        services.request_cancellations(
            Payment.objects.filter(merchant=merchant, payment_request_id__in=ids)
        )
        return dict.fromkeys(ids, self._now())

    def send_tasks(self) -> int:
        """Send a task for each open wish, as a site with Celery does after its commit."""
        import tests.chaos.celery_app  # the broker  # noqa: F401
        from django_alipay_cancel.models import Cancellation
        from django_alipay_cancel.tasks import attempt_cancellation

        rows = Cancellation.objects.filter(finished_at__isnull=True)
        keys = [str(key) for key in rows.values_list("pk", flat=True)]
        for key in keys:
            attempt_cancellation.delay(key)
        return len(keys)

    def send_sweep(self) -> None:
        """Send the task that a beat sends every few seconds."""
        from django_alipay_cancel.tasks import sweep

        sweep.delay()

    def left(self, signals: bool = False) -> int:
        """Return how many wishes are open; with `signals`, or finished and not announced."""
        from django_alipay_cancel.models import Cancellation

        rows = Cancellation.objects.all()
        unannounced = rows.filter(finished_at__isnull=False, announce_at__isnull=False)
        open_ones = rows.filter(finished_at__isnull=True)
        return open_ones.count() + (unannounced.count() if signals else 0)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return by id what the rows say: the payment, its wishes, what is late to be announced."""
        from django.utils import timezone

        from django_alipay_cancel.models import Payment

        now = timezone.now()
        return {
            payment.payment_request_id: {
                "status": payment.status,
                "wishes": [wish.status for wish in payment.cancellations.all()],
                "unannounced": sum(
                    bool(wish.announce_at and wish.announce_at < now)
                    for wish in payment.cancellations.all()
                ),
                "open_attempts": sum(a.outcome == "OPEN" for a in payment.attempts.all()),
            }
            for payment in Payment.objects.prefetch_related("cancellations", "attempts")
        }

    def broken(self) -> list[str]:
        """Return a sentence for each row that must not be as it is."""
        from tests.rows import broken_invariants

        return list(broken_invariants())

    def simulate(self, seconds: float, until_done: bool = False) -> float:
        """Make passes while the clock goes on by so many seconds; return by how many it went."""
        from django_alipay_cancel import services

        if not hasattr(self, "_clock"):
            self._clock = time_machine.travel(time.time(), tick=False).start()
        began = time.time()
        while time.time() - began < seconds and not (until_done and not self.left()):
            report = services.process_due_cancellations()
            assert not report.errors, report
            self._clock.shift(timedelta(seconds=_SIMULATED_STEP))
        return time.time() - began


def main() -> None:
    shop = Shop(set_up())
    for line in sys.stdin:
        order = json.loads(line)
        do = getattr(shop, order.pop("do"))
        for _ in range(_TRIES):
            close_old_connections()
            try:
                answer = do(**order)
            except DatabaseError as error:
                logger.warning("The order is repeated: %s", error)
                time.sleep(_AGAIN_AFTER)
            else:
                break
        print(json.dumps({"answer": answer}), flush=True)


if __name__ == "__main__":
    main()
