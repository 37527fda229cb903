"""The dashboard's database as Cloudflare's REST API serves it: D1, with its limits.

Real SQLite executes the statements, in the tables that the dashboard's receiver fills.
"""

import hmac
import sqlite3
import threading
from collections import deque
from typing import Any

import flask

from infra.local.dashboard.payload import Statement
from infra.local.dashboard.tables import DashboardTables

# developers.cloudflare.com/d1/platform/limits; of the size of a row its smaller, earlier value.
_MAX_PARAMETERS = 100
_MAX_SQL_BYTES = 100_000
_MAX_TEXT_BYTES = 1_000_000

_BAD_REQUEST, _UNAUTHORIZED, _NOT_FOUND = 400, 401, 404
# Cloudflare's own numbers of these errors.
_CODES = {_BAD_REQUEST: 7500, _UNAUTHORIZED: 10_000, _NOT_FOUND: 7404}


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LocalD1:
    """Serves `POST /accounts/<account>/d1/database/<database>/query` over the receiver's tables."""

    def __init__(
        self, tables: DashboardTables, account_id: str, database_id: str, token: str
    ) -> None:
        self.answered: list[int] = []
        self._tables = tables
        self._place = (account_id, database_id)
        self._authorization = f"Bearer {token}"
        self._failures: deque[int] = deque()
        self._lock = threading.Lock()
        self.app = flask.Flask(__name__)
        path = "/accounts/<account_id>/d1/database/<database_id>/query"
        self.app.add_url_rule(path, view_func=self._query, methods=["POST"])

    def fail_next(self, status: int, times: int = 1) -> None:
        """Answer the next queries with an error, and execute nothing."""
        self._failures.extend([status] * times)

    def _query(self, account_id: str, database_id: str) -> tuple[dict[str, Any], int]:
        try:
            self._inject()
            self._authorize((account_id, database_id))
            changes = self._tables.run(_statements(flask.request.get_json()))
        except _RefusedError as error:
            status, reply = error.status, _failure(error.status, str(error))
        except sqlite3.Error as error:
            status, reply = _BAD_REQUEST, _failure(_BAD_REQUEST, f"{error}: SQLITE_ERROR")
        else:
            status, reply = 200, _success(changes)
        self.answered.append(status)
        return reply, status

    def _inject(self) -> None:
        with self._lock:
            if self._failures:
                raise _RefusedError(self._failures.popleft(), "Injected fault")

    def _authorize(self, place: tuple[str, str]) -> None:
        given = flask.request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), self._authorization.encode()):
            raise _RefusedError(_UNAUTHORIZED, "Authentication error")
        if place != self._place:
            raise _RefusedError(_NOT_FOUND, f"The database {place[1]} could not be found")


def _statements(asked: dict[str, Any]) -> list[Statement]:
    return [_statement(each) for each in asked.get("batch", [asked])]


def _statement(asked: dict[str, Any]) -> Statement:
    sql, parameters = asked["sql"], asked.get("params", [])
    if len(sql.encode()) > _MAX_SQL_BYTES:
        raise _RefusedError(_BAD_REQUEST, "statement too long: SQLITE_TOOBIG")
    if len(parameters) > _MAX_PARAMETERS:
        raise _RefusedError(_BAD_REQUEST, "too many SQL variables: SQLITE_ERROR")
    if not all(isinstance(each, str) for each in parameters):
        raise _RefusedError(_BAD_REQUEST, "params must be strings")
    # A statement writes its texts into one row.
    if sum(len(each.encode()) for each in parameters) > _MAX_TEXT_BYTES:
        raise _RefusedError(_BAD_REQUEST, "string or blob too big: SQLITE_TOOBIG")
    # Ours are numbered (`?1`): to Python's SQLite a name, for which 3.14 takes no sequence.
    return sql, {str(number): value for number, value in enumerate(parameters, 1)}


def _success(changes: list[int]) -> dict[str, Any]:
    result = [{"results": [], "success": True, "meta": {"changes": each}} for each in changes]
    return {"result": result, "success": True, "errors": [], "messages": []}


def _failure(status: int, message: str) -> dict[str, Any]:
    error = {"code": _CODES.get(status, status), "message": message}
    return {"result": [], "success": False, "errors": [error], "messages": []}
