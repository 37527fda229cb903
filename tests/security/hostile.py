"""Random requests over all routes: what nobody honest sends, drawn from a seed."""

import base64
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.local.app_backend import signed_headers
from infra.local.stack import WEBHOOK_SECRET

API = "/account_api/v1/me/trading"
CURSOR = base64.urlsafe_b64encode(f"0001-01-01T00:00:00+23:59 {uuid.UUID(int=0)}".encode()).decode()
STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**18, 10**400, 1.5, [], {}, [[]], {"": {}}),
    *("", " ", "1e-20000", "1e-200000000", "1e999999999", "NaN", "Infinity", "-0", "\uff11\uff10"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z"),
    *("\x00", "\x1b[2J", "\ud800", "\u202e", "a" * 5000, "../../etc/passwd", "' OR 1=1 --"),
    *("{{symbol}}", "%00", "SPY", "spy", "BTC/USD", CURSOR, str(uuid.UUID(int=0)), "pending"),
)
FIELDS = (
    *("version", "enabled", "mode", "data_inputs", "rules", "guardrails", "max_spread_pct"),
    *("max_staleness_seconds", "max_queued_questions", "surprise"),
)
RULE_FIELDS = (
    *("id", "type", "symbol", "symbols", "ref_metric", "threshold_pct", "question_template"),
    *("on_answer_match", "cooldown_seconds", "question_ttl_seconds", "max_price_drift_pct"),
    *("conditions", "period", "timeframe", "level", "direction", "window_minutes"),
)
RULE = {
    "id": "own",
    "type": "price_below_pct_of_ref",
    "symbol": "SPY",
    "ref_metric": "prev_close",
    "threshold_pct": -1,
    "question_template": "?",
    "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
}


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)


class Hostile:
    """Draws requests of one signed-in user who means no good."""

    def __init__(self, seed: int, uid: str, token: str) -> None:
        self._random = random.Random(seed)
        self._uid = uid
        self._token = token

    def requests(self, count: int) -> Iterator[Request]:
        """Yield so many requests."""
        kinds = (self._config, self._config, self._query, self._path, self._answer, self._event)
        for _ in range(count):
            yield self._random.choice(kinds)()

    def _config(self) -> Request:
        document: dict[str, Any] = {}
        for name in self._some(FIELDS, 2):
            document[name] = self._value()
        if self._random.random() < 0.7:
            rule = dict(RULE)
            for name in self._some(RULE_FIELDS, 2):
                rule[name] = self._value()
            document["rules"] = [rule]
        return Request("PUT", f"{API}/config", self._text(document), self._signed_in("*"))

    def _query(self) -> Request:
        route = self._random.choice(("orders", "questions", "snapshots", "status", "config"))
        names = self._some(("limit", "cursor", "status", "symbol", "template_name", "x"), 2)
        query = {name: _printable(self._value()) for name in names}
        return Request("GET", f"{API}/{route}", headers=self._signed_in(), query=query)

    def _path(self) -> Request:
        method = self._random.choice(("GET", "PUT", "DELETE", "POST", "PATCH", "OPTIONS"))
        last = self._random.choice((str(uuid.uuid4()), "0", "%00", "..", "a" * 3000, "%F0%28"))
        tail = self._random.choice(("", "/trace", "//", "/x"))
        headers = self._signed_in() if self._random.random() < 0.7 else self._strangers()
        return Request(method, f"{API}/orders/{last}{tail}", headers=headers)

    def _answer(self) -> Request:
        body: dict[str, Any] = {
            "question_id": str(uuid.uuid4()),
            "firebase_uid": self._uid,
            "answer": 10,
            "answered_at": "2026-02-10T17:00:00Z",
        }
        for name in self._some((*body, "x"), 2):
            body[name] = self._value()
        text = self._text(body)
        signed = self._random.random() < 0.8
        headers = signed_headers(WEBHOOK_SECRET, text.decode("latin-1")) if signed else {}
        return Request("POST", "/answer", text, headers)

    def _event(self) -> Request:
        function = self._random.choice(("evaluate", "submit_order"))
        known = {"order_id": str(uuid.uuid4()), "ingested_at": "x", "stored": 1}
        message = {name: self._value() for name in self._some(tuple(known), 2)}
        data: Any = base64.b64encode(self._text(message)).decode()
        envelope = {"message": {"data": data, "messageId": _printable(self._value())[:50]}}
        if self._random.random() < 0.3:
            envelope = {"message": self._value()}
        headers = {"content-type": "application/json", "traceparent": _printable(self._value())}
        return Request("POST", f"/{function}", self._text(envelope), headers)

    def _signed_in(self, if_match: str = "") -> dict[str, str]:
        headers = {"authorization": f"Bearer {self._token}"}
        return headers | ({"if-match": if_match} if if_match else {})

    def _strangers(self) -> dict[str, str]:
        token = self._random.choice(
            ("Bearer x.y.z", "Basic eDp5", "Bearer", "x", "Bearer " + "a" * 5000)
        )
        return {"authorization": token, "x-cloud-trace-context": "9" * 4301}

    def _value(self) -> Any:
        return self._random.choice(STRANGE)

    def _some(self, names: tuple[str, ...], most: int) -> list[str]:
        return self._random.sample(names, self._random.randint(0, most))

    def _text(self, document: Any) -> bytes:
        """Write JSON, sometimes no JSON."""
        text = json.dumps(document)
        kind = self._random.random()
        if kind < 0.05:
            return text[: len(text) // 2].encode()
        if kind < 0.08:
            return b"[" * 30_000
        if kind < 0.1:
            return b"{" + b",".join(b'"k%d":1' % n for n in range(6000)) + b"}"
        return text.encode()


def _printable(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return (
        text.encode("ascii", "ignore").decode().translate(dict.fromkeys(range(32)))[:2000].strip()
    )
