"""The stream of order updates, `/stream`, as Alpaca's page describes it.

https://docs.alpaca.markets/docs/websocket-streaming names the messages, and says that the frames
of a paper account are binary. One form of authentication is the page's, the other the client's:
https://github.com/alpacahq/alpaca-py/blob/master/alpaca/trading/stream.py
"""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from infra.simulator.api.trading import wire_orders
from infra.simulator.decimals import money
from infra.simulator.ledger.orders import OrderChange
from infra.simulator.market.timestamps import rfc3339
from infra.simulator.streams.codec import Message
from infra.simulator.streams.session import Event, Session

PATH = "/stream"
_TRADE_UPDATES = "trade_updates"
_CANNOT_READ = {"action": "error", "data": {"error_message": "internal server error"}}


class OrderUpdatesSession(Session):
    """Answers `auth` (or `authenticate`) and `listen`, and sends each change of an order."""

    _listens = False

    def greet(self, headers: tuple[str | None, str | None]) -> None:
        """Say nothing: the client speaks first."""

    def answer(self, message: Message) -> Message:
        """Return whether the client is authorized, or what it listens to."""
        match message:
            case {"action": "auth", "key": key, "secret": secret}:
                return self._authenticate(key, secret)
            case {"action": "authenticate", "data": {"key_id": key, "secret_key": secret}}:
                return self._authenticate(key, secret)
            case {"action": "listen", "data": {"streams": [*streams]}}:
                return self._listen(streams)
        return _CANNOT_READ

    def written(self, event: Event) -> Message | None:
        """Return an update once the client listens."""
        if isinstance(event, OrderChange) and self._listens:
            return {"stream": _TRADE_UPDATES, "data": _update(event)}
        return None

    def farewell_to_slow(self) -> Sequence[Message]:
        """Return nothing: no message is documented."""
        return ()

    def farewell_to_silent(self) -> Sequence[Message]:
        """Return nothing: no message is documented."""
        return ()

    def _authenticate(self, key: Any, secret: Any) -> Message:
        self.has_tried = True
        self.authenticated = self.authenticated or self.are_keys(key, secret)
        return _authorization("authenticate", authorized=self.authenticated)

    def _listen(self, streams: list[Any]) -> Message:
        if not self.authenticated:
            return _authorization("listen", authorized=False)
        self._listens = _TRADE_UPDATES in streams
        heard = [_TRADE_UPDATES] if self._listens else []
        return {"stream": "listening", "data": {"streams": heard}}


def _authorization(action: str, *, authorized: bool) -> Message:
    status = "authorized" if authorized else "unauthorized"
    return {"stream": "authorization", "data": {"status": status, "action": action}}


def _update(change: OrderChange) -> Message:
    order, fill = change.order, change.fill
    stamped = {"timestamp": rfc3339(order.updated_at), "order": wire_orders.order(order)}
    if fill is None:
        return {"event": str(order.status), "execution_id": str(uuid4()), **stamped}
    return {
        "event": "partial_fill" if fill.leaves_qty else "fill",
        "execution_id": fill.id,
        "price": money(fill.price),
        "qty": money(fill.qty),
        "position_qty": money(change.position_qty),
        **stamped,
    }
