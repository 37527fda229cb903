"""What guardrails do at the ends of their arithmetic, and where a fact is missing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.guardrails.facts import Account, Facts
from common.guardrails.holdings import position_has_not_drifted
from common.guardrails.limits import (
    day_has_a_slot,
    day_has_not_lost_too_much,
    day_trades_are_left,
    position_stays_small_enough,
    window_has_room,
)
from common.guardrails.market import broker_takes_the_order
from common.holdings.positions import Holding
from common.market import Quote
from common.orders.asset import Asset
from common.orders.order import Order
from common.rules.base import Position
from tests.unit.samples import NOON, broker, config, document, exposure, facts, order

PENNIES = Asset(tradable=True, fractionable=True)
COIN = Asset(tradable=True, fractionable=True, min_qty=Decimal("0.1"), qty_increment=Decimal("0.1"))


def market(bid: str, ask: str, asset: Asset) -> Facts:
    return facts(broker=broker(quote=Quote("X", Decimal(bid), Decimal(ask), NOON), asset=asset))


def sized(**sizes: str) -> dict[str, Any]:
    return {"notional_usd": None, "qty": None} | {k: Decimal(v) for k, v in sizes.items()}


def test_a_limit_below_the_price_grid_is_no_price() -> None:
    penny = order(limit_offset_pct=Decimal(1), **sized(qty="5"))

    denied = broker_takes_the_order(penny, market("0.00001", "0.00002", PENNIES))

    assert denied is not None
    assert denied.context == {
        "symbol": "SPY",
        "limit_price": Decimal(0),
        "price_increment": Decimal("0.0001"),
    }
    assert broker_takes_the_order(penny, market("0.0001", "0.0001", PENNIES)) is None


@pytest.mark.parametrize(
    ("side", "bid", "ask", "fits"),
    [
        ("buy", "99", "100", True),  # a tenth of a coin at the ask
        ("buy", "100", "100.01", False),
        ("sell", "100", "101", True),  # a tenth of a coin at the bid
        ("sell", "101", "102", False),
    ],
)
def test_the_units_of_an_amount_are_those_of_the_far_side(
    side: str, bid: str, ask: str, *, fits: bool
) -> None:
    coins = order(asset_class="crypto", side=side, **sized(notional_usd="10"))
    found = market(bid, ask, COIN)

    denied = broker_takes_the_order(coins, found)

    assert (denied is None) is fits


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        (sized(notional_usd="1"), True),
        (sized(notional_usd="0.99"), False),
        (sized(qty="1"), True),  # a whole share may cost less
        (sized(qty="1.5"), False),
        (sized(notional_usd="0.5") | {"side": "sell"}, True),
        (sized(notional_usd="10") | {"asset_class": "crypto"}, True),
        (sized(notional_usd="9.99") | {"asset_class": "crypto"}, False),
        (sized(qty="1") | {"asset_class": "crypto"}, False),
    ],
)
def test_the_least_that_a_buy_may_cost_is_enough(change: dict[str, Any], *, fits: bool) -> None:
    denied = broker_takes_the_order(order(**change), market("0.40", "0.40", PENNIES))

    assert (denied is None) is fits


@pytest.mark.parametrize(("left", "passes"), [(0, False), (1, True), (None, True)])
def test_the_last_day_trade_can_be_made(left: int | None, *, passes: bool) -> None:
    account = Account(blocked=False, buying_power=Decimal(1000), day_trades_left=left)
    closing = facts(
        broker=broker(account=account),
        exposure=exposure(position=Position(Decimal(2), Decimal(490)), opposite_filled_today=True),
    )

    denied = day_trades_are_left(order(side="sell", **sized(qty="1")), closing)

    assert (denied is None) is passes


@pytest.mark.parametrize("quote", [None, Quote("SPY", Decimal(0), Decimal(492), NOON)])
def test_without_a_price_no_position_is_known_to_stay_small(quote: Quote | None) -> None:
    limited = document()["guardrails"] | {"max_position_usd": 1000}
    unpriced = facts(config=config(guardrails=limited), broker=broker(quote=quote))
    priced = facts(config=config(guardrails=limited))

    assert position_stays_small_enough(order(), unpriced) is not None  # its cost is known
    assert position_stays_small_enough(order(**sized(qty="1")), unpriced) is not None
    assert position_stays_small_enough(order(), priced) is None


def test_an_order_costs_its_limit_and_without_the_assets_grid_the_far_side() -> None:
    limited = order(limit_offset_pct=Decimal(1), **sized(qty="2"))
    gridless = facts(broker=broker(asset=None))

    assert facts().cost_of(limited) == 2 * Decimal("496.93")  # 492.01 and one percent, in cents
    assert gridless.cost_of(limited) == 2 * Decimal("492.01")
    assert gridless.cost_of(replace(limited, side="sell")) == 2 * Decimal("491.99")


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({}, False),
        ({"is_moving": True}, True),
        ({"units_of_all": Decimal(2)}, True),
        ({"units_of_all": Decimal(0)}, True),
    ],
)
def test_fewer_units_at_the_broker_deny_a_sale_unless_an_order_moves_them(
    change: dict[str, Any], *, passes: bool
) -> None:
    held = exposure(**({"units_of_all": Decimal(3)} | change))
    known = facts(broker=broker(holding=Holding(Decimal(2), Decimal(2))), exposure=held)

    denied = position_has_not_drifted(order(side="sell"), known)

    assert (denied is None) is passes
    assert position_has_not_drifted(order(side="buy"), known) is None


def test_without_a_config_no_order_has_room() -> None:
    nobody = facts(config=None)
    nothing: Order = order(**sized(notional_usd="0.01"))

    slot, room = day_has_a_slot(nothing, nobody), window_has_room(nothing, nobody)

    assert slot is not None
    assert slot.context == {"used": 0, "limit": 0}
    assert room is not None
    assert room.context["limit"] == 0
    assert position_stays_small_enough(nothing, nobody) is None
    assert day_has_not_lost_too_much(nothing, nobody) is None
