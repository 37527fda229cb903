"""Option snapshots with parts that cannot be right: each of them loses only itself."""

from datetime import date
from decimal import Decimal
from typing import Any

import flask
import pytest

from common.options import ChainBounds, OptionContract, OptionSnapshot
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.market_data import AlpacaMarketData
from infra.local.serving import HttpServer
from tests.conftest import NOON

CONTRACT = OptionContract(
    "SPY260320C00500000", "SPY", "call", Decimal(500), date(2026, 3, 20), "american", 7
)
AT = "2026-02-10T17:00:00Z"
GOOD: dict[str, Any] = {
    "latestQuote": {"t": AT, "bp": 2.4, "ap": 2.44, "bs": 5, "as": 6},
    "latestTrade": {"t": AT, "p": 2.42, "s": 1},
    "dailyBar": {"t": AT, "c": 2.42, "v": 30},
    "greeks": {"delta": 0.5, "gamma": 0.01, "theta": -0.1, "vega": 0.2, "rho": 0.05},
    "impliedVolatility": 0.16,
}


def read(parts: dict[str, Any]) -> OptionSnapshot:
    app = flask.Flask("broker")
    body = {"snapshots": {CONTRACT.symbol: parts}, "next_page_token": None}
    app.before_request(lambda: flask.jsonify(body))
    bounds = ChainBounds(CONTRACT.expiry, CONTRACT.expiry, Decimal(400), Decimal(600))
    with HttpServer(app) as server:
        data = AlpacaMarketData(AlpacaHttp(server.url, "k", "s", read_attempts=1)).options
        found = data.snapshots(
            [CONTRACT], {"SPY": bounds}, {"SPY": Decimal(500)}, "indicative", NOON
        )
    (snapshot,) = found.found
    return snapshot


# The first as others recorded it of a contract: QuantConnect/Lean issue 8479.
@pytest.mark.parametrize(("bid", "ask"), [(541, 443), (2.45, 2.44)])
def test_a_crossed_quote_is_no_quote(bid: float, ask: float) -> None:
    snapshot = read(GOOD | {"latestQuote": {"t": AT, "bp": bid, "ap": ask}})

    assert (snapshot.bid, snapshot.ask, snapshot.bid_size) == (None, None, None)
    assert snapshot.last_trade == Decimal("2.42")


def test_a_locked_quote_is_one() -> None:
    snapshot = read(GOOD | {"latestQuote": {"t": AT, "bp": 2.44, "ap": 2.44}})

    assert (snapshot.bid, snapshot.ask) == (Decimal("2.44"), Decimal("2.44"))


@pytest.mark.parametrize(
    ("part", "odd", "kept"),
    [
        ("latestQuote", {"t": "0001-01-01T00:00:00Z", "bp": 1, "ap": 2}, "last_trade"),
        ("latestTrade", {"t": AT, "p": 0}, "bid"),
        ("dailyBar", {"t": None}, "bid"),
        ("greeks", {"delta": "steep", "gamma": 0.01}, "gamma"),
        ("impliedVolatility", {}, "delta"),
    ],
)
def test_an_unreadable_part_loses_only_itself(part: str, odd: Any, kept: str) -> None:
    snapshot = read(GOOD | {part: odd})

    assert getattr(snapshot, kept) is not None
