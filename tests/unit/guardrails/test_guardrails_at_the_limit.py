"""Exactly at a limit an order passes, one step beyond it is denied; what is unknown never fits."""

from decimal import Decimal
from typing import Any

import pytest

from common.config import TradingConfig
from common.guardrails.facts import DenialCode, Facts, ServerExposure
from common.guardrails.holdings import enough_is_held
from common.guardrails.limits import position_stays_small_enough, server_has_room
from common.guardrails.market import (
    price_has_not_drifted,
    price_is_not_split,
    quote_is_not_crossed,
    spread_is_narrow,
)
from common.holdings.positions import Holding
from common.market import Quote
from common.rules.base import Position
from tests.unit.samples import NOON, broker, config, document, exposure, facts, order, server


def quoted(bid: str, ask: str, **more: Any) -> Facts:
    return facts(broker=broker(quote=Quote("SPY", Decimal(bid), Decimal(ask), NOON), **more))


def holding(qty: str) -> Facts:
    position = Position(Decimal(qty), Decimal(490))
    shown = Holding(Decimal(qty), abs(Decimal(qty)))
    return facts(broker=broker(holding=shown), exposure=exposure(position=position))


def sale(**size: str) -> Any:
    sizes = {"notional_usd": None, "qty": None} | {k: Decimal(v) for k, v in size.items()}
    return order(side="sell", **sizes)


@pytest.mark.parametrize(
    ("bid", "ask", "passes"), [("99.5", "100.5", True), ("99.499", "100.501", False)]
)
def test_a_spread_of_exactly_the_limit_passes(bid: str, ask: str, *, passes: bool) -> None:
    denied = spread_is_narrow(order(), quoted(bid, ask))

    assert (denied is None) is passes


@pytest.mark.parametrize(
    ("mid", "passes"), [("404", True), ("396", True), ("404.01", False), ("395.99", False)]
)
def test_a_drift_of_exactly_the_limit_passes(mid: str, *, passes: bool) -> None:
    denied = price_has_not_drifted(order(seen_price=Decimal(400)), quoted(mid, mid))

    assert (denied is None) is passes


@pytest.mark.parametrize(
    ("mid", "passes"), [("70", False), ("130", False), ("70.01", True), ("129.99", True)]
)
def test_a_gap_of_exactly_the_implausible_one_is_left_to_a_person(
    mid: str, *, passes: bool
) -> None:
    denied = price_is_not_split(order(), quoted(mid, mid, previous_close=Decimal(100)))

    assert (denied is None) is passes


@pytest.mark.parametrize(("qty", "passes"), [("2", True), ("2.000000001", False)])
def test_all_that_is_held_can_be_sold_and_no_more(qty: str, *, passes: bool) -> None:
    denied = enough_is_held(sale(qty=qty), holding("2"))

    assert (denied is None) is passes


@pytest.mark.parametrize("size", [{"qty": "0.000000001"}, {"notional_usd": "0.01"}])
@pytest.mark.parametrize("held", ["0", "-2"])
def test_with_nothing_held_nothing_can_be_sold(size: dict[str, str], held: str) -> None:
    sold, nothing_held = sale(**size), holding(held)

    denied = enough_is_held(sold, nothing_held)

    assert nothing_held.sellable == 0
    assert denied is not None
    assert denied.code is DenialCode.NOT_HELD
    assert nothing_held.increases_position(sold)


@pytest.mark.parametrize(("notional", "increases"), [("984", False), ("984.01", True)])
def test_a_sale_of_exactly_what_is_held_only_reduces(notional: str, *, increases: bool) -> None:
    assert holding("2").increases_position(sale(notional_usd=notional)) is increases


def test_an_amount_does_not_fit_into_what_is_held_while_its_price_is_unknown() -> None:
    position = Position(Decimal(1_000_000), Decimal(490))
    unquoted = facts(broker=broker(quote=None), exposure=exposure(position=position))

    assert unquoted.increases_position(sale(notional_usd="0.01"))


def limited(usd: str) -> TradingConfig:
    return config(guardrails=document()["guardrails"] | {"max_position_usd": Decimal(usd)})


@pytest.mark.parametrize(("limit", "passes"), [("502", True), ("501.99", False)])
@pytest.mark.parametrize(("side", "held"), [("buy", "1"), ("sell", "-1")])
def test_a_short_position_counts_as_much_as_a_long_one(
    side: str, held: str, limit: str, *, passes: bool
) -> None:
    position = Position(Decimal(held), Decimal(490))
    given = facts(config=limited(limit), exposure=exposure(position=position))

    denied = position_stays_small_enough(order(side=side), given)

    assert (denied is None) is passes


@pytest.mark.parametrize(("limit", "passes"), [("10", True), ("9.99", False)])
def test_a_first_purchase_may_take_all_that_a_position_may_be(limit: str, *, passes: bool) -> None:
    denied = position_stays_small_enough(order(), facts(config=limited(limit)))

    assert (denied is None) is passes


@pytest.mark.parametrize(
    ("used", "cap"),
    [
        (ServerExposure(4, Decimal(0), Decimal(0)), {"max_server_orders_per_day": 5}),
        (
            ServerExposure(0, Decimal(40), Decimal(0)),
            {"max_server_notional_usd_per_day": Decimal(50)},
        ),
        (
            ServerExposure(0, Decimal(0), Decimal(40)),
            {"max_server_notional_usd_per_4h": Decimal(50)},
        ),
    ],
)
def test_the_last_room_under_a_cap_over_all_users_can_be_taken(
    used: ServerExposure, cap: dict[str, Any]
) -> None:
    last = facts(server=server(**cap), exposure=exposure(all_users=used))
    lower = {name: limit - Decimal("0.01") for name, limit in cap.items()}
    full = facts(server=server(**lower), exposure=exposure(all_users=used))

    assert server_has_room(order(), last) is None
    assert server_has_room(order(), full) is not None


def test_one_price_on_both_sides_is_a_locked_market_and_no_crossed_one() -> None:
    assert quote_is_not_crossed(order(), quoted("492", "492")) is None
    assert quote_is_not_crossed(order(), quoted("492.01", "492")) is not None


def test_what_costs_less_than_a_dollar_can_be_sold_by_its_amount() -> None:
    pennies = broker(
        quote=Quote("SPY", Decimal("0.5"), Decimal("0.51"), NOON),
        holding=Holding(Decimal(20), Decimal(20)),
    )
    held = facts(broker=pennies, exposure=exposure(position=Position(Decimal(20), Decimal(1))))

    assert enough_is_held(sale(notional_usd="10"), held) is None
    assert enough_is_held(sale(notional_usd="10.01"), held) is not None
