"""The dashboard's receiver: takes signed snapshots as the real one was seen to.

Its public source is `haiphen-api/src/index.ts` of github.com/JudeSafo/haiphen-aboutme.
"""

import hashlib
import hmac
import json
import socket
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import flask

from infra.local.dashboard.normalization import normalize
from infra.local.dashboard.tables import DashboardTables, StoredDay
from infra.runtime.clock import SystemClock

ENDPOINT = "/v1/internal/trades/snapshot"
MAX_BODY_BYTES = 2_200_000
_SPARK_WIDTH, _SPARK_HEIGHT = 120.0, 28.0


@dataclass(frozen=True)
class Received:
    """One post, as it was answered. `date` is None where the body was not read that far."""

    date: str | None
    status: int
    signature_verified: bool
    body_bytes: int


@dataclass(frozen=True)
class _Fault:
    status: int | None = None
    delay_seconds: float = 0
    late_seconds: float = 0
    lose_request: bool = False
    lose_reply: bool = False


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def reply(self, request_id: str) -> dict[str, Any]:
        error = {"code": self.code, "message": str(self), "request_id": request_id}
        return {"error": error}


class DashboardReceiver:
    """Serves the snapshot endpoint and, on `/`, a page of the latest day."""

    def __init__(self, database: Path | None, internal_token: str, signing_secret: str) -> None:
        self.tables = DashboardTables(database)
        self.received: list[Received] = []
        self._internal_token = internal_token
        self._signing_secret = signing_secret
        self._faults: deque[_Fault] = deque()
        self._lock = threading.Lock()
        self.app = flask.Flask(__name__, template_folder=str(Path(__file__).parent))
        self.app.add_url_rule(ENDPOINT, view_func=self._post, methods=["POST"])
        self.app.add_url_rule("/", view_func=self._page)

    def day(self, date: str) -> StoredDay | None:
        """Return what is stored of a day (YYYY-MM-DD), or None."""
        return self.tables.day(date)

    def fail_next(self, status: int, times: int = 1) -> None:
        """Answer the next posts with an error, and store nothing."""
        self._faults.extend([_Fault(status=status)] * times)

    def slow_next(self, seconds: float, times: int = 1, *, stored: bool = False) -> None:
        """Let the next posts wait, before they are worked on or (`stored`) after it."""
        fault = _Fault(late_seconds=seconds) if stored else _Fault(delay_seconds=seconds)
        self._faults.extend([fault] * times)

    def drop_next(self, times: int = 1, *, stored: bool = False) -> None:
        """Cut the connection of the next posts, before or (`stored`) after the day was stored.

        Works behind a `Server`; a test client has no connection to cut.
        """
        self._faults.extend([_Fault(lose_reply=True, lose_request=not stored)] * times)

    def close(self) -> None:
        """Close the database."""
        self.tables.close()

    def _post(self) -> flask.Response:
        fault = self._next_fault()
        time.sleep(fault.delay_seconds)
        request_id, body = uuid.uuid4().hex, flask.request.get_data()
        payload: dict[str, Any] = {}
        try:
            _inject(fault)
            self._authenticate(body)
            payload = _normalized(_parse(body))
            self._store(payload)
        except _RefusedError as error:
            status, reply = error.status, error.reply(request_id)
        else:
            stored = {name: payload[name] for name in ("date", "updated_at")}
            status, reply = 200, {"ok": True, **stored, "request_id": request_id}
        self.received.append(
            Received(payload.get("date"), status, self._is_signed(body), len(body))
        )
        time.sleep(fault.late_seconds)
        if fault.lose_reply:
            flask.request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return _reply(status, reply, request_id)

    def _next_fault(self) -> _Fault:
        with self._lock:
            return self._faults.popleft() if self._faults else _Fault()

    def _authenticate(self, body: bytes) -> None:
        token = flask.request.headers.get("X-Internal-Token", "")
        if not hmac.compare_digest(token.encode(), self._internal_token.encode()):
            raise _RefusedError(403, "forbidden", "Forbidden")
        if not flask.request.headers.get("X-Signature"):
            raise _RefusedError(403, "forbidden", "Missing X-Signature header")
        if not self._is_signed(body):
            raise _RefusedError(403, "forbidden", "Invalid signature")

    def _is_signed(self, body: bytes) -> bool:
        given = flask.request.headers.get("X-Signature", "")
        wanted = hmac.new(self._signing_secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(given.encode(), wanted.encode())

    def _store(self, payload: dict[str, Any]) -> None:
        try:
            self.tables.replace(payload)
        except (OverflowError, sqlite3.Error) as error:
            raise _RefusedError(500, "internal_error", str(error)) from error

    def _page(self) -> str:
        day = self.tables.latest()
        series = self.tables.series(day.date) if day else {}
        extremes = self.tables.extremes(day.date) if day else {}
        return flask.render_template(
            "dashboard.html",
            day=day,
            sparks={kpi: _spark(values) for kpi, values in series.items()},
            bars={kpi: _bars(contracts) for kpi, contracts in extremes.items()},
            size=f"{_SPARK_WIDTH:.0f} {_SPARK_HEIGHT:.0f}",
            width=f"{_SPARK_WIDTH:.0f}",
        )


def _inject(fault: _Fault) -> None:
    if fault.lose_request:
        raise _RefusedError(503, "dropped", "The connection is cut")
    if fault.status is not None:
        raise _RefusedError(fault.status, "injected", "Injected fault")


def _parse(body: bytes) -> object:
    if len(body) > MAX_BODY_BYTES:
        raise _RefusedError(413, "payload_too_large", "Body is too large")
    try:
        payload = json.loads(body.decode(), parse_constant=_refuse_constant)
    except ValueError as error:
        raise _RefusedError(400, "invalid_request", "Invalid JSON body") from error
    if not payload and not isinstance(payload, dict | list):
        # `null`, 0, false and "" are JSON, and yet no body there.
        raise _RefusedError(400, "invalid_request", "Invalid JSON body")
    return payload


def _normalized(payload: object) -> dict[str, Any]:
    try:
        return normalize(payload, SystemClock().now())
    except ValueError as error:
        raise _RefusedError(500, "internal_error", str(error)) from error


def _reply(status: int, reply: dict[str, Any], request_id: str) -> flask.Response:
    answer = flask.jsonify(reply)
    answer.status_code = status
    answer.headers["X-Request-Id"] = request_id
    return answer


def _refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(name)


def _spark(values: list[float]) -> str:
    """Return the points of a small line: time goes right, values go up."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    step = _SPARK_WIDTH / max(len(values) - 1, 1)
    scale = (_SPARK_HEIGHT - 2) / ((high - low) or 1)
    return " ".join(
        f"{number * step:.1f},{_SPARK_HEIGHT - 1 - (value - low) * scale:.1f}"
        for number, value in enumerate(values)
    )


def _bars(contracts: Sequence[tuple[str, float]]) -> list[tuple[str, float, float, float]]:
    """Return each contract's bar as (name, metric, left, width): losses left, gains right of 0."""
    low, high = (bound(0.0, *(value for _, value in contracts)) for bound in (min, max))
    scale = _SPARK_WIDTH / ((high - low) or 1)
    return [
        (name, value, (min(value, 0) - low) * scale, max(abs(value) * scale, 0.5))
        for name, value in contracts
    ]
