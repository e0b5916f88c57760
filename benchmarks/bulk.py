"""A thousand cancellations through `cancel_payments`, with a gateway as slow as a real one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from benchmarks.clients import BareClient, cost_of, cost_with_the_sdk, new_ids
from benchmarks.figures import Figure
from benchmarks.gateway import GatewayProcess
from django_alipay_cancel import services
from django_alipay_cancel.models import Cancellation

LATENCY = 0.15
LIMIT = 1.15
# So many of the slow ones are measured; the thousand is calculated.
_LOOP, _THREADED = 40, 160


def measure(directory: Path, *, number: int, workers: Sequence[int], rounds: int) -> list[Figure]:
    """Measure `number` cancellations with each number of workers, and the SDK beside them."""
    figures = []
    bars = {}
    with (
        GatewayProcess(directory, latency=LATENCY) as slow,
        GatewayProcess(directory) as quick,
    ):
        latency = _latency(slow)
        for threads in workers:
            # The quickest round: whatever else the machine does only ever adds.
            own_limit, took = (
                min(_seconds(gateway, directory, number, threads) for _ in range(rounds))
                for gateway in (quick, slow)
            )
            network = number * latency / threads
            bars[f"this app, {threads} workers, all stored"] = took
            floor = max(network, own_limit)
            name = "N x latency / workers" if network >= own_limit else "this machine's limit"
            figures.append(
                Figure(
                    what=f"{number} cancellations at 150 ms, {threads} workers",
                    measured=f"{took:.1f} s",
                    against=f"{name}: {floor:.1f} s (gateway without latency: {own_limit:.1f} s, "
                    f"N x {latency * 1000:.1f} ms, which a bare call takes, / workers: "
                    f"{network:.1f} s)",
                    ratio=took / floor,
                    limit=LIMIT,
                )
            )
        loop = cost_with_the_sdk(slow.merchant, new_ids(_LOOP))
        threaded = cost_with_the_sdk(slow.merchant, new_ids(_THREADED), threads=16)
    for how, cost, calls in (("in a loop", loop, _LOOP), ("in 16 threads", threaded, _THREADED)):
        bars[f"official SDK {how}"] = cost.wall * number
        figures.append(
            Figure(
                what=f"{number} bare calls at 150 ms, official SDK {how}",
                measured=f"{cost.wall * number:.1f} s",
                against=f"calculated from {calls} calls; client CPU {cost.cpu * number:.1f} s",
            )
        )
    drawn = f"{number} cancellations at 150 ms gateway latency: seconds"
    return [*figures[:-1], replace(figures[-1], drawn=drawn, bars=bars)]


def _latency(gateway: GatewayProcess) -> float:
    """Return what a call takes that a kept-alive session makes and nobody stores."""
    bare = BareClient(gateway.merchant)
    cost_of(bare.cancel, new_ids(1))  # the connection is there from now on
    return cost_of(bare.cancel, new_ids(_LOOP)).wall


def _seconds(gateway: GatewayProcess, directory: Path, number: int, threads: int) -> float:
    """Return how long the command took for new payments that this gateway has."""
    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant}}
    ids = new_ids(number)
    for id in ids:
        services.record_payment(payment_request_id=id)
    listed = directory / "ids.txt"
    listed.write_text("\n".join(ids))
    with (directory / "told.txt").open("w") as told:
        began = time.perf_counter()
        call_command("cancel_payments", file=listed, workers=threads, stdout=told, stderr=told)
        took = time.perf_counter() - began
    done = Cancellation.objects.filter(
        status="SUCCEEDED", payment__payment_request_id__in=ids
    ).count()
    connection.close()
    if done != number:
        raise RuntimeError(f"{done} of {number} cancellations succeeded.")
    return took
