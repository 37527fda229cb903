from decimal import Decimal
from itertools import pairwise
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

FALL = {"type": "price_below_pct_of_ref", "ref_metric": "prev_close", "threshold_pct": -2}
RISE = {"type": "price_above_pct_of_ref", "ref_metric": "prev_close", "threshold_pct": 2}
LEVEL = {"type": "price_crosses_level", "level": 490, "direction": "up"}
GAIN = {"type": "position_gain_pct", "threshold_pct": 5}


def any_of(*conditions: dict[str, Any]) -> Condition:
    return condition("any_of", conditions=conditions)


@pytest.mark.parametrize(
    ("price", "expected"), [(490, "fired"), (491, "not_met"), (509, "not_met"), (510, "fired")]
)
def test_it_fires_when_one_of_them_does(price: int, expected: str) -> None:
    facts = *days(500), *trades(price)

    assert reason(any_of(FALL, RISE).evaluate(view(*facts))) == expected


def test_one_without_data_does_not_silence_another() -> None:
    crossing = trades(489, 490)

    assert reason(any_of(FALL, LEVEL).evaluate(view(*crossing))) == "fired"
    assert silent(any_of(FALL, RISE).evaluate(view(*crossing))).observed == {
        "missing": "prev_close"
    }


def test_it_shows_what_the_first_that_holds_saw() -> None:
    seen = *days(500), *trades(489, 490)

    first = fired(any_of(RISE, FALL, LEVEL).evaluate(view(*seen)))
    second = fired(any_of(RISE, LEVEL, FALL).evaluate(view(*seen)))

    assert (first.reference, first.values) == (Decimal(500), {})
    assert (second.reference, second.values) == (None, {"level": "490"})


def test_a_question_may_show_only_what_all_of_them_show() -> None:
    assert rule("any_of", conditions=[FALL, RISE], question_template="{{pct}}% off {{ref}}?")

    message = refusal("any_of", conditions=[FALL, LEVEL], question_template="{{pct}}?")

    assert "unknown variable 'pct'" in message


def test_conditions_can_be_nested() -> None:
    inner = {"type": "all_of", "conditions": [LEVEL, FALL]}

    outcome = fired(any_of(RISE, inner).evaluate(view(*days(500), *trades(489, 490))))

    assert outcome.values == {"level": "490"}
    assert rule("any_of", conditions=[inner, inner], question_template="{{level}} {{pct}}?")


@given(price=st.integers(470, 520), closes=st.booleans(), entry=st.integers(440, 520))
def test_it_is_the_disjunction_of_its_parts(price: int, closes: bool, entry: int) -> None:  # noqa: FBT001
    parts = [FALL, RISE, LEVEL, GAIN]
    facts = [fact("day_low", 480), *trades(489, price), *(days(500) if closes else [])]
    known = view(*facts, position=held(1, entry))

    each = [reason(condition_of(part).evaluate(known)) for part in parts]

    assert (reason(any_of(*parts).evaluate(known)) == "fired") == ("fired" in each)


def test_on_minutes_it_fires_where_one_holds(market_days: MarketDays) -> None:
    level = Decimal("166.4")
    either = any_of(FALL | {"threshold_pct": -1}, LEVEL | {"level": level})
    evening = market_days.days_before("SPY", "2013-10-08")[-1]
    expected = [
        row.ends
        for before, row in pairwise([evening, *market_days.minutes_of("SPY", "2013-10-08")])
        if 100 * row.close <= 99 * evening.close or before.close < level <= row.close
    ]

    assert market_days.firings(either, "SPY", "2013-10-08") == expected
    assert 0 < len(expected) < 390
