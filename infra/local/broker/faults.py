"""What goes wrong on demand, and how often it did.

kind                   effect on a matching request
---------------------  ---------------------------------------------------------------------------
`accept_then_timeout`  carried out; after `delay` seconds the connection closes without a reply
`accept_then_504`      carried out; answered 504 with an empty body
`status`               not carried out; answered `status` with `body` (JSON, text, or absent for
                       what is documented of that status), `headers` and, with `rate_headers`,
                       X-RateLimit-*; `html` marks a text body as HTML
`slow`                 carried out after `delay` seconds
`stale_quote`          the quotes in the answer are `age` seconds old (default 3600)
`empty_quote`          the quotes in the answer have no `side`: ask (default), bid or both

Each has `times` (how many requests it hits), `method` and `path`, a prefix. The quote faults take a
`symbol` to spoil one only, and pass over requests that carry no quotes.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from infra.local.broker.bars import Quote
from infra.local.broker.instants import SECOND

# A request meets at most one fault of each group, the oldest first: two queued `status` faults hit
# two requests, while a slow one can also fail.
_GROUPS = {
    "accept_then_timeout": "reply",
    "accept_then_504": "reply",
    "status": "reply",
    "slow": "delay",
    "stale_quote": "quote",
    "empty_quote": "quote",
}
KINDS = tuple(_GROUPS)
_PARAMETERS = {
    "accept_then_timeout": {"delay"},
    "accept_then_504": set[str](),
    "status": {"status", "body", "headers", "rate_headers", "html"},
    "slow": {"delay"},
    "stale_quote": {"age", "symbol"},
    "empty_quote": {"side", "symbol"},
}


@dataclass
class Fault:
    """One kind of trouble for the next `times` matching requests."""

    kind: str
    times: int = 1
    method: str | None = None
    path: str = "/v"
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Which faults it excludes on the same request."""
        return _GROUPS[self.kind]

    def matches(self, method: str, path: str) -> bool:
        """Whether it hits this request."""
        if not self.times or self.method not in (None, method) or not path.startswith(self.path):
            return False
        return self.group != "quote" or "snapshot" in path or "quotes" in path

    def spoil(self, symbol: str, quote: Quote, now: int) -> Quote:
        """Return the quote as the client gets to see it."""
        if self.parameters.get("symbol") not in (None, symbol):
            return quote
        if self.kind == "stale_quote":
            return replace(quote, at=now - int(float(self.parameters.get("age", 3600)) * SECOND))
        if self.kind == "empty_quote":
            side = self.parameters.get("side", "ask")
            emptied = ("bid", "ask") if side == "both" else (side,)
            zeros: dict[str, Any] = dict.fromkeys(emptied, quote.bid * 0)
            return replace(quote, **zeros)
        return quote


class Faults:
    """The waiting faults and the count of those that hit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._injected: Counter[str] = Counter()

    def add(
        self,
        kind: str,
        *,
        times: int = 1,
        method: str | None = None,
        path: str = "/v",
        **parameters: Any,
    ) -> None:
        """Let the next `times` matching requests meet this trouble (see the table above)."""
        if kind not in _GROUPS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(_GROUPS)}")
        if unknown := parameters.keys() - _PARAMETERS[kind]:
            raise ValueError(f"fault {kind} has no parameter {', '.join(sorted(unknown))}")
        if times < 1:
            raise ValueError("times must be at least 1")
        if kind == "status" and not isinstance(parameters.get("status"), int):
            raise ValueError("fault status needs a status, e.g. status=503")
        if kind.startswith("accept_then") and method is None:
            method = "POST"
        with self._lock:
            self._waiting.append(Fault(kind, times, method, path, parameters))

    def take(self, method: str, path: str) -> list[Fault]:
        """Return what this request meets, and count it."""
        with self._lock:
            met: dict[str, Fault] = {}
            for fault in self._waiting:
                if fault.group not in met and fault.matches(method, path):
                    met[fault.group] = fault
                    fault.times -= 1
                    self._injected[fault.kind] += 1
            self._waiting = [fault for fault in self._waiting if fault.times]
            return list(met.values())

    def injected(self, kind: str | None = None) -> int:
        """Return how many requests were hit, by this kind or by any."""
        with self._lock:
            return self._injected[kind] if kind else self._injected.total()

    def waiting(self) -> list[Fault]:
        """Return the faults that will still hit."""
        with self._lock:
            return [replace(fault) for fault in self._waiting]

    def clear(self) -> None:
        """Forget all faults and counts."""
        with self._lock:
            self._waiting.clear()
            self._injected.clear()
