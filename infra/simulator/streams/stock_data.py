"""The stream of stock data, `/v2/iex`, as Alpaca's page describes it.

https://docs.alpaca.markets/docs/streaming-market-data names the messages, the two ways to
authenticate within ten seconds, and the errors;
https://docs.alpaca.markets/docs/real-time-stock-pricing-data the channels. That a socket stays
open after 406, for another attempt, is what the official Go client counts on:
https://github.com/alpacahq/alpaca-trade-api-go/blob/master/marketdata/stream/flow.go

Statuses, price bands and imbalances can be subscribed to, but never come; nor do corrections and
cancellations of trades, which come with `trades`.
"""

from collections.abc import Sequence
from typing import Any

from infra.simulator.api.data import wire_data
from infra.simulator.ledger.orders import OrderChange
from infra.simulator.market.bars import Bar, Quote
from infra.simulator.market.feed import MarketEvent
from infra.simulator.market.symbols import is_stock
from infra.simulator.market.tape import Trade
from infra.simulator.streams.codec import Message
from infra.simulator.streams.session import Event, Session

FEEDS = ("/v2/iex", "/v2/sip")

_TYPES = {"trades": "t", "quotes": "q", "bars": "b", "updatedBars": "u", "dailyBars": "d"}
_CHANNELS = (*_TYPES, "statuses", "lulds", "imbalances")
_LIMITED = ("trades", "quotes")
_ALL = "*"
_CONNECTED = {"T": "success", "msg": "connected"}
_AUTHENTICATED = {"T": "success", "msg": "authenticated"}
_ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    407: "slow client",
    409: "insufficient subscription",
}

_Subscriptions = dict[str, frozenset[str]]
_NONE: _Subscriptions = {channel: frozenset() for channel in _CHANNELS}


class StockDataSession(Session):
    """Answers `auth`, `subscribe` and `unsubscribe`, and sends what is subscribed to."""

    _subscriptions = _NONE

    def greet(self, headers: tuple[str | None, str | None]) -> None:
        """Say that the client is connected, and authenticate it when its headers have keys."""
        self.outbox.reply(_CONNECTED)
        if any(headers):
            self.outbox.reply(self._authenticate(*headers))

    def answer(self, message: Message) -> Message:
        """Return a success, the subscriptions, or an error."""
        action = message.get("action")
        if action == "auth":
            return self._authenticate(message.get("key"), message.get("secret"))
        if action not in ("subscribe", "unsubscribe"):
            return _error(400)
        if not self.authenticated:
            return _error(401)
        return self._change(action, {name: message[name] for name in message if name != "action"})

    def written(self, event: Event) -> Message | None:
        """Return a trade, quote or bar that is subscribed to."""
        if isinstance(event, OrderChange):
            return None
        if not {event.symbol, _ALL} & self._subscriptions[event.channel]:
            return None
        return {"T": _TYPES[event.channel], "S": event.symbol} | _fields(event)

    def farewell_to_slow(self) -> Sequence[Message]:
        """Return error 407."""
        return [_error(407)]

    def farewell_to_silent(self) -> Sequence[Message]:
        """Return error 404."""
        return [_error(404)]

    def _authenticate(self, key: Any, secret: Any) -> Message:
        if self.authenticated:
            return _error(403)
        self.has_tried = True
        if not self.are_keys(key, secret):
            return _error(402)
        if self.path == "/v2/sip":  # as over HTTP: the plan is Basic
            return _error(409)
        return _AUTHENTICATED if self._admit(self) else _error(406)

    def _change(self, action: str, channels: dict[str, Any]) -> Message:
        if not all(_are_symbols(channel, symbols) for channel, symbols in channels.items()):
            return _error(400)
        changed = dict(self._subscriptions)
        for channel, symbols in channels.items():
            named = frozenset(symbols)
            before = changed[channel]
            changed[channel] = before | named if action == "subscribe" else before - named
        if self._are_too_many(changed):
            return _error(405)
        self._subscriptions = changed  # at once: events are offered by another thread
        listed = {channel: sorted(symbols) for channel, symbols in changed.items()}
        with_trades = {"corrections": listed["trades"], "cancelErrors": listed["trades"]}
        return {"T": "subscription", **listed, **with_trades}

    def _are_too_many(self, subscriptions: _Subscriptions) -> bool:
        limited = [subscriptions[channel] for channel in _LIMITED]
        if self._broker.switches.stream_limit_counts_channels:
            count = sum(len(symbols) for symbols in limited)
        else:
            count = len(set().union(*limited))
        limit = self._broker.switches.stream_symbol_limit
        return count > limit or any(_ALL in symbols for symbols in limited)


def _are_symbols(channel: str, symbols: Any) -> bool:
    return (
        channel in _CHANNELS
        and isinstance(symbols, list)
        and all(isinstance(each, str) and (each == _ALL or is_stock(each)) for each in symbols)
    )


def _fields(event: MarketEvent) -> Message:
    match event.fact:
        case Trade() as trade:
            return wire_data.trade(trade)
        case Quote() as quote:
            return wire_data.quote(quote)
        case Bar() as bar:
            return wire_data.bar(bar)


def _error(code: int) -> Message:
    return {"T": "error", "code": code, "msg": _ERRORS[code]}
