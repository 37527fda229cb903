"""What a user may know: the facts of their symbols, and how their trading stands."""

from datetime import timedelta
from typing import Any

import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.account.account import BASE, Account
from tests.functions.steps import approved, asked, submit, tick

pytestmark = pytest.mark.usefixtures("user")


def rule(status: dict[str, Any], symbol: str = "SPY") -> dict[str, Any]:
    (found,) = [each for each in status["rules"] if each["symbol"] == symbol]
    return dict(found)


def test_facts_are_the_latest_of_each_metric(account: Account, simulator: SimulatedBroker) -> None:
    tick()
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 495, prev_close=500, live=True)
    tick()

    body = account.get("/snapshots?symbol=SPY").get_json()

    prices = {fact["metric"]: fact["price"] for fact in body["snapshots"]}
    assert body["symbol"] == "SPY"
    assert prices == {"daily_bar": "495", "last_trade": "495", "prev_close": "500"}


def test_before_the_first_tick_there_are_no_facts(account: Account) -> None:
    assert account.get("/snapshots?symbol=AAPL").get_json()["snapshots"] == []


@pytest.mark.parametrize("symbol", ["TSLA", "BTC/USD", "A", "BRK.B"])
def test_a_symbol_that_the_user_does_not_watch_is_not_there(
    account: Account, db: Database, symbol: str
) -> None:
    enroll(db, "watcher", data_inputs=[{"id": "primary_watchlist", "symbols": ["SPY", "TSLA"]}])

    assert account.get(f"/snapshots?symbol={symbol}").status_code == 404


@pytest.mark.parametrize("query", ["", "?symbol=", "?symbol=spy", "?symbol=%00", "?symbol=SPY&x=1"])
def test_a_query_without_a_symbol_is_refused(account: Account, query: str) -> None:
    assert account.get(f"/snapshots{query}").status_code == 422


def test_before_the_first_tick_nothing_has_been_used_or_evaluated(account: Account) -> None:
    status = account.get("/status").get_json()

    assert status["caps"]["orders_per_day"] == {"used": 0, "limit": 3, "ceiling": 20, "left": 3}
    assert status["last_tick"] == {"ingested_at": None, "evaluated_at": None}
    assert rule(status)["outcome"] == "not_evaluated"
    assert status["trading"] == {
        "enabled_by_server": True,
        "enabled_by_user": True,
        "mode": "paper",
        "broker": "paper",
        "halted": [],
    }


def test_a_rule_that_fired_shows_what_it_saw_and_holds_the_next_question_back(
    account: Account, db: Database
) -> None:
    question_id = asked(db)

    status = account.get("/status").get_json()

    fired = rule(status)
    assert (fired["outcome"], fired["observed"]["price"]) == ("fired", "492")
    assert fired["held_back_by"] == ["question_pending", "cooldown"]
    assert fired["pending_question_id"] == str(question_id)
    assert fired["cooldown_until"] == "2026-02-10T18:00:00Z"
    assert status["last_tick"] == {
        "ingested_at": "2026-02-10T17:00:00Z",
        "evaluated_at": "2026-02-10T17:00:00Z",
    }
    assert status["caps"]["queued_questions"] == {"used": 1, "limit": 5, "left": 4}


def test_a_rule_that_did_not_fire_says_why(account: Account, simulator: SimulatedBroker) -> None:
    simulator.market.set_price("SPY", 499, prev_close=500, live=True)
    tick()

    silent = rule(account.get("/status").get_json())

    assert (silent["outcome"], silent["held_back_by"]) == ("not_met", [])


