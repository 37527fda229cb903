"""What the stream keeps current, so that `ingest` need not fetch it.

Whoever stores streamed facts marks each symbol and metric; without the worker the marks grow old.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from common.inputs import TICK_JITTER, StockInput
from common.market import Metric, Snapshot, trading_day
from infra.postgres.market.market_data import Cursors

# The others change once a day, and are fetched.
STREAMED: frozenset[Metric] = frozenset(
    {"last_trade", "minute_bar", "daily_bar", "day_open", "day_high", "day_low"}
)


def stream_key(fact: Snapshot) -> str:
    """Return the cursor of when a fact like this was last stored from the stream."""
    return _key(fact.feed, fact.symbol, fact.metric)


def is_current(each: StockInput, symbol: str, cursors: Cursors, now: datetime) -> bool:
    """Return whether everything that an input wants of a symbol is here without fetching it.

    What is streamed is newer than the poll interval, and the day's previous close is known.
    """
    newest = now - timedelta(seconds=each.poll_interval_seconds) - TICK_JITTER

    def is_known(metric: Metric) -> bool:
        if metric in STREAMED:
            at = cursors.get(_key(each.feed, symbol, metric))
            return at is not None and at > newest
        at = cursors.get(_close_key(each.feed, symbol))
        # The history has a cursor and a request of its own.
        return metric == "daily_close" or (at is not None and trading_day(at) == trading_day(now))

    return not STREAMED.isdisjoint(each.metrics) and all(map(is_known, each.metrics))


def known_closes(facts: Sequence[Snapshot], cursors: Cursors, now: datetime) -> tuple[str, ...]:
    """Return the cursors of the previous closes that will not change today, of streamed stocks.

    Before a stock's first trade of the day its previous close is still that of the day before.
    """
    traded = {
        fact.symbol
        for fact in facts
        if fact.metric == "last_trade" and trading_day(fact.as_of) == trading_day(now)
    }
    return tuple(
        _close_key(fact.feed, fact.symbol)
        for fact in facts
        if fact.metric == "prev_close"
        and fact.symbol in traded
        and _key(fact.feed, fact.symbol, "last_trade") in cursors
    )


def _key(feed: str, symbol: str, metric: Metric) -> str:
    return f"stream {feed} {symbol} {metric}"


def _close_key(feed: str, symbol: str) -> str:
    return f"prev_close {feed} {symbol}"
