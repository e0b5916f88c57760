"""A MariaDB of this suite's own."""

from __future__ import annotations

from typing import Any

from tests.chaos.servers import OwnServer

_AS_MANY_AS_EVER = 151


class MariaDB(OwnServer):
    programs = ("mariadb-install-db", "mariadbd")
    users = ("mysql", "nobody")
    scheme = "mysql"

    def connect(self) -> Any:
        import MySQLdb

        return MySQLdb.connect(
            host="127.0.0.1", port=self.port, user="root", database=self.database, autocommit=True
        )

    def throw_out(self) -> int:
        listed = "SELECT id FROM information_schema.processlist WHERE user = 'shop'"
        sessions = len(self.execute(listed))
        self.execute("KILL CONNECTION USER shop")
        return sessions

    def let_write(self, may: bool) -> None:
        self.execute(f"SET GLOBAL read_only = {'OFF' if may else 'ON'}")

    def limit_connections(self, most: int | None) -> None:
        self.execute(f"SET GLOBAL max_connections = {most or _AS_MANY_AS_EVER}")

    def _install(self) -> None:
        made = self._run(
            *("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db"),
            "--auth-root-authentication-method=normal",
        )
        assert made.wait() == 0, "mariadb-install-db failed"

    def _serving(self) -> list[str]:
        # What a killed process has handed to the operating system is safe without fsync.
        return [
            *("mariadbd", "--no-defaults", f"--datadir={self.data}", f"--port={self.port}"),
            *(f"--socket={self.data}/socket", "--bind-address=127.0.0.1", "--skip-networking=0"),
            *(f"--pid-file={self.data}/pid", "--innodb-flush-log-at-trx-commit=2"),
            *("--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M"),
        ]

    def _create_shop(self) -> None:
        self.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
        self.execute("CREATE USER shop@'127.0.0.1' IDENTIFIED BY 'shop'")
        self.execute("CREATE USER shop@localhost IDENTIFIED BY 'shop'")
        for host in ("127.0.0.1", "localhost"):
            self.execute(f"GRANT ALL ON shop.* TO shop@'{host}'")
