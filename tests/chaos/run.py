"""One run: a server, a gateway, a shop and workers, all real processes, and the closing table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.chaos.gateway import WatchedGateway, wait_until
from tests.chaos.servers import OwnServer
from tests.chaos.table import Books, compare

# Seconds of one call: (connect, read). The lease is three times their sum, and ten.
TIMEOUT = (0.5, 1.0)
LEASE = 3 * sum(TIMEOUT) + 10
# Seconds in which a worker ends that was told to, whatever the database does.
STOPPING = 60


class Process:
    """A process of the shop, with what it wrote to its log."""

    def __init__(self, module: str, *arguments: str, log: Path, environ: dict[str, str]) -> None:
        self.log = log
        with log.open("wb") as stderr:
            self.popen = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", module, *arguments],
                env={**os.environ, **environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def stands_still(self) -> bool:
        told = Path(f"/proc/{self.popen.pid}/stat").read_text()
        return told.rsplit(")", 1)[1].split()[0] == "T"

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def stop(self) -> None:
        """Ask the process to end, and see that it does."""
        self.signal(signal.SIGTERM)
        assert self.popen.wait(STOPPING) == 0, self.said

    def kill(self) -> None:
        """End it and all of its children at once."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            assert pipe is not None
            pipe.close()


class ShopProcess(Process):
    """tests.chaos.shop: orders go in, answers come out."""

    def send(self, do: str, **order: Any) -> None:
        assert self.popen.stdin is not None
        print(json.dumps({"do": do, **order}), file=self.popen.stdin, flush=True)

    def answer(self) -> Any:
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        assert line, self.said
        return json.loads(line)["answer"]

    def order(self, do: str, **order: Any) -> Any:
        self.send(do, **order)
        return self.answer()


class Run:
    """What a test breaks, and how it finds out whether anything came of it."""

    def __init__(self, name: str, server: OwnServer, folder: Path) -> None:
        self.name = name
        self.server = server
        self.gateways = {"default": WatchedGateway(hold=0.1, patience=sum(TIMEOUT))}
        self.wished_at: dict[str, float] = {}
        self._folder = folder
        self._processes: list[Process] = []
        self.gateway.start()
        self.shop = self.start_shop()
        self.shop.order("begin", alipay_cancel=self.alipay_cancel)

    @property
    def gateway(self) -> WatchedGateway:
        return self.gateways["default"]

    @property
    def alipay_cancel(self) -> dict[str, Any]:
        return {
            "MERCHANTS": {name: each.merchant_settings() for name, each in self.gateways.items()},
            "TIMEOUT": TIMEOUT,
            "RETRY_DELAYS": [1] * 40,
            "QUIET_PERIOD": 1,
        }

    def add_merchant(self, name: str) -> WatchedGateway:
        """Add a merchant with a gateway of its own, before anything is wished of it."""
        self.gateways[name] = WatchedGateway(hold=0.1, patience=sum(TIMEOUT))
        self.gateways[name].start()
        self.shop.order("begin", alipay_cancel=self.alipay_cancel)
        return self.gateways[name]

    def start_shop(self, *, clock_ahead: float = 0, broker: str = "") -> ShopProcess:
        environ = {**self.environ(clock_ahead), "CHAOS_BROKER": broker}
        log = self._folder / f"process-{len(self._processes)}.log"
        shop = ShopProcess("tests.chaos.shop", log=log, environ=environ)
        self._processes.append(shop)
        return shop

    def start_worker(
        self, *options: str, clock_ahead: float = 0, stands_still: str = ""
    ) -> Process:
        """Start `manage.py process_cancellations` with these options, `--loop` if there is none."""
        environ = {**self.environ(clock_ahead), "CHAOS_STANDS_STILL": stands_still}
        return self.start("tests.chaos.manage", "process_cancellations", *options, **environ)

    def start(self, module: str, *arguments: str, **environ: str) -> Process:
        log = self._folder / f"process-{len(self._processes)}.log"
        process = Process(module, *arguments, log=log, environ=environ)
        self._processes.append(process)
        return process

    def environ(self, clock_ahead: float = 0) -> dict[str, str]:
        return {
            "TEST_DATABASE_URL": self.server.url,
            "CHAOS_ALIPAY_CANCEL": json.dumps(self.alipay_cancel),
            "CHAOS_CLOCK_AHEAD": str(clock_ahead),
            "PYTHONPATH": os.getcwd(),
        }

    def wish(self, number: int, *, prefix: str = "order", **options: Any) -> None:
        """Let the shop ask for the cancellation of so many new payments of one merchant."""
        self.begin_wishing(number, prefix=prefix, **options)
        self.end_wishing()

    def begin_wishing(
        self, number: int, *, prefix: str = "order", merchant: str = "default", every: float = 0
    ) -> None:
        """The same, one every so many seconds, while the test goes on until `end_wishing`."""
        ids = self.gateways[merchant].add(prefix, number)
        self.shop.send("wish", ids=ids, merchant=merchant, every=every)

    def end_wishing(self) -> None:
        self.wished_at |= self.shop.answer()

    def finish(self, seconds: float = 90) -> Books:
        """Wait until everything has ended, stop the workers, and compare the books."""
        give_up = time.monotonic() + seconds
        # What a worker did not get to announce is announced a minute later.
        whole = bool(os.environ.get("NIGHTLY"))
        while self.shop.order("left", signals=whole) and time.monotonic() < give_up:
            time.sleep(0.1)
        for process in self._processes:
            if not isinstance(process, ShopProcess) and process.popen.poll() is None:
                process.stop()
        assert self.shop.order("broken") == []
        return compare(self.name, self.gateways.values(), self.shop.order("rows"), self.wished_at)

    def end(self) -> None:
        """Leave no process and no gateway behind."""
        for process in self._processes:
            process.kill()
        for gateway in self.gateways.values():
            gateway.let_go()
            gateway.stop()

    def wait_for_calls(self, number: int) -> None:
        wait_until(lambda: len(self.gateway.flights) >= number)
