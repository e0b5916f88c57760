"""Starting other processes on the test database."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any
from unittest import mock

from django.conf import settings
from django.db import connection

from tests import actor

# Forked from a process that has imported everything: it takes half a second of a processor.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])


def database_url() -> str:
    """Return the URL of the test database as tests.settings reads it."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite://{known['NAME']}"
    scheme = {"postgresql": "postgres", "mysql": "mysql"}[connection.vendor]
    login = known["USER"] + (f":{known['PASSWORD']}" if known["PASSWORD"] else "")
    return f"{scheme}://{login}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


def environment() -> dict[str, str]:
    """Return the environment in which a process uses the test database."""
    return {**os.environ, "TEST_DATABASE_URL": database_url()}


class Actor:
    """A process that carries out an order of tests.actor."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._told, telling = _CONTEXT.Pipe(duplex=False)
        self.process = _CONTEXT.Process(target=actor.act, args=(order, telling))
        self.process.start()
        telling.close()

    def exit_status(self) -> int | None:
        """Wait for its end; return its status, the negative number of the signal that killed it."""
        self.process.join(120)
        return self.process.exitcode

    def result(self) -> dict[str, Any]:
        """Wait for an actor that is to live, and return what it told."""
        assert self._told.poll(120), "It told nothing."
        result, trace = self._told.recv()
        assert not trace, trace
        self.process.join(120)
        return result

    def end(self) -> None:
        """Kill it, if it lives, and wait."""
        self.process.kill()
        self.process.join()


def start_actor(**order: Any) -> Actor:
    """Start tests.actor with this order, on the test database and with the test's settings."""
    order.setdefault("alipay_cancel", settings.ALIPAY_CANCEL)
    with mock.patch.dict(os.environ, environment()):
        return Actor(order)
