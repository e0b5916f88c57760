"""A PostgreSQL of this suite's own."""

from __future__ import annotations

from typing import Any

from tests.chaos.servers import OwnServer


class PostgreSQL(OwnServer):
    programs = ("initdb", "postgres")
    users = ("postgres", "nobody")
    scheme = "postgres"
    database = "postgres"

    def connect(self) -> Any:
        import psycopg

        connection = psycopg.connect(
            host="127.0.0.1", port=self.port, user="admin", dbname=self.database, autocommit=True
        )
        # That nobody may write is meant for everybody else.
        connection.execute("SET default_transaction_read_only = off")
        return connection

    def throw_out(self) -> int:
        sessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'"
        return len(self.execute(sessions))

    def let_write(self, may: bool) -> None:
        self.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'off' if may else 'on'}")
        self.execute("SELECT pg_reload_conf()")

    def limit_connections(self, most: int | None) -> None:
        self.execute(f"ALTER ROLE shop CONNECTION LIMIT {-1 if most is None else most}")

    def _install(self) -> None:
        made = self._run(
            *("initdb", "--pgdata", str(self.data), "--username", "admin", "--auth", "trust"),
            *("--no-sync", "--no-locale", "--encoding", "UTF8"),
        )
        assert made.wait() == 0, "initdb failed"

    def _serving(self) -> list[str]:
        # What a killed process has handed to the operating system is safe without fsync.
        return [
            *("postgres", "-D", str(self.data), "-p", str(self.port), "-k", str(self.data)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"),
            *("-c", "min_wal_size=32MB", "-c", "max_wal_size=64MB"),
        ]

    def _create_shop(self) -> None:
        self.execute("CREATE ROLE shop LOGIN PASSWORD 'shop'")
        self.execute("CREATE DATABASE shop OWNER shop")
