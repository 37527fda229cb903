"""A database of a simulated year against a fresh one: what is old must not be paid for."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial

from common.questions import Answer
from functions.answer import take_answer
from functions.ask import ask_piece
from functions.evaluate import ask_all
from infra.postgres.database import Database, Transaction
from tests.bench.asking import announced, quiet
from tests.bench.crowd import LIMITS, NOW, crowd, vacuum
from tests.bench.timing import Figure, repeated, timed

_USERS = 10_000
_ORDERS = 100_000
_SYMBOLS, _MINUTES, _DAYS = 30, 390, 252
_ANSWERS = 200
_MOST = 1.2


def year(server: str) -> Iterator[Figure]:
    """Measure the same on both: a tick that asks everybody, a quiet one, an answer."""
    with crowd(server, _USERS, 100) as fresh, crowd(server, _USERS, 100) as aged:
        with aged.transaction() as tx:
            _store_minutes(tx)
            store_orders(tx, _USERS, _ORDERS)
        # What it took to write a year is not the year's price.
        for database in (aged, fresh):
            vacuum(server, database)
        asking = _ask_in_turn([aged, fresh])
        yield _figure("ask 10,000 users", [asking[aged]], [asking[fresh]])
        yield _figure("an answer", _answers(aged), _answers(fresh))
        ticks: dict[Database, list[float]] = {aged: [], fresh: []}
        for _ in range(3):  # in turn: a machine is slower at one time than at another
            for database, seconds in ticks.items():
                seconds.extend(quiet(database, _USERS).seconds)
        yield _figure("quiet tick", ticks[aged], ticks[fresh])


def _figure(what: str, aged: list[float], fresh: list[float]) -> Figure:
    return Figure(f"year-old database: {what}", aged, "a fresh one", fresh, _MOST)


def _ask_in_turn(databases: Sequence[Database]) -> dict[Database, float]:
    """Ask a piece of one and a piece of the other; return the seconds of each.

    In turn, as a machine is slower at one time than at another.
    """
    seconds = {each: timed(partial(ask_all, each, LIMITS, NOW)) for each in databases}
    for pieces in zip(*map(announced, databases), strict=True):
        for database, piece in zip(databases, pieces, strict=True):
            seconds[database] += timed(partial(ask_piece, database, piece, LIMITS, NOW))
    return seconds


def _answers(database: Database) -> list[float]:
    with database.transaction() as tx:
        pending = tx.rows(
            "SELECT question_id, firebase_uid FROM confirmations WHERE status = 'pending'"
            " ORDER BY firebase_uid LIMIT :n",
            n=_ANSWERS,
        )
    answers = iter([Answer(**row, answer=Decimal(10), answered_at=NOW) for row in pending])

    def answer() -> None:
        with database.transaction() as tx:
            take_answer(tx, next(answers), LIMITS, NOW)

    return repeated(answer, _ANSWERS)


def _store_minutes(tx: Transaction) -> None:
    """Store a year's prices of all symbols."""
    tx.run(
        """
        INSERT INTO market_data_snapshots (symbol, asset_class, feed, metric, price, as_of,
                                           created_at)
        SELECT CASE s WHEN 1 THEN 'SPY' ELSE 'S' || s END, 'us_equity', 'iex', 'last_trade', 500,
               minute, minute
        FROM generate_series(1, :symbols) s, generate_series(1, :days) d,
             generate_series(1, :minutes) m,
             LATERAL (SELECT CAST(:now AS timestamptz) - make_interval(days => d, mins => m)
                      AS minute) AS at
        """,
        symbols=_SYMBOLS,
        days=_DAYS,
        minutes=_MINUTES,
        now=NOW,
    )


def store_orders(tx: Transaction, users: int, orders: int) -> None:
    """Store orders that were asked for, approved and filled, in turn of each of the users."""
    tx.run(
        """
        CREATE TEMP TABLE lived ON COMMIT DROP AS
        SELECT gen_random_uuid() AS opportunity, gen_random_uuid() AS question,
               'bench-' || (1 + n % :users) AS uid,
               CAST(:now AS timestamptz) - make_interval(mins => 60 + n * 5) AS at
        FROM generate_series(1, :orders) n
        """,
        users=users,
        orders=orders,
        now=NOW,
    )
    for statement in _LIVED:
        tx.run(statement)


_LIVED = (
    """
    INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price, as_of,
                               snapshot_ids, config_hash, fired_at)
    SELECT opportunity, uid, 'dip_confirm', 'price_below_pct_of_ref', 'SPY', 492, at, '{}', 'h', at
    FROM lived
    """,
    """
    INSERT INTO questions (id, firebase_uid, question_text, correct_answer, source_tag,
                           pipeline_key, pipeline_step, created_at)
    SELECT question, uid, '?', 10, 'trading:rule:dip_confirm', 'trading',
           'dip_confirm:await_confirm', at FROM lived
    """,
    """
    INSERT INTO confirmations (question_id, opportunity_id, firebase_uid, rule_id, status, asked_at,
                               expires_at, answer, answered_at, decided_at)
    SELECT question, opportunity, uid, 'dip_confirm', 'approve', at, at + interval '15 minutes', 10,
           at, at FROM lived
    """,
    """
    INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, side, order_type,
        notional_usd, status, question_id, rule_id, created_at, expires_at, updated_at,
        opportunity_id, asset_class, time_in_force, config_hash, seen_price, max_price_drift_pct,
        reserved_at, reserved_usd)
    SELECT question, uid, 'cs-' || question, 'SPY', 'buy', 'market', 10, 'filled', question,
           'dip_confirm', at, at, at, opportunity, 'us_equity', 'day', 'h', 492, 1, at, 10
    FROM lived
    """,
)
