from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.inputs import StockInput
from common.market import Metric, Snapshot
from infra.workflows.stream.cursors import is_current, known_closes

NOW = datetime(2026, 10, 8, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def watched(*metrics: Metric, **fields: Any) -> StockInput:
    return StockInput.model_validate(
        {
            "id": "shares",
            "source": "alpaca",
            "asset_class": "us_equity",
            "symbols": ["SPY"],
            "metrics": metrics,
        }
        | fields
    )


def streamed(age: timedelta, *metrics: Metric) -> dict[str, datetime]:
    return {f"stream iex SPY {metric}": NOW - age for metric in metrics}


@pytest.mark.parametrize(
    ("age", "interval", "expected"),
    [(10, 60, True), (89, 60, True), (90, 60, False), (300, 60, False), (300, 600, True)],
)
def test_what_the_stream_brought_within_the_poll_interval_is_current(
    age: int,
    interval: int,
    expected: bool,  # noqa: FBT001
) -> None:
    each = watched("last_trade", poll_interval_seconds=interval)

    assert is_current(each, "SPY", streamed(age * SECOND, "last_trade"), NOW) is expected


def test_every_metric_must_be_current() -> None:
    cursors = streamed(SECOND, "last_trade")

    assert not is_current(watched("last_trade", "daily_bar"), "SPY", cursors, NOW)
    assert not is_current(watched("last_trade"), "AAPL", cursors, NOW)
    assert not is_current(watched("last_trade", feed="sip"), "SPY", cursors, NOW)


def test_the_previous_close_is_fetched_once_a_day() -> None:
    cursors = streamed(SECOND, "last_trade")
    each = watched("last_trade", "prev_close", "daily_close")
    yesterday, today = NOW - timedelta(days=1), NOW - timedelta(hours=2)

    assert not is_current(each, "SPY", cursors, NOW)
    assert not is_current(each, "SPY", cursors | {"prev_close iex SPY": yesterday}, NOW)
    assert is_current(each, "SPY", cursors | {"prev_close iex SPY": today}, NOW)


def test_what_is_not_streamed_at_all_is_fetched() -> None:
    cursors = {"prev_close iex SPY": NOW}

    assert not is_current(watched("prev_close"), "SPY", cursors, NOW)
    assert not is_current(watched("daily_close"), "SPY", cursors, NOW)


@pytest.mark.parametrize(
    ("traded", "is_streamed", "expected"),
    [
        (NOW, True, ("prev_close iex SPY",)),
        (NOW - timedelta(days=1), True, ()),  # today's first trade may still change it
        (NOW, False, ()),
    ],
)
def test_a_previous_close_is_known_from_the_day_s_first_trade_on(
    traded: datetime,
    is_streamed: bool,  # noqa: FBT001
    expected: tuple[str, ...],
) -> None:
    def fact(metric: Metric, as_of: datetime) -> Snapshot:
        return Snapshot("SPY", "us_equity", "iex", metric, Decimal(1), None, as_of, {})

    facts = [fact("last_trade", traded), fact("prev_close", traded - timedelta(days=1))]
    cursors = streamed(SECOND, "last_trade") if is_streamed else {}

    assert known_closes(facts, cursors, NOW) == expected
