"""What somebody else does while a call is in flight."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from django.db import connections

from django_alipay_cancel.testing import FakeAlipay


@contextmanager
def while_in_flight(
    gateways: Collection[FakeAlipay], act: Callable[[], object]
) -> Iterator[list[str]]:
    """Let `act` happen once, in the gateway's thread, before the next call to any is answered.

    Yields a list that holds that call's API once it came to it. What `act` raises is raised here.
    """
    came: list[str] = []
    failed: list[BaseException] = []

    def before_answer(call) -> None:
        for gateway in gateways:
            gateway.before_answer = None
        came.append(call.api)
        try:
            act()
        except BaseException as error:  # told by the thread that can tell it
            failed.append(error)
        finally:
            connections.close_all()

    for gateway in gateways:
        gateway.before_answer = before_answer
    try:
        yield came
    finally:
        for gateway in gateways:
            gateway.before_answer = None
    if failed:
        raise failed[0]
