"""One cancellation with everything stored, against the SDK's bare call and the bare floor."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from django.conf import settings

from benchmarks.clients import BareClient, Cost, cost_of, cost_with_the_sdk, new_ids
from benchmarks.figures import Figure, milliseconds
from benchmarks.gateway import GatewayProcess
from benchmarks.sampling import sampled
from django_alipay_cancel import services
from django_alipay_cancel.models import Payment

# Of the SDK's cost; the wall time holds two commits more than a bare call.
LIMITS = {"client CPU": 1 / 5, "wall time": 1 / 4}
EIGHTH = 1 / 8


def measure(directory: Path, *, rounds: int, calls: int) -> tuple[list[Figure], Counter[str]]:
    """Return the figures, and how the processor's time of a cancellation is shared out."""
    costs: dict[str, list[Cost]] = {"app": [], "sdk": [], "bare": [], "gateway": []}
    with GatewayProcess(directory) as gateway:
        settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": gateway.merchant}}
        bare = BareClient(gateway.merchant)
        for act, items in ((_cancel, _payments(2)), (bare.cancel, new_ids(2))):
            cost_of(act, items)  # keys, trust roots and connections are there from now on
        for _ in range(rounds):
            # Side by side, so that whatever else the machine does meets all of them.
            worked = gateway.cpu_seconds()
            costs["app"].append(cost_of(_cancel, _payments(calls)))
            costs["gateway"].append(Cost(0, (gateway.cpu_seconds() - worked) / calls))
            costs["bare"].append(cost_of(bare.cancel, new_ids(calls)))
            costs["sdk"].append(cost_with_the_sdk(gateway.merchant, new_ids(calls)))
        payments = _payments(10 * calls)
        with sampled() as samples:
            cost_of(_cancel, payments)
    return _figures(costs), samples


def _payments(number: int) -> list[Payment]:
    return [services.record_payment(payment_request_id=id) for id in new_ids(number)]


def _cancel(payment: Payment) -> None:
    cancellation = services.cancel_payment(payment)
    if cancellation.status != "SUCCEEDED":
        raise RuntimeError(f"A cancellation ended as {cancellation.status}.")


def _figures(costs: dict[str, list[Cost]]) -> list[Figure]:
    figures = []
    for kind, of in (("client CPU", _cpu), ("wall time", _wall)):
        # The quickest round of each: whatever else the machine does only ever adds.
        app, sdk, bare = (min(map(of, costs[who])) for who in ("app", "sdk", "bare"))
        eighth = "below 1/8, too" if app / sdk <= EIGHTH else "not below 1/8"
        figures.append(
            Figure(
                what=f"One cancellation, all stored: {kind} ({eighth})",
                measured=milliseconds(app),
                against=f"official SDK, nothing stored: {milliseconds(sdk)}",
                ratio=app / sdk,
                limit=LIMITS[kind],
                drawn=f"One cancellation: {kind}, ms",
                bars={
                    "bare session, nothing stored": bare * 1000,
                    "this app, all stored": app * 1000,
                    "official SDK, nothing stored": sdk * 1000,
                },
            )
        )
        figures.append(
            Figure(
                what=f"One cancellation, all stored: {kind}",
                measured=milliseconds(app),
                against=f"bare kept-alive session, nothing stored: {milliseconds(bare)}",
                ratio=app / bare,
            )
        )
    gateway = min(map(_cpu, costs["gateway"]))
    figures.append(
        Figure(what="The fake gateway's own CPU per call", measured=milliseconds(gateway))
    )
    return figures


def _cpu(cost: Cost) -> float:
    return cost.cpu


def _wall(cost: Cost) -> float:
    return cost.wall