def test_after_the_cooldown_nothing_holds_the_rule_back(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    asked(db)
    simulator.clock.advance(timedelta(hours=1))

    fired = rule(account.get("/status").get_json())

    assert (fired["held_back_by"], fired["cooldown_until"]) == ([], None)
    assert fired["last_fired_at"] == "2026-02-10T17:00:00Z"


def test_a_full_queue_holds_every_rule_back(account: Account, db: Database) -> None:
    account.put({"max_queued_questions": 1}, If_Match="*")
    asked(db)

    held_back = rule(account.get("/status").get_json())["held_back_by"]

    assert "queue_full" in held_back


def test_what_an_order_reserves_is_used_up(account: Account, db: Database) -> None:
    submit(approved(db))

    caps = account.get("/status").get_json()["caps"]

    assert caps["orders_per_day"] == {"used": 1, "limit": 3, "ceiling": 20, "left": 2}
    assert caps["notional_usd_per_4h"] == {
        "used": "10",
        "limit": "100",
        "ceiling": "5000",
        "left": "90",
    }


def test_ceilings_stand_above_the_users_limits(
    account: Account, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("HARD_MAX_ORDERS_PER_DAY", "2")
    environment.setenv("HARD_MAX_NOTIONAL_USD_PER_4H", "50.5")
    wiring.reset()

    caps = account.get("/status").get_json()["caps"]

    assert (caps["orders_per_day"]["left"], caps["notional_usd_per_4h"]["left"]) == (2, "50.5")


def test_nothing_is_left_of_a_cap_that_was_lowered_below_what_is_used(
    account: Account, environment: pytest.MonkeyPatch, db: Database
) -> None:
    submit(approved(db))
    environment.setenv("HARD_MAX_ORDERS_PER_DAY", "0")
    environment.setenv("HARD_MAX_NOTIONAL_USD_PER_4H", "9")
    wiring.reset()

    caps = account.get("/status").get_json()["caps"]

    assert (caps["orders_per_day"]["left"], caps["notional_usd_per_4h"]["left"]) == (0, "0")


def test_an_order_of_unknown_outcome_is_named(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    simulator.faults.add("status", status=500, method="POST", path="/v2/orders")
    submit(order_id)

    assert account.get("/status").get_json()["outcome_pending"] == [str(order_id)]


def test_the_session_is_the_brokers(account: Account, db: Database) -> None:
    unknown = account.get("/status").get_json()["session"]
    with db.transaction() as tx:
        tx.run("DELETE FROM market_sessions")
        tx.run(
            """
            INSERT INTO market_sessions (trading_day, opens_at, closes_at, extended_opens_at,
                                         extended_closes_at, fetched_at)
            VALUES ('2026-02-10', :now, CAST(:now AS timestamptz) + interval '1 hour',
                    :now, CAST(:now AS timestamptz) + interval '2 hours', :now)
            """,
            now=NOON,
        )

    known = account.get("/status").get_json()["session"]

    assert unknown["is_open"] in {None, True}
    assert known == {
        "is_open": True,
        "opens_at": "2026-02-10T17:00:00Z",
        "closes_at": "2026-02-10T18:00:00Z",
    }


def test_a_halt_is_shown_with_its_reason(account: Account, db: Database) -> None:
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO trading_controls (scope, state, reason, set_by, set_at)"
            " VALUES ('*', 'halted', 'fire drill', 'operator', :now),"
            "        ('someone-else', 'halted', 'their own', 'operator', :now)",
            now=NOON,
        )

    halted = account.get("/status").get_json()["trading"]["halted"]

    assert halted == [{"state": "halted", "reason": "fire drill"}]


def test_a_loss_limit_shows_the_day(account: Account) -> None:
    account.put({"guardrails": {"daily_loss_limit_usd": 50}}, If_Match="*")

    loss = account.get("/status").get_json()["caps"]["daily_loss_usd"]

    assert loss == {"limit": "50", "pnl": "0"}


CLOSE = {
    "id": "take_profit",
    "type": "position_gain_pct",
    "symbol": "SPY",
    "threshold_pct": 0.1,
    "question_template": "Close {{symbol}}?",
    "on_answer_match": {"action": "close_position"},
}


def test_a_rule_about_positions_shows_nothing_of_anothers_position(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    for uid in (USER, "holder"):
        config = Account(account.key_file, uid)
        config.put({"rules": [CLOSE]}, If_Match="*" if uid == USER else "")
    submit(approved(db, "holder"))
    function("reconcile_orders").post("/")
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 500, prev_close=500, live=True)
    tick()

    stored = rows(db, "SELECT outcome FROM rule_status WHERE rule_id = 'take_profit'")
    mine, theirs = (
        next(
            each
            for each in Account(account.key_file, uid).get("/status").get_json()["rules"]
            if each["rule_id"] == "take_profit"
        )
        for uid in (USER, "holder")
    )

    assert {row["outcome"] for row in stored} == {"fired"}
    assert (mine["outcome"], mine["observed"]) == ("no_position", {})
    assert (theirs["outcome"], theirs["observed"]) == ("fired", {})


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/", 404, None),
        ("GET", "/v1/me", 404, None),
        ("GET", f"{BASE}/nothing", 404, None),
        ("GET", f"{BASE}//config", 404, None),
        ("POST", f"{BASE}/config", 405, {"GET", "HEAD", "PUT"}),
        ("GET", f"{BASE}/orders/11111111-1111-4111-8111-111111111111", 405, {"DELETE"}),
        ("OPTIONS", f"{BASE}/status", 405, {"GET", "HEAD"}),
    ],
)
def test_what_is_not_there_says_so_in_json(
    account: Account, method: str, path: str, status: int, allow: set[str] | None
) -> None:
    del account
    reply = function("account_api").open(path, method=method)

    assert (reply.status_code, set(reply.get_json())) == (status, {"error"})
    if allow is not None:
        assert set(reply.headers["Allow"].split(", ")) == allow


@pytest.mark.parametrize("prefix", ["", "/account_api", "/app/v7"])
def test_a_deployments_prefix_does_not_matter(account: Account, prefix: str) -> None:
    reply = function("account_api").get(
        f"{prefix}{BASE}/config", headers={"Authorization": f"Bearer {account.token()}"}
    )

    assert reply.status_code == 200
