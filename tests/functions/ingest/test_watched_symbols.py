"""The server's cap of symbols counts what all users watch together."""

import json
from datetime import timedelta

import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions.account.account import Account
from tests.functions.account.test_account_api_config import problems
from tests.functions.ingest.test_ingest_inputs import crypto, ingest, stocks, watch
from tests.functions.steps import tick
from tests.functions.test_asked_what_can_be_done import asked_users


@pytest.fixture(autouse=True)
def _three_symbols(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HARD_MAX_SERVER_SYMBOLS", "3")
    wiring.reset()


def stored_symbols(db: Database) -> set[str]:
    return {row["symbol"] for row in rows(db, "SELECT DISTINCT symbol FROM market_data_snapshots")}


def test_symbols_that_several_watch_count_once(db: Database) -> None:
    watch(db, "first", stocks("AAPL", "MSFT"))
    watch(db, "second", stocks("MSFT", "SPY"))

    ingest()

    assert stored_symbols(db) == {"AAPL", "MSFT", "SPY"}


def test_a_config_that_came_first_is_fetched_whatever_comes_after_it(db: Database) -> None:
    watch(db, "first", stocks("AAPL", "MSFT"))
    ingest()
    for number in range(8):  # of some of them the key sorts before that of the first
        watch(db, f"newcomer-{number}", stocks("SPY", "QQQ", poll_interval_seconds=60 + number))
    watch(db, "modest", stocks("MSFT", "SPY"))
    with db.transaction() as tx:
        tx.run("DELETE FROM market_data_snapshots")
        tx.run("DELETE FROM ingest_cursors")

    ingest()

    assert stored_symbols(db) == {"AAPL", "MSFT", "SPY"}
    assert len(rows(db, "SELECT DISTINCT config_key FROM config_inputs")) == 2


def test_a_config_above_the_cap_is_set_aside_and_its_users_are_told_why(
    account: Account, db: Database
) -> None:
    enroll(db, "first", data_inputs=[{"id": "primary_watchlist", "symbols": ["QQQ", "SPY"]}])
    tick()
    mine = {"id": "primary_watchlist", "symbols": ["AAPL", "MSFT", "SPY"]}
    enroll(db, USER, data_inputs=[mine])

    tick()

    why = "all users together would watch 4 symbols, the server allows 3"
    (aside,) = rows(db, "SELECT reason FROM set_aside_configs")
    (shown,) = account.get("/status").get_json()["rules"]
    assert aside == {"reason": why}
    assert (shown["outcome"], shown["observed"]) == ("set_aside", {"reason": why})
    assert asked_users(db) == {"first"}


def test_the_underlyings_of_options_and_coins_count_too(db: Database) -> None:
    chain = {"id": "chain", "source": "alpaca", "asset_class": "us_option", "underlyings": ["SPY"]}
    watch(db, "first", stocks("AAPL"), crypto("BTC/USD"), chain)
    ingest()
    watch(db, "second", stocks("MSFT"))

    ingest()

    assert "MSFT" not in stored_symbols(db)


def test_a_config_of_a_user_who_left_makes_room(db: Database) -> None:
    watch(db, "first", stocks("AAPL", "MSFT"))
    ingest()
    watch(db, "second", stocks("SPY", "QQQ"))
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false WHERE firebase_uid = 'first'")

    ingest()

    assert "SPY" in stored_symbols(db)


def test_what_a_changed_template_watches_replaces_what_it_watched(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "first")
    ingest()
    with db.transaction() as tx:
        tx.run(
            "UPDATE trading_config_templates SET config ="
            " jsonb_set(config, '{data_inputs,0,symbols}', '[\"SPY\", \"AAPL\"]')"
        )
    simulator.clock.advance(timedelta(minutes=1))

    ingest()

    assert [row["symbols"] for row in rows(db, "SELECT symbols FROM config_inputs")] == [
        ["SPY", "AAPL"]
    ]
    (state,) = rows(db, "SELECT last_ingest_at FROM user_trading_state")
    assert state["last_ingest_at"] == simulator.clock.now()


def test_a_config_above_the_cap_is_refused_when_it_is_saved(account: Account, db: Database) -> None:
    watch(db, "first", stocks("AAPL", "MSFT"))
    ingest()

    refused = account.put({"data_inputs": [{"id": "primary_watchlist", "symbols": ["QQQ", "SPY"]}]})
    taken = account.put({"data_inputs": [{"id": "primary_watchlist", "symbols": ["AAPL", "SPY"]}]})

    assert problems(refused) == {
        "data_inputs": "all users together would watch 4 symbols, the server allows 3"
    }
    assert taken.status_code == 200, json.dumps(taken.get_json())


def test_who_replaces_their_own_symbols_needs_no_room_for_both(account: Account) -> None:
    mine = {"data_inputs": [{"id": "primary_watchlist", "symbols": ["AAPL", "MSFT", "SPY"]}]}
    other = {"data_inputs": [{"id": "primary_watchlist", "symbols": ["QQQ", "IWM", "SPY"]}]}

    assert account.put(mine).status_code == 200
    for each in (other, mine):
        seen = account.get("/config").headers["ETag"]
        assert account.put(each, If_Match=seen).status_code == 200


def test_a_config_that_is_switched_off_needs_no_room(account: Account, db: Database) -> None:
    watch(db, "first", stocks("AAPL", "MSFT", "QQQ"))
    ingest()

    assert account.put({"enabled": False}).status_code == 200
