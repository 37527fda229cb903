"""A refresh costs what its days cost, however long the history before and after them."""

import json
from pathlib import Path
from typing import Any

from infra.postgres.database import Database, Transaction
from infra.workflows.kpis import option_valuation
from tests.kpis import full_day
from tests.kpis.full_day import DAY, OVER

DAY_AND_INSTANT = f"'{DAY}', '{OVER.isoformat()}'"
SPAN = f"lower(utils_statistics.trading_day('{DAY}')), upper(utils_statistics.trading_day('{DAY}'))"
CALLS = (
    f"daily_trade_kpis({DAY_AND_INSTANT})",
    f"daily_trade_series({DAY_AND_INSTANT})",
    f"daily_trade_extremes({DAY_AND_INSTANT})",
    f"daily_trade_portfolio({DAY_AND_INSTANT})",
    f"daily_events({SPAN})",  # a small part of the first, which its sum would hide
)

MORE = (Path(__file__).parent / "more_history.sql").read_text().split(";\n")[:-1]


def test_a_day_reads_no_more_when_there_is_more_history(db: Database) -> None:
    full_day.fill(db, contracts=10)
    with db.transaction() as tx:
        option_valuation.complete(tx, DAY, OVER)
        grow(tx, 1)
        grow(tx, 3)
        among_nine = {call: pages_read(tx, call) for call in CALLS}
        grow(tx, 9)
        grow(tx, 27)
        among_81 = {call: pages_read(tx, call) for call in CALLS}

    for call in CALLS:
        assert among_81[call] <= 2 * among_nine[call]


def grow(tx: Transaction, weeks: int) -> None:
    """Make three days of each."""
    for statement in MORE:
        tx.run(statement, **({"weeks": weeks} if ":weeks" in statement else {}))
    tx.run("ANALYZE")


def pages_read(tx: Transaction, call: str) -> int:
    (row,) = tx.rows(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM utils_statistics.{call}"  # noqa: S608
    )
    plan: Any = row["QUERY PLAN"]
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
