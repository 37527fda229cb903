"""KPIs 1 to 6, 8 and 26: what happened, counted in Python and in SQL."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from infra.postgres.database import Database
from tests.kpis import recomputed
from tests.kpis.recomputed import DAYS, Numbers, random_days, shown
from tests.kpis.source_rows import Execution, SourceRows, forgotten

COUNTED = (
    "Signals scanned",
    "Opportunities flagged",
    "Notifications sent",
    "Entries opened",
    "Exits closed",
    "Avg hold time",
    "Win rate",
    "Portfolio",
)


class Day:
    """Some hours before and after a trading day, with a few of everything."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.day = self.chance.choice(DAYS)
        self.since = recomputed.midnight(self.day).astimezone(UTC)
        self.as_of = self.instant()
        self.source_rows = SourceRows()
        for number in range(1, self.chance.randint(1, 13)):
            self.source_rows.fact(f"S{number}", "last_trade", 500, self.instant())
            self.source_rows.fact(f"S{number}", "daily_close", 500, self.instant())
            self.source_rows.notification(self.instant())
            self.source_rows.opportunity(self.instant())
            self.source_rows.option(f"SPY260220C{number:08}", self.instant(), 500)
        for _ in range(self.chance.randint(0, 12)):
            self._trade()

    def instant(self) -> datetime:
        """An instant of the day or near it; the edges are as likely as the rest."""
        edges = (timedelta(0), timedelta(hours=10), timedelta(hours=24))
        within = timedelta(seconds=self.chance.randint(-3600 * 6, 3600 * 30))
        return self.since + self.chance.choice((*edges, within, within, within))

    def _trade(self) -> None:
        opened, closed = sorted((self.instant(), self.instant()))
        price = Decimal(self.chance.randint(1, 5))
        path = [Execution(opened, Decimal(self.chance.choice((-2, 3))), Decimal(3))]
        if self.chance.random() < 0.7:
            path.append(Execution(closed, -path[0].qty, price))
        self.source_rows.trade("SPY", path, uid=f"user-{len(self.source_rows.rows['trades'])}")

    def expected(self, since: datetime, until: datetime) -> Numbers:
        """Count what happened from `since` on and before `until`."""
        rows = self.source_rows.rows
        exits = [t for t in rows["trades"] if t["closed_at"] and since <= t["closed_at"] < until]
        lives = [t["closed_at"] - t["opened_at"] for t in exits]
        wins = [t for t in exits if t["realized_pnl"] > 0]

        def count(table: str, column: str) -> Decimal:
            return Decimal(sum(since <= row[column] < until for row in rows[table]))

        facts = sum(
            since <= row["created_at"] < until
            for row in rows["market_data_snapshots"]
            if row["metric"] != "daily_close"
        )
        return {
            "Signals scanned": facts + count("option_snapshots", "created_at"),
            "Opportunities flagged": count("opportunities", "fired_at"),
            "Notifications sent": count("confirmations", "asked_at"),
            "Entries opened": count("trades", "opened_at"),
            "Exits closed": Decimal(len(exits)),
            "Avg hold time": Decimal(str(sum(lives, timedelta()).total_seconds())) / len(exits)
            if exits
            else None,
            "Win rate": Decimal(len(wins)) / len(exits) if exits else None,
            "Portfolio": Decimal(
                sum(
                    t["opened_at"] < until and not (t["closed_at"] and t["closed_at"] < until)
                    for t in rows["trades"]
                )
            ),
        }


@random_days
@given(seed=st.integers(0, 10**9))
def test_headlines_count_the_trading_day_up_to_the_instant(db: Database, seed: int) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        found = recomputed.figures(tx, day.day, day.as_of)

    expected = day.expected(*recomputed.span(day.day, day.as_of))
    assert {kpi: found[kpi] for kpi in COUNTED} == {
        kpi: shown(kpi, value) for kpi, value in expected.items()
    }


@random_days
@given(seed=st.integers(0, 10**9))
def test_series_have_the_value_of_each_quarter_hour(db: Database, seed: int) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        found = recomputed.series(tx, day.day, day.as_of)

    since, _ = recomputed.span(day.day, day.as_of)
    points = {
        start: day.expected(since, until)
        for start, until in recomputed.quarters(day.day, day.as_of).items()
    }
    for kpi in COUNTED:
        expected = {start: p[kpi] for start, p in points.items() if p[kpi] is not None}
        assert list(found[kpi]) == list(expected)
        assert all(
            abs(found[kpi][start] - value) < Decimal("1e-9")  # type: ignore[operator]
            for start, value in expected.items()
        )


@random_days
@given(seed=st.integers(0, 10**9))
def test_as_many_positions_are_listed_as_counted(db: Database, seed: int) -> None:
    day = Day(seed)

    with forgotten(db) as tx:
        day.source_rows.save(tx)
        listed = recomputed.portfolio(tx, day.day, day.as_of)
        counted = recomputed.figures(tx, day.day, day.as_of)["Portfolio"]

    assert len({row["trade_id"] for row in listed}) == len(listed) == int(counted)
