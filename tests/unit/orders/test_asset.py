"""An asset's grid: no price is rounded to nothing, and money survives the way there and back."""

from decimal import ROUND_DOWN, ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.market import Quote
from common.model import plain
from common.orders.asset import Asset
from common.rules.base import SymbolView
from tests.unit.rules.facts import MAX_AGE, NOON
from tests.unit.samples import order

STOCK = Asset(tradable=True, fractionable=True)
# Recorded increments: SHIB/USD and others in 2026, DOGE and BTC/USD in 2022, BCH/BTC (alpaca-py
# pull request 175).
INCREMENTS = [Decimal(each) for each in ("1e-9", "1e-8", "0.0000005", "0.000001", "0.01", "1")]
PRICES = st.decimals("0.000001", 100_000, places=9)


def coin(increment: Decimal) -> Asset:
    return Asset(tradable=True, fractionable=True, price_increment=increment)


def limit(side: str, price: str, asset: Asset) -> Decimal:
    quote = Quote("X", Decimal(price), Decimal(price), NOON)
    found = order(side=side, limit_offset_pct=Decimal("0.5")).limit_for(quote, asset)
    assert found is not None
    return found


# alpaca-py issue 213 (SHIB/USD at 8.4e-06), Alpaca-API issue 239, alpaca-trade-api-go issue 260
# (41.085 is refused: sub-penny).
@pytest.mark.parametrize(
    ("side", "price", "asset", "expected"),
    [
        ("buy", "0.00001241", coin(Decimal("1e-8")), "0.00001247"),
        ("sell", "0.00001239", coin(Decimal("1e-8")), "0.00001233"),
        ("buy", "0.0000084177", coin(Decimal("1e-9")), "0.000008459"),
        ("buy", "0.07", coin(Decimal("0.0000005")), "0.07035"),
        ("buy", "60000.49", coin(Decimal(1)), "60300"),
        ("buy", "41.085", STOCK, "41.29"),
        ("sell", "41.085", STOCK, "40.88"),
        ("buy", "0.00041", STOCK, "0.0004"),
        ("buy", "0.9999", STOCK, "1"),
    ],
)
def test_a_limit_lies_on_the_assets_grid(
    side: str, price: str, asset: Asset, expected: str
) -> None:
    assert limit(side, price, asset) == Decimal(expected)


@given(price=PRICES, increment=st.sampled_from(INCREMENTS), up=st.booleans())
def test_a_price_on_the_grid_is_a_multiple_within_one_step(
    price: Decimal, increment: Decimal, *, up: bool
) -> None:
    asset = coin(increment)

    rounded = asset.on_grid(price, ROUND_UP if up else ROUND_DOWN)

    assert rounded % increment == 0
    assert abs(rounded - price) < increment
    assert (rounded >= price) is (up or rounded == price)
    assert asset.on_grid(rounded, ROUND_DOWN) == rounded


@given(PRICES)
def test_a_stock_price_follows_the_sub_penny_rule(price: Decimal) -> None:
    rounded = STOCK.on_grid(price, ROUND_DOWN)

    assert rounded % (Decimal("0.01") if price >= 1 else Decimal("0.0001")) == 0


@given(st.decimals(-(10**12), 10**12, places=9))
def test_money_survives_the_way_to_the_broker_and_back(amount: Decimal) -> None:
    text = plain(amount)

    assert Decimal(text) == amount
    assert "E" not in text.upper()


@given(notional=st.decimals(1, 1000, places=2), price=PRICES, increment=st.sampled_from(INCREMENTS))
def test_a_notional_never_buys_more_than_it_pays(
    notional: Decimal, price: Decimal, increment: Decimal
) -> None:
    asset = Asset(tradable=True, fractionable=True, qty_increment=increment)

    qty = asset.qty_for(notional, price)

    assert qty % increment == 0
    assert qty * price <= notional * (1 + Decimal("1e-20"))


def test_a_quantity_must_be_large_enough_and_on_the_grid() -> None:
    asset = Asset(
        tradable=True, fractionable=True, qty_increment=Decimal("0.001"), min_qty=Decimal("0.01")
    )

    assert asset.takes_qty(Decimal("0.011"))
    assert not asset.takes_qty(Decimal("0.009"))
    assert not asset.takes_qty(Decimal("0.0115"))
    assert STOCK.takes_qty(Decimal("0.000000001"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.0000125", "0.0000125"),
        ("0.00000012345678", "0.000000123457"),
        ("0.33333333333", "0.333333"),
        ("1.23456789", "1.2346"),
        ("500", "500"),
        ("0", "0"),
        ("-0.0000125", "-0.0000125"),
    ],
)
def test_no_price_is_shown_as_nothing(value: str, shown: str) -> None:
    view = SymbolView("SHIB/USD", NOON, MAX_AGE, {})

    assert view.not_fired("not_met", level=Decimal(value)).observed == {"level": shown}
