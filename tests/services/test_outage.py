"""The gateway is away for an hour and for a day, time-scaled, and comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation
from django_alipay_cancel.testing import Fault

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.django_db(transaction=True)]

HOUR, DAY = timedelta(hours=1), timedelta(hours=23, minutes=50)
# Five hundred rows for a day are seventy thousand attempts.
# Where calls are refused at once, many more passes are made in a day than where all are waited for.
OUTAGES = [
    pytest.param("refused", HOUR, id="refused-an hour"),
    pytest.param("silent", HOUR, id="silent-an hour"),
    pytest.param("refused", DAY, id="refused-a day", marks=pytest.mark.nightly),
    pytest.param("silent", DAY, id="silent-a day"),
]
FULL = pytest.param(500, marks=[pytest.mark.nightly, pytest.mark.timeout(3 * 3600)])


def passes_until(clock, end):
    """Make a pass a few seconds after something is due, until `end`."""
    while (due := _next_due()) is not None and due <= end:
        clock.move_to(_instant(max(due, timezone.now()) + timedelta(seconds=15)))
        report = services.process_due_cancellations(workers=4)
        assert report.errors == 0
    clock.move_to(_instant(end))


def _instant(at):
    # Without USE_TZ times are naive and local; the clock would take them for UTC.
    return timezone.make_aware(at) if timezone.is_naive(at) else at


def _next_due():
    waiting = Cancellation.objects.filter(next_attempt_at__isnull=False)
    return waiting.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()


@pytest.mark.parametrize("number", [3, FULL])
@pytest.mark.parametrize(("kind", "length"), OUTAGES)
def test_all_finish_after_an_outage_and_none_gave_up_before(
    gateway, pay, settings, kind, length, number
):
    settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "TIMEOUT": (0.05, 0.05)}
    payments = [pay(f"order-{n}", method="mercado_pago") for n in range(number)]
    services.request_cancellations(payments)
    start = timezone.now()
    if kind == "refused":
        gateway.stop()
    else:
        gateway.misbehave(Fault.SILENT_BEFORE, calls=None)
    with time_machine.travel(_instant(start), tick=False) as clock:
        passes_until(clock, start + length)
        assert Cancellation.objects.filter(finished_at__isnull=True).count() == number
        settings.ALIPAY_CANCEL = {**settings.ALIPAY_CANCEL, "TIMEOUT": (2, 5)}
        if kind == "refused":
            gateway.start()
        else:
            gateway.behave()
        calls_before = len(gateway.calls)
        passes_until(clock, start + length + timedelta(hours=5))
    assert Cancellation.objects.filter(status="SUCCEEDED").count() == number
    # At most an inquiry and a cancel for each, and a second round where the inquiry came first.
    assert len(gateway.calls) - calls_before <= 3 * number
    assert all(gateway.payment(f"payment-order-{n}").cancel_effects == 1 for n in range(number))
