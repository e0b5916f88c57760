"""One worker that drains the queue, in a process of its own: how fast, and how big it grows.

The order is JSON: `merchant`, `first` (the number of its first payment at the gateway), `number`
(per round), `rounds` and `workers`. Told are, per round, the seconds of the pass and the
memory after it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any


def memory() -> int:
    """Return the bytes of memory that this process has in use."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def drain(
    *, merchant: dict[str, Any], first: int, number: int, rounds: int, workers: int
) -> list[dict[str, float]]:
    from django.conf import settings

    from django_alipay_cancel import services
    from django_alipay_cancel.models import Payment

    settings.ALIPAY_CANCEL = {"MERCHANTS": {"default": merchant}}
    told = []
    for start in range(first, first + rounds * number, number):
        ids = [f"order-{n}" for n in range(start, start + number)]
        for id in ids:
            services.record_payment(payment_request_id=id)
        services.request_cancellations(Payment.objects.filter(payment_request_id__in=ids))
        began = time.perf_counter()
        report = services.process_due_cancellations(workers=workers)
        seconds = time.perf_counter() - began
        if report.succeeded != number:
            raise RuntimeError(f"Of {number} due cancellations: {report}.")
        told.append({"seconds": seconds, "memory": memory()})
    return told


if __name__ == "__main__":
    import django

    django.setup()
    logging.disable(logging.INFO)
    print(json.dumps(drain(**json.loads(sys.argv[1]))))
