"""Market: the watched symbols, with a chart of each and what was fired and ordered on it."""

from datetime import timedelta
from typing import Any

from common.market import trading_day_start
from functions.pages.rendering import Reply, chart, page
from functions.pages.requests import Call
from infra.postgres.console import orders, prices
from infra.postgres.database import Row, Transaction

_SYMBOLS = 24
_DAYS = timedelta(days=4)


def show(call: Call) -> Reply:
    """Show each symbol that was fetched in the last days."""
    since = trading_day_start(call.now) - _DAYS
    with call.app.database.transaction() as tx:
        symbols = [_symbol(tx, call, row) for row in prices.watched(tx, since, _SYMBOLS)]
    return page(call, "market", symbols=symbols)


def _symbol(tx: Transaction, call: Call, row: Row) -> dict[str, Any]:
    since = trading_day_start(row["as_of"])
    close, price, symbol = row["prev_close"], row["price"], row["symbol"]
    points = prices.series(tx, symbol, since, call.now)
    marks = [
        {"x": each["as_of"].timestamp(), "label": f"{each['rule_id']} fired", "kind": "fired"}
        for each in prices.firings(tx, symbol, since)
    ] + [
        {"x": each["at"].timestamp(), "label": f"{each['side']} {each['status']}", "kind": "order"}
        for each in orders.of_symbol(tx, symbol, since)
    ]
    return {
        **row,
        "change": (price - close) / close * 100 if close and price is not None else None,
        "chart": chart(
            f"{symbol} today",
            [(each["as_of"], each["price"]) for each in points],
            marks=marks,
            reference=float(close) if close else None,
        ),
        "marks": marks,
    }
