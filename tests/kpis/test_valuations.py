"""The step before the views: what is valued, when, and how often."""

import subprocess
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.postgres.database import Database
from infra.workflows.kpis import option_valuation
from tests.conftest import rows
from tests.kpis import recomputed
from tests.kpis.source_rows import SourceRows

DAY = date(2026, 2, 10)
OPENS = recomputed.midnight(DAY) + timedelta(hours=9.5)
CALL = "SPY260320C00500000"


def scan(db: Database, *minutes: int, closes: int = 21, **known: Any) -> None:
    """Store a contract's snapshots, some minutes after the opening."""
    source_rows = SourceRows()
    source_rows.contract(CALL)
    add_closes(source_rows, closes)
    for minute in minutes:
        quote: dict[str, Any] = {"bid": Decimal(9), "ask": Decimal(11)}
        source_rows.option(CALL, OPENS + timedelta(minutes=minute), 500, **quote | known)
    with db.transaction() as tx:
        source_rows.save(tx)


def add_closes(source_rows: SourceRows, count: int) -> None:
    for number in range(1, count + 1):
        as_of = recomputed.midnight(DAY) - timedelta(days=number)
        source_rows.fact("SPY", "daily_close", 490 + number % 7, as_of)


def complete(db: Database, as_of: datetime) -> int:
    with db.transaction() as tx:
        return option_valuation.complete(tx, DAY, as_of)


def test_the_last_snapshot_of_each_five_minutes_is_valued_once(db: Database) -> None:
    scan(db, 0, 1, 4, 5, 11, 12)

    assert complete(db, OPENS + timedelta(hours=1)) == 3
    assert complete(db, OPENS + timedelta(hours=2)) == 0
    known = rows(db, "SELECT known_at FROM option_valuations ORDER BY known_at")
    assert [row["known_at"] - OPENS for row in known] == [
        timedelta(minutes=minutes) for minutes in (4, 5, 12)
    ]


def test_what_was_not_known_yet_is_not_valued(db: Database) -> None:
    scan(db, 0, 1, 2)

    assert complete(db, OPENS + timedelta(minutes=1)) == 1
    (first,) = rows(db, "SELECT known_at FROM option_valuations")
    assert first["known_at"] == OPENS + timedelta(minutes=1)


def test_what_the_broker_says_is_not_computed(db: Database) -> None:
    greeks: dict[str, Any] = dict.fromkeys(
        ("delta", "gamma", "theta", "vega", "rho"), Decimal("0.5")
    )
    scan(db, 0, implied_volatility=Decimal("0.25"), **greeks)

    complete(db, OPENS)

    (found,) = rows(db, "SELECT * FROM option_valuations")
    assert found["implied_volatility"] is found["delta"] is found["rho"] is None
    assert found["fair_price"] > 0


def test_greeks_follow_the_brokers_volatility(db: Database) -> None:
    scan(db, 0, implied_volatility=Decimal("0.25"), bid=None)

    complete(db, OPENS)

    (found,) = rows(db, "SELECT * FROM option_valuations")
    assert found["implied_volatility"] is None
    assert 0 < found["delta"] < 1


@pytest.mark.parametrize("known", [{"bid": None}, {"ask": Decimal(0)}])
def test_without_a_two_sided_quote_there_is_only_a_fair_price(
    db: Database, known: dict[str, Any]
) -> None:
    scan(db, 0, **known)

    complete(db, OPENS)

    (found,) = rows(db, "SELECT * FROM option_valuations")
    assert found["implied_volatility"] is found["gamma"] is None
    assert found["fair_price"] > 0


def test_history_that_comes_late_is_made_up_for(db: Database) -> None:
    scan(db, 0, 7, closes=20)
    assert complete(db, OPENS + timedelta(hours=1)) == 2
    assert complete(db, OPENS + timedelta(hours=1)) == 0
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO market_data_snapshots (symbol, asset_class, feed, metric, price, as_of)"
            " VALUES ('SPY', 'us_equity', 'iex', 'daily_close', 480, '2026-01-05 05:00Z')"
        )

    assert complete(db, OPENS + timedelta(hours=1)) == 2

    assert complete(db, OPENS + timedelta(hours=1)) == 0
    found = rows(db, "SELECT fair_price FROM option_valuations")
    assert all(row["fair_price"] > 0 for row in found)


def test_no_function_loads_the_pricing_library_before_it_prices() -> None:
    code = "import sys, functions.main; sys.exit('QuantLib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
