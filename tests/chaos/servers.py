"""Database servers of this suite's own: killed, made read-only, starved of connections."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.chaos.disk import SmallDisk
from tests.servers import free_port

# Seconds.
_STARTING = 60


class OwnServer(ABC):
    """A server on a free port, its data in a folder that goes with it.

    The shop's user may be thrown out, locked out and refused; the administrator never is.
    """

    programs: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    scheme = ""
    # What the administrator uses until there is a shop's.
    database = ""

    def __init__(self, disk: SmallDisk | None = None) -> None:
        self.port = free_port()
        self.disk = disk
        self._folder = Path(tempfile.mkdtemp(prefix="alipay-chaos-", dir=disk and disk.folder))
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (self._folder / "log").open("wb")
        self._identity = self._unprivileged()
        if self._identity:
            os.chown(self._folder, self._identity["user"], self._identity["group"])
        self._install()
        self.start()
        self._create_shop()
        self.database = "shop"

    @classmethod
    def missing(cls) -> list[str]:
        """Return the programs that this machine lacks."""
        return [name for name in cls.programs if cls._find(name) is None]

    @property
    def url(self) -> str:
        """The database as tests.settings reads it, for the shop's user."""
        return f"{self.scheme}://shop:shop@127.0.0.1:{self.port}/shop"

    def start(self) -> None:
        """Start the server where it was left, and return when it lets the administrator in."""
        self._process = self._run(*self._serving())
        give_up = time.monotonic() + _STARTING
        while True:
            try:
                self.connect().close()
            except Exception as error:  # of whichever driver: it is not there yet
                if self._process.poll() is not None or time.monotonic() > give_up:
                    log = Path(self._log.name).read_text(errors="replace")
                    raise RuntimeError(f"The server does not start: {log[-2000:]}") from error
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End every process of the server at once, as a power cut does."""
        assert self._process is not None
        pids = [self._process.pid, *_children(self._process.pid)]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        while any(Path(f"/proc/{pid}").exists() for pid in pids[1:]):
            time.sleep(0.01)

    def mend(self) -> None:
        """Undo what a test did to the server, whatever became of the test."""
        assert self._process is not None
        if self.disk is not None:
            self.disk.free()
        if self._process.poll() is not None:
            self.start()
        self.limit_connections(None)
        self.let_write(True)

    def remove(self) -> None:
        """End the server and leave nothing behind."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()
        shutil.rmtree(self._folder)
        if self.disk is not None:
            self.disk.remove()

    def execute(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement as the administrator."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    @contextmanager
    def locked(self, table: str, where: str) -> Iterator[None]:
        """Hold the locks of some rows, as a forgotten session of an operator does."""
        keys = self.execute(f"SELECT id FROM {table} WHERE {where}")
        assert keys, f"There is no {table} where {where}."
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN")
                for key in keys:  # one by one: MariaDB locks whatever it passes on its way
                    cursor.execute(f"SELECT id FROM {table} WHERE id = %s FOR UPDATE", key)
            yield
        finally:
            connection.close()

    @abstractmethod
    def connect(self) -> Any:
        """Return a connection of the administrator, in autocommit."""

    @abstractmethod
    def throw_out(self) -> int:
        """End the shop's sessions; return how many there were."""

    @abstractmethod
    def let_write(self, may: bool) -> None:
        """Let the shop's transactions write, or none of them."""

    @abstractmethod
    def limit_connections(self, most: int | None) -> None:
        """Give the shop so many connections, at least 10; None: as many as it wants."""

    @abstractmethod
    def _install(self) -> None:
        """Make the files of an empty server in `data`."""

    @abstractmethod
    def _serving(self) -> list[str]:
        """Return the program that serves them, and its arguments."""

    @abstractmethod
    def _create_shop(self) -> None:
        """Make the shop's user and its database."""

    @classmethod
    def _find(cls, program: str) -> str | None:
        debian = [str(each) for each in sorted(Path("/usr/lib/postgresql").glob("*/bin"))]
        places = [os.environ.get("PATH", ""), "/usr/sbin", *reversed(debian)]
        return shutil.which(program, path=os.pathsep.join(places))

    def _unprivileged(self) -> dict[str, Any]:
        """Return who runs the server: they refuse root."""
        if os.geteuid() != 0:
            return {}
        known = {each.pw_name: each for each in pwd.getpwall()}
        user = next(known[name] for name in self.users if name in known)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    @property
    def data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        found = self._find(program)
        assert found is not None, f"{program} is missing"
        return subprocess.Popen(
            [found, *arguments],
            cwd=self._folder,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
            **self._identity,
        )


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in told.split()]
