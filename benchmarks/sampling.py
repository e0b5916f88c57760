"""Where the processor's time goes: looked at once in a millisecond of work."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# The first of these that the stack is in, seen from the innermost call, has the sample.
PARTS = {
    "/django_alipay_cancel/alipay/signing": "signing and verifying",
    "/psycopg": "psycopg: sending statements, reading rows",
    "/urllib3/": "HTTP and TLS",
    "/requests/": "HTTP and TLS",
    "/http/": "HTTP and TLS",
    "/ssl.py": "HTTP and TLS",
    "/django_alipay_cancel/alipay/connection": "HTTP and TLS",
    "/django/": "Django's ORM: building statements, filling models",
    "/django_fsm/": "state machines",
    "/django_alipay_cancel/": "the app's own code",
}
_EVERY = 0.001


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Count samples of this thread's work by part."""
    samples: Counter[str] = Counter()

    def sample(number: int, frame: FrameType | None) -> None:
        samples[_part(frame)] += 1

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        for path, part in PARTS.items():
            if path in frame.f_code.co_filename:
                return part
        frame = frame.f_back
    return "other"
