from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from common.holdings.positions import Fill, Trade, TradeChange, apply_fill, next_fill
from common.orders.order import Side
from tests.unit.samples import NOON

ZERO = Decimal(0)


def fill(side: Side, qty: str, price: str, minute: int = 0) -> Fill:
    return Fill(side, Decimal(qty), Decimal(price), Decimal(qty), NOON + timedelta(minutes=minute))


def trade(qty: str, price: str, realized: str = "0") -> Trade:
    return Trade(Decimal(qty), Decimal(price), Decimal(realized), NOON, id=1)


def test_a_fill_opens_a_trade() -> None:
    (part,) = apply_fill(None, fill("buy", "2", "10"))

    assert part == TradeChange(Trade(Decimal(2), Decimal(10), ZERO, NOON), Decimal(2))


def test_adding_averages_the_entry_price() -> None:
    (part,) = apply_fill(trade("2", "10"), fill("buy", "2", "20"))

    assert (part.trade.qty, part.trade.avg_entry_price) == (Decimal(4), Decimal(15))
    assert part.trade.id == 1


def test_reducing_realizes_and_keeps_the_entry_price() -> None:
    (part,) = apply_fill(trade("4", "10"), fill("sell", "1", "12"))

    assert (part.trade.qty, part.trade.avg_entry_price) == (Decimal(3), Decimal(10))
    assert part.trade.realized_pnl == Decimal(2)
    assert part.trade.closed_at is None


def test_closing_ends_the_trade() -> None:
    (part,) = apply_fill(trade("4", "10", "1"), fill("sell", "4", "9", minute=5))

    assert (part.trade.qty, part.trade.realized_pnl) == (ZERO, Decimal(-3))
    assert part.trade.closed_at == NOON + timedelta(minutes=5)


def test_a_short_gains_when_the_price_falls() -> None:
    (part,) = apply_fill(trade("-4", "10"), fill("buy", "1", "8"))

    assert (part.trade.qty, part.trade.realized_pnl) == (Decimal(-3), Decimal(2))


def test_flipping_closes_one_trade_and_opens_the_next() -> None:
    closed, opened = apply_fill(trade("1", "10"), fill("sell", "3", "12"))

    assert (closed.trade.qty, closed.trade.realized_pnl) == (ZERO, Decimal(2))
    assert (opened.trade.qty, opened.trade.avg_entry_price) == (Decimal(-2), Decimal(12))
    assert (closed.qty, opened.qty) == (Decimal(-1), Decimal(-2))
    assert opened.trade.id is None


def test_the_next_fill_is_what_the_cumulative_quantity_grew_by() -> None:
    found = next_fill("buy", (Decimal(1), Decimal(10)), (Decimal(3), Decimal(12)), NOON)

    assert found == Fill("buy", Decimal(2), Decimal(13), Decimal(3), NOON)


def test_reading_the_same_or_less_again_is_no_fill() -> None:
    reading = (Decimal(3), Decimal(12))

    assert next_fill("buy", reading, reading, NOON) is None
    assert next_fill("buy", reading, (Decimal(2), Decimal(12)), NOON) is None


def test_an_average_that_was_rounded_never_makes_a_price_of_nothing() -> None:
    known, reported = (Decimal(1000), Decimal("0.011")), (Decimal(1001), Decimal("0.010"))

    found = next_fill("buy", known, reported, NOON)

    assert found is not None
    assert found.price == Decimal("0.010")


fills = st.lists(
    st.builds(
        fill,
        st.sampled_from(["buy", "sell"]),
        st.integers(1, 50).map(str),
        st.decimals("0.01", 1000, places=2).map(str),
    ),
    min_size=1,
    max_size=20,
)


@given(fills)
def test_quantities_add_up_and_money_is_conserved(executed: list[Fill]) -> None:
    parts: list[TradeChange] = []
    current: Trade | None = None
    realized = ZERO
    for each in executed:
        touched = apply_fill(current, each)
        realized += sum((p.trade.realized_pnl for p in touched if p.trade.closed_at), ZERO)
        parts.extend(touched)
        current = None if touched[-1].trade.closed_at else touched[-1].trade

    assert sum((p.qty for p in parts), ZERO) == sum((f.signed_qty for f in executed), ZERO)
    # Cash that came in = realized gains - what the open position cost.
    cash = -sum((f.signed_qty * f.price for f in executed), ZERO)
    open_cost = current.qty * current.avg_entry_price if current else ZERO
    open_realized = current.realized_pnl if current else ZERO
    assert abs(cash - (realized + open_realized - open_cost)) < Decimal("1e-15")


@given(fills)
def test_a_trade_is_closed_exactly_when_it_is_flat(executed: list[Fill]) -> None:
    current: Trade | None = None
    for each in executed:
        for part in apply_fill(current, each):
            assert (part.trade.qty == 0) == (part.trade.closed_at is not None)
            current = None if part.trade.closed_at else part.trade
