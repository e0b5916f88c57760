"""Several processes on one queue: the worker's command side by side, and Celery's processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Max, Min

from benchmarks.bulk import LATENCY
from benchmarks.clients import new_ids
from benchmarks.figures import Figure
from benchmarks.gateway import GatewayProcess
from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation

PROCESSES = (1, 2, 4)
WORKERS = 16
_PYTHON = [sys.executable, "-W", "ignore", "-m"]


def measure(directory: Path, *, number: int) -> list[Figure]:
    """Measure how fast `number` due rows are drained, by more and more processes."""
    with GatewayProcess(directory, latency=LATENCY) as gateway:
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant}}
        environ = {**os.environ, "BENCH_ALIPAY_CANCEL": json.dumps(settings.ALIPAY_CANCEL)}
        rates = {
            f"{processes} x process_cancellations --workers {WORKERS}": _drained_by_workers(
                processes, environ, number
            )
            for processes in PROCESSES
        }
        rates[f"Celery, {WORKERS} processes, a task each"] = _drained_by_celery(environ, number)
    figures = [
        Figure(what=f"{number} due at 150 ms: {how}", measured=f"{rate:.0f} a second")
        for how, rate in rates.items()
    ]
    bars = {f"this app, {how}": rate for how, rate in rates.items()}
    drawn = "Cancellations a second at 150 ms gateway latency"
    return [*figures[:-1], replace(figures[-1], drawn=drawn, bars=bars)]


def _drained_by_workers(processes: int, environ: Mapping[str, str], number: int) -> float:
    batch = _request(number)
    command = [*_PYTHON, "django", "process_cancellations", "--workers", str(WORKERS)]
    running = [
        subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) for _ in range(processes)
    ]
    for process in running:
        process.wait()
    return _rate(batch, number)


def _drained_by_celery(environ: Mapping[str, str], number: int) -> float:
    from django_alipay_cancel.tasks import attempt_cancellation

    with _celery_worker(environ):
        batch = _request(number)
        rows = Cancellation.objects.filter(batch=batch)
        for key in rows.values_list("pk", flat=True):
            attempt_cancellation.delay(str(key))
        while rows.filter(status=Cancellation.Status.PENDING).exists():
            time.sleep(0.5)
    return _rate(batch, number)


@contextmanager
def _celery_worker(environ: Mapping[str, str]) -> Iterator[None]:
    from benchmarks.celery_app import app

    options = ["--loglevel", "ERROR", "--concurrency", str(WORKERS)]
    worker = subprocess.Popen(
        [*_PYTHON, "celery", "-A", "benchmarks.celery_app", "worker", *options],
        env=environ,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not app.control.ping(timeout=0.5):
            if worker.poll() is not None:
                raise RuntimeError(f"The Celery worker ended with {worker.returncode}.")
        yield
    finally:
        worker.terminate()
        worker.wait()
        app.close()


def _request(number: int) -> UUID:
    batch = uuid4()
    payments = [services.record_payment(payment_request_id=id) for id in new_ids(number)]
    services.request_cancellations(payments, batch=batch)
    return batch


def _rate(batch: UUID, number: int) -> float:
    """Return the cancellations a second, from the first call to the last result."""
    rows = Cancellation.objects.filter(batch=batch)
    done = rows.filter(status=Cancellation.Status.SUCCEEDED).count()
    if done != number:
        raise RuntimeError(f"{done} of {number} cancellations succeeded.")
    span = rows.aggregate(began=Min("attempts__sent_at"), ended=Max("finished_at"))
    return number / float((span["ended"] - span["began"]).total_seconds())
