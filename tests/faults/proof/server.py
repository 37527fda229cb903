"""A look into the database server from outside: who waits for whom, and who is gone."""

import threading
import time
from collections.abc import Iterable
from typing import Any

from infra.postgres.database import Row, connector

_LOOK_SECONDS = 0.0005


class Server:
    """One connection of the proof's own, which takes part in no transaction."""

    def __init__(self, url: str) -> None:
        self._connection = connector(url)()
        self._connection.autocommit = True
        self._lock = threading.Lock()

    def is_blocked(self, backend: int) -> bool:
        """Tell whether a server process waits for a lock that another holds."""
        (row,) = self._rows(f"SELECT cardinality(pg_blocking_pids({backend})) > 0 AS blocked")
        return bool(row["blocked"])

    def wait_until_gone(self, backends: Iterable[int]) -> None:
        """Wait until the server has noticed that these connections are closed."""
        for backend in backends:
            while self._rows(f"SELECT FROM pg_stat_get_activity({backend})"):
                time.sleep(_LOOK_SECONDS)

    def terminate(self, backends: Iterable[int]) -> None:
        """End server processes, as a restart of the server does."""
        gone = list(backends)
        for backend in gone:
            self._rows(f"SELECT pg_terminate_backend({backend})")
        self.wait_until_gone(gone)

    def run(self, sql: str) -> None:
        """Run statements, each committed at once."""
        with self._lock:
            self._connection.execute_simple(sql)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _rows(self, sql: str) -> list[Row]:
        with self._lock:
            found: Any = self._connection.execute_simple(sql)
        names = [column["name"] for column in found.columns or ()]
        return [dict(zip(names, row, strict=True)) for row in found.rows or ()]
