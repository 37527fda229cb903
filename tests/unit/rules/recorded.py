"""Real recorded minutes: as plain rows, to work out what is expected, and as what a rule sees."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from common.market import NEW_YORK, Metric, Session, Snapshot
from common.rules.base import Condition, Fired, MarketFacts, Position, SymbolView
from tests.unit.rules.facts import MAX_AGE, MINUTE, fact

DATA = Path(__file__).parents[4] / "shared" / "market-data"
JUST_BEFORE = timedelta(microseconds=1)
FULL_DAY = "16:00"


@dataclass(frozen=True)
class Row:
    """One recorded minute or day."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int

    @property
    def ends(self) -> str:
        """When the minute's values become known, in New York."""
        return clock(self.at + MINUTE)


def clock(at: datetime) -> str:
    return f"{at.astimezone(NEW_YORK):%H:%M}"


def minutes_of(symbol: str, day: str, closes: str = FULL_DAY) -> list[Row]:
    """The minutes of a day's regular session."""
    rows = _rows(f"{day}_equity_minute_bars.csv.gz", symbol, "timestamp")
    return [row for row in rows if "09:30" <= clock(row.at) < closes]


def days_before(symbol: str, day: str) -> list[Row]:
    """All recorded days before one, oldest first."""
    rows = _rows("daily_bars_2012-2015.csv.gz", symbol, "date")
    return [row for row in rows if f"{row.at:%Y-%m-%d}" < day]


def firings(
    condition: Condition, symbol: str, day: str, *, position: Position | None = None
) -> list[str]:
    """The ticks of a day, one a minute, at which a condition fires."""
    views = _views(symbol, day, position)
    return [clock(view.now) for view in views if isinstance(condition.evaluate(view), Fired)]


@cache
def _rows(name: str, symbol: str, stamp: str) -> list[Row]:
    if not (DATA / name).exists():
        pytest.skip(f"no recorded market data: {name} is not there")
    with gzip.open(DATA / name, "rt") as lines:
        return [
            Row(
                at=_instant(row[stamp]),
                open=Decimal(row["open"]),
                high=Decimal(row["high"]),
                low=Decimal(row["low"]),
                close=Decimal(row["close"]),
                volume=int(row["volume"]),
            )
            for row in csv.DictReader(lines)
            if row["symbol"] == symbol
        ]


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=NEW_YORK)


def _views(symbol: str, day: str, position: Position | None) -> Iterator[SymbolView]:
    """What is known at the end of each minute, as the ingesting ticks would have stored it.

    The observation before the first one is the close of the day before.
    """
    rows = minutes_of(symbol, day)
    opens = datetime.fromisoformat(f"{day}T09:30").replace(tzinfo=NEW_YORK)
    session = Session(opens, opens.replace(hour=16, minute=0))
    past = days_before(symbol, day)
    fixed: list[Snapshot] = [
        *(fact("daily_close", each.close, each.at, each.volume, symbol) for each in past[-250:]),
        fact("prev_close", past[-1].close, past[-1].at, past[-1].volume, symbol),
    ]
    evening = past[-1].at + timedelta(hours=16) - JUST_BEFORE
    seen: list[Snapshot] = [fact("last_trade", past[-1].close, evening, 100, symbol)]
    for count, row in enumerate(rows, start=1):
        now = row.at + MINUTE
        seen.append(fact("last_trade", row.close, now - JUST_BEFORE, 100, symbol))
        seen.append(fact("minute_bar", row.close, row.at, row.volume, symbol))
        running = _running(rows[:count], symbol, now - JUST_BEFORE)
        facts = _by_metric([*fixed, *seen, *running], symbol)
        yield SymbolView(symbol, now, MAX_AGE, facts, session, position)


def _running(rows: list[Row], symbol: str, at: datetime) -> list[Snapshot]:
    volume = sum(row.volume for row in rows)
    prices: dict[Metric, Decimal] = {
        "daily_bar": rows[-1].close,
        "day_open": rows[0].open,
        "day_high": max(row.high for row in rows),
        "day_low": min(row.low for row in rows),
    }
    return [fact(metric, price, at, volume, symbol) for metric, price in prices.items()]


def _by_metric(facts: list[Snapshot], symbol: str) -> MarketFacts:
    found: dict[tuple[str, Metric], list[Snapshot]] = {}
    for each in facts:
        found.setdefault((symbol, each.metric), []).append(each)
    return found
