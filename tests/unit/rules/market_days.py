"""Days of minutes: as plain rows, to work out what is expected, and as what a rule sees."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from common.market import NEW_YORK, Metric, Session, Snapshot
from common.rules.base import Condition, Fired, MarketFacts, Position, SymbolView
from tests.unit.rules.facts import MAX_AGE, MINUTE, fact

JUST_BEFORE = timedelta(microseconds=1)
FULL_DAY = "16:00"


@dataclass(frozen=True)
class Row:
    """One minute or day."""

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


@dataclass(frozen=True)
class MarketDays:
    """Where the minutes of a symbol's day, and the rows of all its days, come from."""

    minutes: Callable[[str, str], list[Row]]
    days: Callable[[str], list[Row]]

    def minutes_of(self, symbol: str, day: str, closes: str = FULL_DAY) -> list[Row]:
        """Return the minutes of a day's regular session."""
        return [row for row in self.minutes(symbol, day) if "09:30" <= clock(row.at) < closes]

    def days_before(self, symbol: str, day: str) -> list[Row]:
        """Return all days before one, oldest first."""
        return [row for row in self.days(symbol) if f"{row.at:%Y-%m-%d}" < day]

    def firings(
        self, condition: Condition, symbol: str, day: str, *, position: Position | None = None
    ) -> list[str]:
        """Return the ticks of a day, one a minute, at which a condition fires."""
        views = self._views(symbol, day, position)
        return [clock(view.now) for view in views if isinstance(condition.evaluate(view), Fired)]

    def _views(self, symbol: str, day: str, position: Position | None) -> Iterator[SymbolView]:
        """What is known at the end of each minute, as the ingesting ticks would have stored it.

        The observation before the first one is the close of the day before.
        """
        rows = self.minutes_of(symbol, day)
        opens = datetime.fromisoformat(f"{day}T09:30").replace(tzinfo=NEW_YORK)
        session = Session(opens, opens.replace(hour=16, minute=0))
        past = self.days_before(symbol, day)
        fixed: list[Snapshot] = [
            *(
                fact("daily_close", each.close, each.at, each.volume, symbol)
                for each in past[-250:]
            ),
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
