from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.actions import Action, ClosePosition, ProposeOrder, default_time_in_force
from common.errors import MalformedMessageError
from common.market import Quote
from common.model import Model
from common.orders.asset import Asset
from tests.unit.samples import NOON, order

STOCK = Asset(tradable=True, fractionable=True)


class Holder(Model):
    action: Action


def propose(**changes: Any) -> ProposeOrder:
    document = {"action": "propose_order", "side": "buy", "notional_usd": 10} | changes
    parsed = Holder.from_document({"action": document}).action
    assert isinstance(parsed, ProposeOrder)
    return parsed


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"notional_usd": None}, "either notional_usd or qty"),
        ({"qty": 1}, "either notional_usd or qty"),
        ({"order_type": "limit"}, "limit_offset_pct"),
        ({"limit_offset_pct": 1}, "limit_offset_pct"),
        ({"order_type": "limit", "limit_offset_pct": 1}, "needs qty"),
        ({"order_type": "stop"}, "order_type"),
        ({"notional_usd": Decimal("0.99")}, "notional_usd"),
        ({"side": "hold"}, "side"),
    ],
)
def test_an_action_that_makes_no_order_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MalformedMessageError, match=complaint):
        propose(**changes)


def test_a_proposal_has_the_size_that_was_said() -> None:
    assert propose().propose("us_equity", None).size == "$10"
    by_qty = propose(notional_usd=None, qty=Decimal("1.50")).propose("crypto", None)
    assert (by_qty.size, by_qty.time_in_force) == ("1.5", "gtc")


@pytest.mark.parametrize(("held", "side"), [("2.5", "sell"), ("-2.5", "buy")])
def test_closing_orders_the_opposite_of_what_is_held(held: str, side: str) -> None:
    proposal = ClosePosition(action="close_position").propose("us_equity", Decimal(held))

    assert (proposal.side, proposal.qty, proposal.notional_usd) == (side, Decimal("2.5"), None)


def test_the_default_time_in_force_is_what_the_broker_takes() -> None:
    assert default_time_in_force("us_equity") == "day"
    assert default_time_in_force("crypto") == "gtc"


QUOTE = Quote("SPY", Decimal("100.00"), Decimal("100.10"), NOON)


@pytest.mark.parametrize(
    ("side", "offset", "limit"),
    [
        ("buy", "0.5", "100.60"),
        ("buy", "-0.5", "99.59"),
        ("sell", "0.5", "99.50"),
        ("sell", "-0.5", "100.50"),
    ],
)
def test_a_limit_lies_beyond_the_far_side_by_its_offset(side: str, offset: str, limit: str) -> None:
    limited = order(side=side, notional_usd=None, qty=Decimal(2), limit_offset_pct=Decimal(offset))

    assert limited.limit_for(QUOTE, STOCK) == Decimal(limit)
    assert limited.cost_at(QUOTE, STOCK) == 2 * Decimal(limit)


def test_a_limit_below_a_dollar_has_four_decimals() -> None:
    penny = Quote("X", Decimal("0.5000"), Decimal("0.5001"), NOON)

    assert order(limit_offset_pct=Decimal("0.5")).limit_for(penny, STOCK) == Decimal("0.5026")


def test_a_market_order_costs_its_notional_or_its_quantity_at_the_far_side() -> None:
    assert order().limit_for(QUOTE, STOCK) is None
    assert order().cost_at(QUOTE, STOCK) == Decimal(10)
    assert order(notional_usd=None, qty=Decimal(3)).cost_at(QUOTE, STOCK) == Decimal("300.30")
    selling = order(side="sell", notional_usd=None, qty=Decimal(3))
    assert selling.cost_at(QUOTE, STOCK) == Decimal(300)


@given(
    qty=st.decimals("0.000000001", 1000, places=9),
    bid=st.decimals("0.01", 1000, places=2),
    spread=st.decimals(0, 1, places=2),
    offset=st.decimals(-10, 10, places=2),
    side=st.sampled_from(["buy", "sell"]),
)
def test_a_reservation_never_covers_less_than_the_limit_allows(
    qty: Decimal, bid: Decimal, spread: Decimal, offset: Decimal, side: str
) -> None:
    quote = Quote("SPY", bid, bid + spread, NOON)
    limited = order(side=side, notional_usd=None, qty=qty, limit_offset_pct=offset)

    limit = limited.limit_for(quote, STOCK)

    assert limit is not None
    assert limited.cost_at(quote, STOCK) >= qty * limit


def test_a_limit_order_goes_out_with_its_limit() -> None:
    limited = order(
        order_type="limit", notional_usd=None, qty=Decimal("2.0"), limit_price=Decimal("100.60")
    )

    assert limited.to_wire() == {
        "client_order_id": "cs-1",
        "symbol": "SPY",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "qty": "2",
        "limit_price": "100.6",
    }
