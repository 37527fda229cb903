"""A database of its own with a crowd of users for whom one rule fires."""

import itertools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from infra.local.postgres import create_database
from infra.postgres.database import Connect, Database, Transaction, connector
from infra.postgres.migrate import migrate
from infra.runtime.settings import default_limits

NOW = datetime(2026, 2, 10, 17, tzinfo=UTC)
LIMITS = replace(default_limits(), trading_enabled=True)
_numbers = itertools.count(1)


@contextmanager
def crowd(server: str, users: int, configs: int) -> Iterator[Database]:
    """Yield a fresh database with users of so many distinct configs, and a market that fell."""
    name = f"bench_{next(_numbers)}"
    create_database(server, name)
    with closing(Database(_connector(server, name), size=4)) as database:
        migrate(database)
        with database.transaction() as tx:
            enroll(tx, users, configs)
            prices(tx, 492, NOW)
            _session(tx)
            tx.run("CREATE TABLE bench_bare (id uuid PRIMARY KEY, uid text, at timestamptz)")
            tx.run("ANALYZE")
        yield database


def vacuum(server: str, database: Database) -> None:
    """Do at once what the server does by and by after much was written."""
    with database.transaction() as tx:
        (row,) = tx.rows("SELECT current_database() AS name")
    with closing(_connector(server, row["name"])()) as connection:
        connection.autocommit = True
        for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
            connection.cursor().execute(statement)


def _connector(server: str, name: str) -> Connect:
    return connector(server.replace("/countersign?", f"/{name}?"), timeout_seconds=300)


def enroll(tx: Transaction, users: int, configs: int) -> None:
    """Give users one of so many configs, in turn."""
    tx.run("INSERT INTO users SELECT 'bench-' || n FROM generate_series(1, :n) n", n=users)
    tx.run(
        """
        INSERT INTO user_trading_config (firebase_uid, template_name, config, enabled)
        SELECT 'bench-' || n, 'default_paper_watchlist',
               jsonb_build_object('max_staleness_seconds', 200 + n % :configs), true
        FROM generate_series(1, :n) n
        """,
        n=users,
        configs=configs,
    )


def prices(tx: Transaction, last: int, now: datetime) -> None:
    """Store what SPY costs; it closed at 500."""
    for metric, price, as_of in (
        ("last_trade", last, now),
        ("daily_bar", last, now),
        ("prev_close", 500, now - timedelta(hours=20)),
    ):
        tx.run(
            "INSERT INTO market_data_snapshots (symbol, asset_class, feed, metric, price, as_of)"
            " VALUES ('SPY', 'us_equity', 'iex', :metric, :price, :as_of) ON CONFLICT DO NOTHING",
            metric=metric,
            price=price,
            as_of=as_of,
        )


def _session(tx: Transaction) -> None:
    tx.run(
        "INSERT INTO market_sessions (trading_day, opens_at, closes_at, extended_opens_at,"
        " extended_closes_at, fetched_at) VALUES (:day, :opens, :closes, :opens, :closes, :opens)",
        day=NOW.date(),
        opens=NOW - timedelta(hours=2, minutes=30),
        closes=NOW + timedelta(hours=4),
    )
