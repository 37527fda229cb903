from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.rules.base import Condition
from tests.unit.rules.facts import (
    condition,
    condition_of,
    days,
    fact,
    fired,
    held,
    reason,
    refusal,
    rule,
    silent,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

DIP = {"type": "price_below_pct_of_ref", "ref_metric": "prev_close", "threshold_pct": -1}
REBOUND = {"type": "price_above_pct_of_ref", "ref_metric": "day_low", "threshold_pct": 1}
LEVEL = {"type": "price_crosses_level", "level": 490, "direction": "up"}
GAIN = {"type": "position_gain_pct", "threshold_pct": 5}
COIN = {"type": "price_crosses_level", "symbol": "BTC/USD", "level": 60_000, "direction": "up"}


def all_of(*conditions: dict[str, Any], **more: Any) -> Condition:
    return condition("all_of", conditions=conditions, **more)


@pytest.mark.parametrize(
    ("price", "low", "expected"),
    [
        ("490", "480", "fired"),
        ("495.01", "480", "not_met"),
        ("490", "489", "not_met"),
        ("498", "497", "not_met"),
    ],
)
def test_it_fires_when_each_of_them_does(price: str, low: str, expected: str) -> None:
    facts = *days(500), fact("day_low", low), *trades(price)

    assert reason(all_of(DIP, REBOUND).evaluate(view(*facts))) == expected


def test_it_is_silent_for_the_first_reason() -> None:
    facts = *days(500), *trades(490)

    assert silent(all_of(DIP, REBOUND).evaluate(view(*facts))).observed == {"missing": "day_low"}
    assert reason(all_of(LEVEL, GAIN).evaluate(view(*facts))) == "no_data"
    assert reason(all_of(GAIN, LEVEL).evaluate(view(*facts))) == "no_position"


def test_it_shows_what_each_of_them_saw_the_first_where_they_differ() -> None:
    other = LEVEL | {"level": 489}
    seen = *days(500), *trades(480, 491)

    outcome = fired(all_of(LEVEL, other, DIP).evaluate(view(*seen)))

    assert outcome.values == {"level": "490"}
    assert (outcome.reference, outcome.pct) == (Decimal(500), Decimal("-1.8"))
    assert outcome.snapshot_ids == tuple(sorted(each.id or 0 for each in seen[1:]))


def test_a_condition_on_another_symbol_lends_no_reference() -> None:
    coin_dip = DIP | {"symbol": "BTC/USD"}
    coins = *days(60_000, symbol="BTC/USD"), *trades(50_000, symbol="BTC/USD")

    outcome = fired(all_of(LEVEL, coin_dip).evaluate(view(*coins, *trades(480, 491))))

    assert (outcome.symbol, outcome.price) == ("SPY", Decimal(491))
    assert (outcome.reference, outcome.pct) == (None, None)


def test_without_a_fresh_price_of_its_own_symbol_there_is_nothing_to_ask() -> None:
    coins = trades(59_000, 60_000, symbol="BTC/USD")

    assert reason(all_of(COIN, COIN).evaluate(view(*coins))) == "no_data"


def test_it_needs_what_each_of_them_needs_the_most_of_each() -> None:
    nested = {"type": "all_of", "symbol": "QQQ", "conditions": [LEVEL, DIP]}

    assert all_of(DIP, LEVEL, COIN, nested).needs_of("SPY") == {
        ("SPY", "last_trade"): 2,
        ("SPY", "prev_close"): 1,
        ("BTC/USD", "last_trade"): 2,
        ("QQQ", "last_trade"): 2,
        ("QQQ", "prev_close"): 1,
    }


def test_it_is_about_positions_if_one_of_them_is() -> None:
    known = view(*trades(480, 491), position=held(1, 400))

    assert not all_of(DIP, LEVEL).needs_position
    assert all_of(LEVEL, GAIN).needs_position
    assert fired(all_of(LEVEL, GAIN).evaluate(known)).values["gain"] == "22.8"


def test_only_a_position_in_the_rules_own_symbol_is_known() -> None:
    foreign = GAIN | {"symbol": "AAPL"}
    nested = {"type": "any_of", "symbol": "AAPL", "conditions": [LEVEL, GAIN]}

    assert "rule.conditions: " in refusal("all_of", conditions=[LEVEL, foreign])
    assert "[1] is about the position in AAPL" in refusal("all_of", conditions=[LEVEL, nested])
    assert rule("all_of", symbol="AAPL", conditions=[LEVEL, foreign]).acts_on_position


@pytest.mark.parametrize("count", [0, 1, 9])
def test_it_has_from_two_to_eight_conditions(count: int) -> None:
    assert "rule.conditions: " in refusal("all_of", conditions=[LEVEL] * count)


def test_a_question_may_show_what_any_of_them_shows() -> None:
    template = {"question_template": "{{symbol}} {{level}} {{pct}} {{ref}}?"}
    foreign = DIP | {"symbol": "AAPL"}

    assert rule("all_of", conditions=[LEVEL, DIP], **template)
    assert rule("all_of", conditions=[LEVEL, DIP | {"symbol": "SPY"}], **template)
    assert "unknown variable 'pct'" in refusal("all_of", conditions=[LEVEL, foreign], **template)
    assert "unknown variable 'level'" in refusal("all_of", conditions=[DIP, DIP], **template)


@pytest.mark.parametrize("kind", ["all_of", "any_of"])
def test_wrong_conditions_are_no_reason_to_doubt_the_question(kind: str) -> None:
    message = refusal(kind, conditions=[LEVEL, {}], question_template="{{level}}?")

    assert "rule.conditions[1]" in message
    assert "question_template" not in message


@given(
    price=st.integers(470, 520),
    low=st.integers(470, 520),
    closes=st.booleans(),
    entry=st.integers(440, 520),
)
def test_it_is_the_conjunction_of_its_parts(price: int, low: int, closes: bool, entry: int) -> None:  # noqa: FBT001
    parts = [DIP, REBOUND, LEVEL, GAIN]
    facts = [fact("day_low", low), *trades(489, price), *(days(500) if closes else [])]
    known = view(*facts, position=held(1, entry))

    each = [reason(condition_of(part).evaluate(known)) for part in parts]

    assert (reason(all_of(*parts).evaluate(known)) == "fired") == (set(each) == {"fired"})


def test_on_minutes_it_fires_where_both_hold(market_days: MarketDays) -> None:
    close = market_days.days_before("SPY", "2013-10-08")[-1].close
    both = all_of(
        DIP | {"threshold_pct": Decimal("-0.7")}, REBOUND | {"threshold_pct": Decimal("0.2")}
    )
    low, expected = close, []
    for row in market_days.minutes_of("SPY", "2013-10-08"):
        low = min(low, row.low)
        if 1000 * row.close <= 993 * close and 1000 * row.close >= 1002 * low:
            expected.append(row.ends)

    assert market_days.firings(both, "SPY", "2013-10-08") == expected
    assert 0 < len(expected) < 390
