"""A refresh costs what its days cost, however long the history before and after them."""

import json
from pathlib import Path
from typing import Any

from infra.postgres.database import Database, Transaction
from infra.workflows.kpis import option_valuation
from tests.kpis import full_day
from tests.kpis.full_day import DAY, OVER

FUNCTIONS = ("kpis", "series", "extremes", "portfolio")

MORE = (Path(__file__).parent / "more_history.sql").read_text().split(";\n")[:-1]


def test_a_day_reads_no_more_when_there_is_more_history(db: Database) -> None:
    full_day.fill(db, contracts=10)
    with db.transaction() as tx:
        option_valuation.complete(tx, DAY, OVER)
        grow(tx, 1)
        grow(tx, 3)
        among_nine = {function: pages_read(tx, function) for function in FUNCTIONS}
        grow(tx, 9)
        grow(tx, 27)
        among_81 = {function: pages_read(tx, function) for function in FUNCTIONS}

    for function in FUNCTIONS:
        assert among_81[function] <= 2 * among_nine[function]


def grow(tx: Transaction, weeks: int) -> None:
    """Make three days of each."""
    for statement in MORE:
        tx.run(statement, **({"weeks": weeks} if ":weeks" in statement else {}))
    # Every row, not a sample: with a bad one the planner now and then chooses another plan.
    tx.run("SET LOCAL default_statistics_target = 10000")
    tx.run("ANALYZE")


def pages_read(tx: Transaction, function: str) -> int:
    (row,) = tx.rows(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM"  # noqa: S608
        f" utils_statistics.daily_trade_{function}('{DAY}', '{OVER.isoformat()}')"
    )
    plan: Any = row["QUERY PLAN"]
    top = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
