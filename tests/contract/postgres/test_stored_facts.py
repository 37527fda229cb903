"""The newest facts per key, read from Postgres."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from common.market import Metric, Snapshot
from infra.postgres.database import Database
from infra.postgres.market import market_data
from infra.postgres.market.market_data import MarketDataKey
from tests.conftest import NOON, rows


def fact(symbol: str, metric: Metric, minute: int, feed: str = "iex") -> Snapshot:
    as_of = NOON + timedelta(minutes=minute)
    price = Decimal(100 + minute)
    return Snapshot(symbol, "us_equity", feed, metric, price, Decimal(1), as_of, {"n": minute})


def test_the_newest_facts_of_each_key_come_oldest_first(db: Database) -> None:
    facts = [
        *(fact("SPY", "minute_bar", minute) for minute in (3, 1, 2, 0)),
        *(fact("SPY", "last_trade", minute) for minute in (1, 2)),
        fact("SPY", "minute_bar", 9, feed="sip"),
        fact("AAPL", "minute_bar", 7),
    ]
    needs: dict[MarketDataKey, int] = {
        ("SPY", "minute_bar", "iex"): 3,
        ("SPY", "last_trade", "iex"): 1,
        ("AAPL", "minute_bar", "iex"): 50,
        ("MSFT", "minute_bar", "iex"): 1,
    }

    with db.transaction() as tx:
        stored = market_data.store(tx, facts, NOON)
        found = market_data.latest(tx, needs)

    assert stored == len(facts)
    assert {key: [each.price for each in each_of] for key, each_of in found.items()} == {
        ("SPY", "minute_bar", "iex"): [101, 102, 103],
        ("SPY", "last_trade", "iex"): [102],
        ("AAPL", "minute_bar", "iex"): [107],
    }
    newest = found["SPY", "last_trade", "iex"][0]
    assert newest.id is not None
    assert newest == replace(fact("SPY", "last_trade", 2), id=newest.id)


@pytest.mark.parametrize(
    ("effect", "new", "old", "price", "volume"),
    [("shares", 10, 1, "10.1", "10"), ("price", 5, 4, "80.8", "1"), ("cash", 1, 1, "101", "1")],
)
def test_what_was_known_before_a_corporate_action_is_read_on_the_basis_after_it(
    db: Database, effect: str, new: int, old: int, price: str, volume: str
) -> None:
    with db.transaction() as tx:
        market_data.store(tx, [fact("SPY", "daily_close", 1)], NOON)
        tx.run(
            "INSERT INTO corporate_actions (id, kind, symbol, ex_date, effect, new_rate, old_rate,"
            " announced_at, applied_at) VALUES ('a', 'k', 'SPY', DATE '2026-02-11', :effect, :new,"
            " :old, :now, :now)",
            effect=effect,
            new=new,
            old=old,
            now=NOON,
        )
        ((found,),) = market_data.latest(tx, {("SPY", "daily_close", "iex"): 1}).values()

    assert (found.price, found.volume) == (Decimal(price), Decimal(volume))


def test_nothing_is_read_for_no_keys(db: Database) -> None:
    with db.transaction() as tx:
        assert market_data.latest(tx, {}) == {}
        assert market_data.store(tx, [], NOON) == 0


def test_more_facts_than_fit_one_statement_are_stored_once_each(db: Database) -> None:
    facts = [fact("SPY", "minute_bar", minute) for minute in range(5_001)]

    with db.transaction() as tx:
        first = market_data.store(tx, facts, NOON)
        again = market_data.store(tx, facts, NOON)

    assert (first, again) == (5_001, 0)


def test_a_corrected_bar_is_stored_with_what_it_said_before(db: Database) -> None:
    bar, trade = fact("SPY", "minute_bar", 1), fact("SPY", "last_trade", 1)
    repriced = replace(bar, price=Decimal(99), raw={"n": "again"})
    recounted = replace(repriced, volume=Decimal(7))
    later = [NOON + timedelta(minutes=minutes) for minutes in (1, 2, 3, 4)]

    with db.transaction() as tx:
        market_data.store(tx, [bar, trade], NOON)
        for corrected, at in zip([repriced, recounted, recounted], later, strict=False):
            market_data.store(tx, [corrected], at)
        market_data.store(tx, [replace(trade, price=Decimal(1))], later[3])

    (stored,) = rows(db, "SELECT * FROM market_data_snapshots WHERE metric = 'minute_bar'")
    assert (stored["price"], stored["volume"], stored["raw"]) == (99, 7, {"n": "again"})
    kept = rows(db, "SELECT * FROM market_data_corrections ORDER BY id")
    assert [(row["price"], row["volume"], row["corrected_at"]) for row in kept] == [
        (101, 1, later[0]),
        (99, 1, later[1]),
    ]
    assert {row["snapshot_id"] for row in kept} == {stored["id"]}


def test_the_view_of_the_latest_has_one_row_of_each_key(db: Database) -> None:
    facts = [*(fact("SPY", "last_trade", minute) for minute in (2, 1)), fact("SPY", "daily_bar", 1)]
    with db.transaction() as tx:
        market_data.store(tx, [*facts, fact("AAPL", "last_trade", 5)], NOON)

    latest = rows(
        db, "SELECT metric, price FROM market_data_latest WHERE symbol = 'SPY' ORDER BY metric"
    )

    assert [(row["metric"], row["price"]) for row in latest] == [
        ("daily_bar", Decimal(101)),
        ("last_trade", Decimal(102)),
    ]


def test_the_plans_index_is_there(db: Database) -> None:
    (index,) = rows(
        db,
        "SELECT indexdef FROM pg_indexes"
        " WHERE indexname = 'market_data_snapshots_symbol_as_of_idx'",
    )

    assert index["indexdef"].endswith("(symbol, as_of DESC)")
