"""Positions through fills, fees, splits and cash, against an independent computation."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.holdings.corporate_actions import CorporateAction, ratio_of_records, restate
from common.holdings.differences import can_be_coin_fee, shared
from common.holdings.positions import Fill, Trade, apply_fill

NOON = datetime(2026, 2, 10, 17, tzinfo=UTC)
BEGUN = Trade(Decimal(100), Decimal(50), Decimal(0), NOON)

quantities = st.integers(1, 50).map(Decimal)
prices = st.integers(1, 500).map(Decimal)
fills = st.tuples(st.just("fill"), st.sampled_from(["buy", "sell"]), quantities, prices)
fees = st.tuples(st.just("fee"), st.integers(1, 25).map(Decimal))
splits = st.tuples(st.just("split"), st.sampled_from([(10, 1), (2, 1), (3, 2), (1, 5), (21, 20)]))


def split(new: int, old: int) -> CorporateAction:
    day = date(2026, 2, 11)
    return CorporateAction("a", "split", "SPY", day, "shares", Decimal(new), Decimal(old))


@settings(deadline=None)
@given(st.lists(st.one_of(fills, fees, splits), max_size=20))
def test_quantity_cost_and_profit_equal_an_independent_computation(
    steps: list[tuple[Any, ...]],
) -> None:
    trade = BEGUN
    units, cost, realized = Fraction(100), Fraction(5000), Fraction(0)
    for step in steps:
        if step[0] == "split":
            new, old = step[1]
            trade, units = restate(trade, split(new, old)), units * new / old
            continue
        fee = trade.qty * step[1] / 10_000 if step[0] == "fee" else None
        side, qty, price = step[1:] if fee is None else ("sell", fee, Decimal(0))
        size = min(qty, trade.qty / 2) if side == "sell" else qty
        trade = apply_fill(trade, Fill(side, size, price, size, NOON))[0].trade
        if side == "buy":
            units, cost = units + Fraction(size), cost + Fraction(size) * Fraction(price)
        else:
            part = cost * Fraction(size) / units
            realized += Fraction(size) * Fraction(price) - part
            units, cost = units - Fraction(size), cost - part

    assert float(trade.qty) == pytest.approx(float(units), rel=1e-6)
    assert float(trade.qty * trade.avg_entry_price) == pytest.approx(float(cost), rel=1e-6)
    assert float(trade.realized_pnl) == pytest.approx(float(realized), rel=1e-6, abs=1e-3)


# As announced: SRE 2:1 and MNTS 1:50 (the broker's page on corporate actions), AAPL 7:1 and 4:1,
# GOOGL 20:1, NVDA 10:1, a stock dividend of 5 % (MSBC), LSI into EXR at 0.895.
@pytest.mark.parametrize(
    ("new", "old", "qty", "after"),
    [
        ("2", "1", "3", "6"),
        ("1", "50", "75", "1.5"),
        ("7", "1", "2", "14"),
        ("4", "1", "2.5", "10"),
        ("20", "1", "1", "20"),
        ("10", "1", "2", "20"),
        ("1.05", "1", "100", "105"),
        ("0.895", "1", "40", "35.8"),
        ("1", "3", "10", "3.333333333"),
    ],
)
def test_a_split_changes_the_units_and_not_the_cost(
    new: str, old: str, qty: str, after: str
) -> None:
    action = replace(split(1, 1), new_rate=Decimal(new), old_rate=Decimal(old))
    before = replace(BEGUN, qty=Decimal(qty))

    restated = restate(before, action)

    assert restated.qty == Decimal(after)
    cost = restated.qty * restated.avg_entry_price
    assert float(cost) == pytest.approx(float(before.qty * 50), rel=1e-9)


# Holdings that others saw lose most of their worth: wealthfolio issue 72 (NVDA, shown as a loss of
# $528.77), securo issue 944 (TSLA twice, shown as -63 %), portfolio-performance issue 1368 (five
# became one), robinhood-on-rails issue 20 (two for one, one share shown).
@pytest.mark.parametrize(
    ("bought", "splits", "held", "price", "gain"),
    [
        (("1", "631.6"), [(10, 1)], ("10", "63.16"), "102.83", "396.70"),
        (("0.005", "998"), [(5, 1), (3, 1)], ("0.075", "66.533"), "365", "22.385"),
        (("25", "1000"), [(5, 1)], ("125", "200"), "200", "0"),
        (("1", "80"), [(2, 1)], ("2", "40"), "41", "2"),
    ],
)
def test_what_others_lost_in_a_split_is_no_loss(
    bought: tuple[str, str],
    splits: list[tuple[int, int]],
    held: tuple[str, str],
    price: str,
    gain: str,
) -> None:
    qty, entry = map(Decimal, bought)
    trade = Trade(qty, entry, Decimal(0), NOON)

    for new, old in splits:
        trade = restate(trade, split(new, old))

    assert trade.qty == Decimal(held[0])
    assert abs(trade.avg_entry_price - Decimal(held[1])) < Decimal("0.001")
    profit = trade.qty * (Decimal(price) - trade.avg_entry_price)
    assert abs(profit - Decimal(gain)) < Decimal("0.0001")


def test_shares_that_end_for_cash_realize_it() -> None:
    merger = replace(split(1, 1), effect="cash", cash=Decimal("5.37"))  # GLOP, July 2023
    worthless = replace(merger, cash=None)

    assert restate(BEGUN, merger).realized_pnl == Decimal(537) - 5000
    assert restate(BEGUN, worthless).qty == 0
    assert restate(BEGUN, worthless).realized_pnl == -5000


# As their companies announced them: Allergan into AbbVie (2020), Slack into Salesforce (2021),
# Aetna into CVS Health (2018), which some held for less than was paid in cash.
@pytest.mark.parametrize(
    ("rate", "cash", "held", "after", "realized"),
    [
        ("0.866", "120.30", ("10", "200"), ("8.66", "797"), "0"),
        ("0.0776", "26.79", ("100", "40"), ("7.76", "1321"), "0"),
        ("0.8378", "145", ("3", "150"), ("2.5134", "15"), "0"),
        ("0.8378", "145", ("3", "100"), ("2.5134", "0"), "135"),
    ],
)
def test_cash_beside_new_shares_gives_back_what_was_paid_and_realizes_the_rest(
    rate: str, cash: str, held: tuple[str, str], after: tuple[str, str], realized: str
) -> None:
    merger = replace(split(1, 1), new_rate=Decimal(rate), cash=Decimal(cash), new_symbol="NEW")
    before = replace(BEGUN, qty=Decimal(held[0]), avg_entry_price=Decimal(held[1]))

    trade = restate(before, merger)

    assert trade.qty == Decimal(after[0])
    assert float(trade.qty * trade.avg_entry_price) == pytest.approx(float(after[1]), abs=1e-6)
    assert float(trade.realized_pnl) == pytest.approx(float(realized), abs=1e-6)
    assert trade.avg_entry_price > 0


# IBM beside Kyndryl: 120.85 of 126.13 were left, 95.82 % (Kyndryl's investor relations, "Tax basis
# FAQs", November 2021). The others are made up: a fifth given away, and more than half.
@pytest.mark.parametrize(
    ("before", "after", "entry"),
    [("126.13", "120.85", "47.91"), ("100", "80", "40"), ("66", "28", "21.21")],
)
def test_a_spin_off_takes_a_part_of_the_entry_price_and_no_share(
    before: str, after: str, entry: str
) -> None:
    spin_off = replace(
        split(1, 1), effect="price", new_rate=Decimal(before), old_rate=Decimal(after)
    )

    trade = restate(BEGUN, spin_off)

    assert (trade.qty, trade.realized_pnl) == (BEGUN.qty, BEGUN.realized_pnl)
    assert round(trade.avg_entry_price, 2) == Decimal(entry)


def test_other_units_at_the_same_cost_are_a_split() -> None:
    ours = (Decimal(2), Decimal(492))

    assert ratio_of_records(ours, (Decimal(20), Decimal("49.2"))) == (Decimal(20), Decimal(2))
    assert ratio_of_records(ours, (Decimal(1), Decimal(492))) is None  # sold
    assert ratio_of_records(ours, (Decimal(4), Decimal(492))) is None  # bought
    assert ratio_of_records(ours, (Decimal(-20), Decimal("49.2"))) is None
    assert ratio_of_records(ours, ours) is None
    assert ratio_of_records((Decimal(2), Decimal(0)), (Decimal(20), Decimal(0))) is None


# alpaca-py issue 374 (0.1 bought, 0.09975 held), alpaca-java issue 148 (0.5 and 0.4956233), and the
# maker's fee of 0.15 %; a tenth is no fee, and neither is a fee that was charged already.
@pytest.mark.parametrize(
    ("bought", "held", "charged", "is_fee"),
    [
        ("0.1", "0.09975", "0", True),
        ("0.5", "0.4956233", "0", True),
        ("1", "0.9985", "0", True),
        ("1", "0.9", "0", False),
        ("1", "0.995", "0.0075", False),
        ("1", "1", "0", False),
    ],
)
def test_missing_coins_are_a_fee_or_not(
    bought: str, held: str, charged: str, *, is_fee: bool
) -> None:
    missing = Decimal(bought) - Decimal(held)

    assert can_be_coin_fee(missing, Decimal(bought), Decimal(charged)) is is_fee


@settings(deadline=None)
@given(quantities, st.lists(quantities, min_size=1, max_size=5))
def test_what_is_shared_adds_up(missing: Decimal, held: list[Decimal]) -> None:
    assert sum(shared(missing, held)) == missing


def test_each_bears_the_share_that_they_hold() -> None:
    held = [Decimal(1), Decimal(3), Decimal(4)]

    parts = shared(Decimal("0.8"), held)

    assert parts == [Decimal("0.1"), Decimal("0.3"), Decimal("0.4")]
