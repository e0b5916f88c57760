"""Several of ours at the same payment at the same moment, each in a thread of its own."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence

from django.db import connections


def race(
    acts: Sequence[Callable[[], object]],
    rng: random.Random,
    *,
    allowed: tuple[type[Exception], ...],
) -> None:
    """Let all `acts` begin at once, or a little later, and wait; raise what is not allowed.

    `allowed` are the refusals that are answers: who comes second is told so.
    """
    together = threading.Barrier(len(acts))
    failed: list[BaseException] = []

    def run(act: Callable[[], object], late: float) -> None:
        together.wait()
        time.sleep(late)
        try:
            act()
        except allowed:
            pass
        except BaseException as error:  # told by the thread that can tell it
            failed.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=(act, rng.choice((0, 0, rng.uniform(0, 0.2)))))
        for act in acts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
