"""What is read of accounts and assets, from answers that others recorded and from odd ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import flask
import pytest

from common.errors import TransientError
from common.market import USD
from infra.alpaca import positions
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.trading import AlpacaTrading
from infra.local.serving import HttpServer

ACCOUNT = {
    "id": "43a01bee-67e3-4eb1-b2f1-65d1dc26ade5",
    "status": "ACTIVE",
    "crypto_status": "ACTIVE",
    "currency": USD,
    "buying_power": "200",
    "non_marginable_buying_power": "49.5",
    "equity": "50",
    "trading_blocked": False,
    "account_blocked": False,
    "trade_suspended_by_user": False,
}
# As recorded in 2026: quantities and prices in steps of 1e-9, about a dollar as the least.
COIN = {
    "class": "crypto",
    "symbol": "UNI/USD",
    "status": "active",
    "tradable": True,
    "marginable": False,
    "shortable": False,
    "fractionable": True,
    "min_order_size": "0.271598902",
    "min_trade_increment": "0.000000001",
    "price_increment": "0.000000001",
}


@contextmanager
def broker(body: dict[str, Any]) -> Iterator[AlpacaTrading]:
    app = flask.Flask("broker")
    app.before_request(lambda: flask.jsonify(body))
    with HttpServer(app) as server:
        http = AlpacaHttp(server.url, "k", "s", read_attempts=1)
        yield AlpacaTrading(http)
        http.close()


@pytest.mark.parametrize(
    ("changes", "blocked"),
    [
        ({}, False),
        ({"trading_blocked": None}, False),
        ({"trading_blocked": True}, True),
        ({"account_blocked": "perhaps"}, True),
        ({"trade_suspended_by_user": True}, True),
        ({"status": "ACCOUNT_CLOSED"}, True),
        ({"status": None}, True),
        ({"status": 7}, True),
    ],
)
def test_an_account_that_may_not_trade_is_blocked(
    changes: dict[str, Any], *, blocked: bool
) -> None:
    with broker(ACCOUNT | changes) as trading:
        assert trading.account().blocked is blocked


def test_coins_have_a_buying_power_of_their_own() -> None:
    with broker(ACCOUNT) as trading:
        account = trading.account()

        assert (account.buying_power, account.cash_buying_power) == (
            Decimal(200),
            Decimal("49.5"),
        )
        assert account.crypto_active


@pytest.mark.parametrize("status", ["INACTIVE", "SUBMISSION_FAILED", "PAPER_ONLY", None, 7])
def test_coins_are_traded_only_where_they_are_active(status: object) -> None:
    with broker(ACCOUNT | {"crypto_status": status}) as trading:
        assert not trading.account().crypto_active


def test_an_unreadable_figure_is_unknown_and_hides_no_other() -> None:
    with broker(ACCOUNT | {"buying_power": "much", "multiplier": {}, "sma": None}) as trading:
        account = trading.account()

        assert (account.buying_power, account.cash_buying_power) == (None, Decimal("49.5"))
        assert not account.blocked


# The first two as recorded: ccxt pull request 24514 (a count as text), Alpaca-API issue 112 (42 day
# trades of a large account); since July 2026 the fields are gone.
@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"daytrade_count": "0", "pattern_day_trader": False, "last_equity": "48.8"}, 3),
        ({"daytrade_count": 42, "equity": "112514", "last_equity": "35848.85"}, None),
        ({}, None),
        ({"daytrade_count": 3}, 0),
        ({"daytrade_count": 4, "last_equity": "24999.99", "equity": "25001"}, -1),
        ({"pattern_day_trader": True, "daytrade_count": 0}, 0),
    ],
)
def test_day_trades_are_counted_where_the_broker_counts_them(
    changes: dict[str, Any], left: int | None
) -> None:
    with broker(ACCOUNT | changes) as trading:
        assert trading.account().day_trades_left == left


# example-scalping issue 8: an account of 2020, which knows no coins and no cash power for them.
def test_a_recorded_account_without_coins_is_read() -> None:
    recorded = {
        "account_blocked": False,
        "account_number": "PA28K7UTZQSB",
        "buying_power": "160000",
        "cash": "40000",
        "currency": "USD",
        "daytrade_count": 0,
        "equity": "40000",
        "last_equity": "40000",
        "multiplier": "4",
        "pattern_day_trader": False,
        "status": "ACTIVE",
        "trade_suspended_by_user": False,
        "trading_blocked": False,
    }
    with broker(recorded) as trading:
        account = trading.account()

        assert (account.buying_power, account.cash_buying_power) == (Decimal(160000), None)
        assert (account.blocked, account.crypto_active) == (False, False)
        assert account.day_trades_left is None
        assert trading.equity() == 40000


# ccxt pull request 30467: an account's equity may be missing, which is not an equity of 0.
@pytest.mark.parametrize("equity", [None, "", "n/a"])
def test_missing_equity_is_not_zero(equity: object) -> None:
    with broker(ACCOUNT | {"equity": equity}) as trading:
        assert not trading.account().blocked
        with pytest.raises(TransientError):
            trading.equity()


def test_equity_in_another_currency_is_no_equity() -> None:
    with broker(ACCOUNT | {"currency": "EUR"}) as trading:
        assert trading.account().currency == "EUR"
        with pytest.raises(TransientError, match="EUR"):
            trading.equity()
    with broker(ACCOUNT) as trading:
        assert trading.equity() == 50


def test_an_assets_grid_is_read() -> None:
    with broker(COIN) as trading:
        asset = trading.asset("UNI/USD")

        assert asset is not None
        assert (asset.price_increment, asset.qty_increment) == (Decimal("1e-9"), Decimal("1e-9"))
        assert asset.min_qty == Decimal("0.271598902")
        assert (asset.tradable, asset.marginable, asset.shortable) == (True, False, False)


@pytest.mark.parametrize(
    ("symbol", "path"), [("UNI/USD", "/v2/assets/UNI%2FUSD"), ("BRK.B", "/v2/assets/BRK.B")]
)
def test_a_coins_symbol_is_one_part_of_the_path(symbol: str, path: str) -> None:
    asked = list[str]()
    app = flask.Flask("broker")

    @app.before_request
    def show() -> flask.Response:
        asked.append(flask.request.environ["RAW_URI"])
        return flask.jsonify(COIN)

    with HttpServer(app) as server:
        http = AlpacaHttp(server.url, "k", "s", read_attempts=1)
        AlpacaTrading(http).asset(symbol)
        http.close()

    assert asked == [path]


# Among them alpaca-py issues 624 (a new class at a new exchange) and 276 (no exchange).
@pytest.mark.parametrize(
    "odd",
    [
        {"price_increment": ""},
        {"min_order_size": None},
        {"shortable": None},
        {"class": 7},
        {"class": "crypto_perp", "exchange": "ASCX"},
        {"exchange": ""},
    ],
)
def test_an_unreadable_field_of_an_asset_hides_no_other(odd: dict[str, Any]) -> None:
    with broker(COIN | odd) as trading:
        asset = trading.asset("UNI/USD")

        assert asset is not None
        assert asset.tradable
        assert asset.qty_increment == Decimal("1e-9")


# alpaca-py issue 340: ten assets had a status that was neither active nor inactive.
@pytest.mark.parametrize(
    ("status", "tradable"),
    [("active", True), ("inactive", False), ("delisted", False), ("", False)],
)
def test_an_asset_that_is_not_active_does_not_trade(status: str, *, tradable: bool) -> None:
    with broker(COIN | {"status": status}) as trading:
        asset = trading.asset("UNI/USD")

    assert asset is not None
    assert asset.tradable is tradable


@pytest.mark.parametrize("qty", ["5", "-5"])
@pytest.mark.parametrize(("side", "signed"), [("long", 5), ("short", -5)])
def test_a_short_position_is_negative_however_its_units_are_signed(
    qty: str, side: str, signed: int
) -> None:
    held = {"symbol": "SPY", "qty": qty, "qty_available": qty, "side": side}

    found = positions.holdings([held | {"avg_entry_price": "490"}])

    holding = positions.holding_of(found, "SPY")
    assert (holding.qty, holding.available) == (Decimal(signed), Decimal(5))


@pytest.mark.parametrize("odd", [{"qty": "many"}, {"qty": None}, {"side": "sideways"}])
def test_a_position_that_cannot_be_read_loses_its_own_symbol_alone(odd: dict[str, object]) -> None:
    held = {"symbol": "SPY", "qty": "5", "qty_available": "5", "side": "long"}

    found = positions.holdings([held, held | {"symbol": "BTCUSD"} | odd])

    assert positions.holding_of(found, "SPY").qty == 5
    assert positions.holding_of(found, "AAPL").qty == 0
    with pytest.raises(TransientError, match="BTC/USD cannot be read"):
        positions.holding_of(found, "BTC/USD")


@pytest.mark.parametrize("row", [None, {"qty": "5", "side": "long"}])
def test_a_position_of_no_symbol_could_be_anybodys(row: object) -> None:
    with pytest.raises(TransientError):
        positions.holdings([row])
