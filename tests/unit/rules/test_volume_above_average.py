from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.rules.base import Outcome
from tests.unit.rules.facts import (
    MINUTE,
    NOON,
    condition,
    days,
    fact,
    fired,
    reason,
    refusal,
    silent,
    trades,
    view,
)
from tests.unit.rules.market_days import MarketDays

BUSY = condition("volume_above_average", factor=Decimal("1.5"), days=3)
VOLUMES = [500, 1000, 1500]


def today(volume: object, past: list[int] = VOLUMES) -> Outcome:
    history = days(*[500] * len(past), volumes=past)
    return BUSY.evaluate(view(*history, fact("daily_bar", 500, NOON, volume), *trades(500)))


@pytest.mark.parametrize(("volume", "expected"), [(1499, "not_met"), (1500, "fired")])
def test_it_fires_from_the_multiple_of_the_average_on(volume: int, expected: str) -> None:
    assert reason(today(volume)) == expected


def test_it_says_what_it_saw() -> None:
    assert fired(today(1600)).values == {"volume": "1600", "average": "1000"}
    assert silent(today(100)).observed == {"price": "500", "volume": "100", "average": "1000"}
    assert len(fired(today(1600)).snapshot_ids) == 5


def test_only_the_last_sessions_count() -> None:
    assert reason(today(1500, [10**9, *VOLUMES])) == "fired"


def test_too_few_days_and_days_without_volume_have_no_average() -> None:
    assert silent(today(1500, VOLUMES[1:])).observed["found"] == "2"
    assert silent(today(1500, [0, 0, 0])).observed == {"missing": "volume", "volume": "1500"}


def test_without_todays_bar_there_is_no_volume() -> None:
    history = days(500, 500, 500)
    yesterday = fact("daily_bar", 500, NOON.replace(day=9), 10**9)

    none = silent(BUSY.evaluate(view(*history, *trades(500))))

    assert none.observed == {"missing": "daily_bar"}
    assert reason(BUSY.evaluate(view(*history, yesterday, *trades(500)))) == "stale"


def test_an_old_trade_fires_nothing() -> None:
    assert reason(BUSY.evaluate(view(*trades(500, until=NOON - 4 * MINUTE)))) == "stale"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"factor": 0}, "factor"),
        ({"factor": -1}, "factor"),
        ({"days": 0}, "days"),
        ({"days": 251}, "days"),
    ],
)
def test_what_cannot_be_exceeded_is_refused(changes: dict[str, object], where: str) -> None:
    assert f"rule.{where}: " in refusal(
        "volume_above_average", **{"factor": 2, "days": 20} | changes
    )


@given(volume=st.integers(0, 5000), factor=st.integers(1, 1000))
def test_scaling_all_volumes_changes_nothing(volume: int, factor: int) -> None:
    scaled = today(volume * factor, [each * factor for each in VOLUMES])

    assert reason(today(volume)) == reason(scaled)


@given(volume=st.integers(0, 5000), more=st.integers(0, 5000))
def test_more_volume_never_silences_it(volume: int, more: int) -> None:
    assert reason(today(volume)) == "not_met" or reason(today(volume + more)) == "fired"


def test_on_minutes_it_fires_from_the_minute_on_that_exceeds_it(market_days: MarketDays) -> None:
    average = sum(
        row.volume for row in market_days.days_before("SPY", "2013-10-08")[-20:]
    ) / Decimal(20)
    total, expected = 0, []
    for row in market_days.minutes_of("SPY", "2013-10-08"):
        total += row.volume
        if total >= average * 12 / 10:
            expected.append(row.ends)

    found = market_days.firings(
        condition("volume_above_average", factor=Decimal("1.2"), days=20), "SPY", "2013-10-08"
    )

    assert found == expected
    assert "12:00" < found[0] < "16:00"
