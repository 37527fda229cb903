"""A refresh costs what its days cost, however long the history before and after them."""

from pathlib import Path
from typing import get_args

from common.market import StockFeed
from infra.postgres.database import Database, Transaction
from infra.postgres.market import market_data
from infra.workflows.kpis import option_valuation
from tests.kpis import full_day
from tests.kpis.full_day import DAY, OVER

DAY_AND_INSTANT = f"'{DAY}', '{OVER.isoformat()}'"
SPAN = f"lower(utils_statistics.trading_day('{DAY}')), upper(utils_statistics.trading_day('{DAY}'))"
EVENTS = f"daily_events({SPAN})"
CALLS = (
    f"daily_trade_kpis({DAY_AND_INSTANT})",
    f"daily_trade_series({DAY_AND_INSTANT})",
    f"daily_trade_extremes({DAY_AND_INSTANT})",
    f"daily_trade_portfolio({DAY_AND_INSTANT})",
)

MORE = (Path(__file__).parent / "more_history.sql").read_text().split(";\n")[:-1]


def test_a_day_reads_its_own_rows_among_81_weeks(db: Database) -> None:
    full_day.fill(db, contracts=10)
    with db.transaction() as tx:
        option_valuation.complete(tx, DAY, OVER)
        for weeks in (1, 3, 9, 27):
            grow(tx, weeks)
        (day,) = tx.rows(f"SELECT count(*) AS rows FROM utils_statistics.{EVENTS}")  # noqa: S608

        assert rows_read(tx, EVENTS) <= 1.5 * day["rows"]
        for call in CALLS:
            assert rows_read(tx, call) <= 4 * day["rows"]

        # The newest facts, also of feeds that say nothing of the symbol.
        symbol = tx.rows(
            "SELECT symbol FROM market_data_snapshots GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
        )[0]["symbol"]
        before = _rows_read_so_far(tx)
        found = market_data.latest(
            tx, {(symbol, "last_trade", feed): 2 for feed in get_args(StockFeed)}
        )
        assert _rows_read_so_far(tx) - before == sum(map(len, found.values())) > 0


def grow(tx: Transaction, weeks: int) -> None:
    """Make three days of each."""
    for statement in MORE:
        tx.run(statement, **({"weeks": weeks} if ":weeks" in statement else {}))
    tx.run("ANALYZE")


def rows_read(tx: Transaction, call: str) -> int:
    """Count what is read of our tables alone.

    Pages would count the system catalogs, too: they are read anew, in the middle of a statement,
    when other sessions of a busy server change theirs.
    """
    before = _rows_read_so_far(tx)
    tx.rows(f"SELECT * FROM utils_statistics.{call}")  # noqa: S608
    return _rows_read_so_far(tx) - before


def _rows_read_so_far(tx: Transaction) -> int:
    (row,) = tx.rows(
        "SELECT CAST(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) AS bigint) AS read"
        " FROM pg_stat_xact_user_tables"
    )
    return int(row["read"])
