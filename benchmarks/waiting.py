"""How long a wish waits for its first call: idle, beside a silent merchant, under throttling."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db.models import F, Min

from benchmarks.figures import Figure, milliseconds
from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation, CancellationAttempt, Gateway, Payment, Worker
from django_alipay_cancel.testing import FakeAlipay, Fault

WORKERS = 4
# Seconds: the bars for the 99th percentile, the command's default interval and a half, and 2.
IDLE_LIMIT, SILENT_LIMIT = 1.5, 2.0
# Seconds between two wishes, on average, and until the last call has come.
_EVERY, _PATIENCE = 0.1, 120
_ONE_IN = 10


def measure(*, number: int, silent: int) -> list[Figure]:
    """Measure `number` wishes in each situation, beside `silent` due rows of a silent merchant."""
    _delete_rows()  # what was measured before left wishes, whose waits are not these
    with FakeAlipay() as gateway, socket.create_server(("127.0.0.1", 0)) as deaf:
        # Connections are taken by the operating system, and by nobody else.
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        merchants = {
            "default": gateway.merchant_settings(),
            "silent": {**gateway.merchant_settings(), "GATEWAY_URL": address},
        }
        idle = _waits(gateway, {"default": merchants["default"]}, number)
        _request(gateway, "silent", silent)
        beside = _waits(gateway, merchants, number)
        throttled = _waits(gateway, {"default": merchants["default"]}, number, throttled=True)
    return [
        _figure("idle", idle, "interval 1 s + 0.5 s", IDLE_LIMIT),
        _figure(f"beside {silent} due of a silent merchant", beside, "2 s", SILENT_LIMIT),
        _figure(f"one call in {_ONE_IN} is throttled", throttled),
    ]


def _waits(
    gateway: FakeAlipay, merchants: dict[str, Any], number: int, *, throttled: bool = False
) -> list[float]:
    """Return the seconds of each wish's wait, the shortest first; leave no row behind."""
    settings.ALIPAY_CANCEL = {"MERCHANTS": merchants}
    Gateway.objects.all().delete()  # what was measured before may have left one as silent
    with _worker():
        for n in range(number):
            (key,) = _request(gateway, "default", 1)
            if throttled and n % _ONE_IN == 0:
                gateway.misbehave(Fault.THROTTLED, payment=key)
            time.sleep(random.uniform(0, 2 * _EVERY))
        waits = _told(number)
    _delete_rows()
    return waits


def _delete_rows() -> None:
    for model in (CancellationAttempt, Cancellation, Payment):
        model.objects.all().delete()


def _told(number: int) -> list[float]:
    wishes = Cancellation.objects.filter(payment__merchant="default")
    called = wishes.annotate(called_at=Min("attempts__sent_at")).filter(called_at__isnull=False)
    give_up = time.monotonic() + _PATIENCE
    while called.count() < number:
        if time.monotonic() > give_up:
            raise RuntimeError(f"Of {number} wishes {called.count()} were called.")
        time.sleep(0.1)
    waits = called.annotate(wait=F("called_at") - F("created_at"))
    return sorted(wait.total_seconds() for wait in waits.values_list("wait", flat=True))


def _request(gateway: FakeAlipay, merchant: str, number: int) -> list[str]:
    """Wish that so many new payments are cancelled; return their payment_request_ids."""
    known = [gateway.add_payment(method="card").payment_request_id for _ in range(number)]
    payments = [services.record_payment(merchant=merchant, payment_request_id=id) for id in known]
    services.request_cancellations(payments)
    return known


@contextmanager
def _worker() -> Iterator[None]:
    Worker.objects.all().delete()
    command = ["-m", "django", "process_cancellations", "--loop", "--workers", str(WORKERS)]
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", *command],
        env={**os.environ, "BENCH_ALIPAY_CANCEL": json.dumps(settings.ALIPAY_CANCEL)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not Worker.objects.exists():  # it has made its first pass
            if worker.poll() is not None:
                raise RuntimeError(f"The worker ended with {worker.returncode}.")
            time.sleep(0.05)
        yield
    finally:
        worker.terminate()
        worker.wait()


def _figure(
    situation: str, waits: list[float], against: str = "", limit: float | None = None
) -> Figure:
    middle, late = (waits[int(len(waits) * share)] for share in (0.5, 0.99))
    return Figure(
        what=f"Wish to call, {situation}, {WORKERS} workers",
        measured=f"p50 {milliseconds(middle)}, p99 {milliseconds(late)}",
        against=against and f"p99 at most {against}",
        ratio=late / limit if limit else None,
        limit=1.0 if limit else None,
    )
