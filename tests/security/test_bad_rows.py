"""A row that was changed by hand costs itself alone: it is named, and the rest goes on."""

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from common.messages import SnapshotsIngested
from infra.clients import Clients
from infra.postgres.database import Database
from infra.runtime.settings import Settings
from infra.simulator.broker import SimulatedBroker
from infra.workflows.doctor import database_checks
from infra.workflows.orders import order_by_order
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.account.account import Account
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.pushes import DAY, push, running_dashboard
from tests.functions.steps import deliver, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")

OTHER = "user-2"
OK = 200
GAIN = {
    "id": "gain",
    "type": "position_gain_pct",
    "symbol": "SPY",
    "threshold_pct": 1,
    "question_template": "?",
    "on_answer_match": {"action": "close_position"},
}
ABOVE = {
    "id": "other",
    "type": "price_above_pct_of_ref",
    "symbol": "AAPL",
    "ref_metric": "prev_close",
    "threshold_pct": "0.1",
    "question_template": "?",
    "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
}


def edit(db: Database, sql: str, **parameters: object) -> None:
    """Change a row by hand."""
    with db.transaction() as tx:
        assert tx.run(sql, **parameters)


def set_aside(db: Database) -> list[tuple[str, str | None]]:
    found = rows(db, "SELECT kind, firebase_uid FROM set_aside_rows ORDER BY kind, name")
    return [(each["kind"], each["firebase_uid"]) for each in found]


def doctor() -> str:
    """Return what the operator is told of rows."""
    environment = Clients(Settings.from_environment())
    try:
        return "\n".join(each.message for each in database_checks.rows_set_aside(environment))
    finally:
        environment.close()


def status(account: Account) -> dict[str, Any]:
    reply = account.get("/status")
    assert reply.status_code == OK, reply.text
    found: dict[str, Any] = reply.get_json()
    return found


def order_status(db: Database, order_id: UUID) -> str:
    (row,) = rows(db, "SELECT status FROM trade_orders WHERE id = :id", id=order_id)
    found: str = row["status"]
    return found


def sent(db: Database, **override: Any) -> list[UUID]:
    """Ask two users, say yes, and send the order of each."""
    for uid in (USER, OTHER):
        enroll(db, uid, **override)
    assert tick().status_code == OK
    found = []
    for uid in (USER, OTHER):
        (question,) = rows(
            db, "SELECT question_id FROM confirmations WHERE firebase_uid = :uid", uid=uid
        )
        reply = swipe(question["question_id"], 10, uid)
        found.append(UUID(reply.get_json()["order_id"]))
        assert submit(found[-1]).status_code == OK
    return found


# What no code of ours writes; the table takes it.
BAD_ORDERS = {
    "a quantity that is no number": "filled_qty = 'NaN'",
    "a price without end": "filled_avg_price = 'Infinity'",
    "an instant that never comes": "created_at = 'infinity'",
    "an instant before our years": "created_at = TIMESTAMPTZ '0044-03-15 00:00Z BC'",
    "an expiry beyond the calendar": "expires_at = TIMESTAMPTZ '200000-01-01 00:00Z'",
    "a class of assets that nobody knows": "asset_class = 'tulips'",
    "a type that nobody knows": "order_type = 'hope'",
    "a number of a thousand digits": "filled_qty = CAST('1e1000' AS numeric)",
}


@pytest.mark.parametrize("change", BAD_ORDERS.values(), ids=BAD_ORDERS.keys())
def test_an_order_changed_by_hand_costs_itself_alone(
    db: Database, simulator: SimulatedBroker, change: str
) -> None:
    bad, good = sent(db)
    edit(db, f"UPDATE trade_orders SET {change} WHERE id = :id", id=bad)  # noqa: S608 (from above)
    simulator.clock.advance(timedelta(seconds=5))

    reply = reconcile()

    assert order_status(db, good) == "filled"
    assert reply["set_aside"] == [str(bad)]
    assert ("order", USER) in set_aside(db)
    assert f"order {bad} of {USER} is set aside" in doctor()


def test_an_order_whose_end_the_database_refuses_costs_itself_alone(
    db: Database, simulator: SimulatedBroker
) -> None:
    bad, good = sent(db)
    edit(db, "UPDATE trade_orders SET symbol = 'AAPL' WHERE id = :id", id=bad)
    with db.transaction() as tx:
        tx.run("ALTER TABLE fills ADD CHECK (symbol <> 'AAPL')")
    simulator.clock.advance(timedelta(seconds=5))

    reply = reconcile()

    assert (order_status(db, bad), order_status(db, good)) == ("pending_new", "filled")
    assert reply["set_aside"] == [str(bad)]


def test_its_owner_sees_it_and_nobody_else(
    db: Database, simulator: SimulatedBroker, account: Account
) -> None:
    mine, theirs = sent(db)
    edit(db, "UPDATE trade_orders SET filled_qty = 'NaN'")
    simulator.clock.advance(timedelta(seconds=5))
    assert reconcile()["set_aside"] == sorted(map(str, (mine, theirs)))

    found = status(account)

    (row,) = found["set_aside"]
    assert (row["kind"], row["name"], row["rule_id"]) == ("order", str(mine), "dip_confirm")
    (rule,) = [each for each in found["rules"] if each["rule_id"] == "dip_confirm"]
    assert rule["outcome"] == "set_aside"
    assert str(mine) in rule["observed"]["reason"]
    assert str(theirs) not in str(found)


def test_an_order_that_was_mended_goes_on_and_is_set_aside_no_more(
    db: Database, simulator: SimulatedBroker
) -> None:
    order_id, _ = sent(db)
    edit(db, "UPDATE trade_orders SET filled_qty = 'NaN' WHERE id = :id", id=order_id)
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    edit(db, "UPDATE trade_orders SET filled_qty = 0 WHERE id = :id", id=order_id)

    reply = reconcile()

    assert (reply["set_aside"], reply["changed"]) == ([], 1)
    assert order_status(db, order_id) == "filled"
    assert ("order", USER) not in set_aside(db)


def test_a_user_whose_row_is_locked_for_long_waits_alone(
    db: Database, simulator: SimulatedBroker
) -> None:
    locked, free = sent(db)
    simulator.clock.advance(timedelta(seconds=5))
    release, holds = threading.Event(), threading.Event()

    def hold() -> None:
        with db.transaction() as tx:
            tx.rows("SELECT 1 FROM users WHERE firebase_uid = :uid FOR UPDATE", uid=USER)
            holds.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    holds.wait()
    try:
        reply = reconcile()
    finally:
        release.set()
        holder.join()

    assert reply["changed"] == 1
    assert (order_status(db, locked), order_status(db, free)) == ("pending_new", "filled")
    assert reconcile()["changed"] == 1


def test_a_user_whose_orders_take_too_long_waits_alone(
    db: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, free = sent(db)
    simulator.clock.advance(timedelta(seconds=5))
    work = order_by_order.OrderByOrder(db)
    monkeypatch.setattr(order_by_order, "SECONDS_PER_USER", 0.0)
    both = work.read([slow, free])
    seen: list[UUID] = []

    def step(order: Any) -> bool:
        seen.append(order.id)
        return True

    first = work.count([each for each in both if each.id == slow], step)
    again = work.count(both, step)

    assert (first, again) == (1, 1)
    assert seen == [slow, free]


def test_a_position_changed_by_hand_costs_itself_alone(
    db: Database, simulator: SimulatedBroker, account: Account
) -> None:
    sent(db, rules=[GAIN])
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    edit(db, "UPDATE trades SET avg_entry_price = 'NaN' WHERE firebase_uid = :uid", uid=USER)
    simulator.market.set_price("SPY", 505, prev_close=500, live=True)
    simulator.clock.advance(timedelta(minutes=3))

    assert tick().status_code == OK
    reconcile()

    gains = rows(db, "SELECT firebase_uid FROM confirmations WHERE rule_id = 'gain'")
    assert [each["firebase_uid"] for each in gains] == [OTHER]
    assert rows(db, "SELECT 1 FROM set_aside_configs") == []
    assert ("position", USER) in set_aside(db)
    assert f"of {USER} is set aside: no position" in doctor()
    (shown,) = [each for each in status(account)["rules"] if each["rule_id"] == "gain"]
    assert shown["outcome"] == "set_aside"


def test_a_position_too_large_to_be_valued_costs_its_owner_that_question_alone(
    db: Database, simulator: SimulatedBroker, account: Account
) -> None:
    sent(db, rules=[GAIN])
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    edit(db, "UPDATE trades SET qty = 9e15 WHERE firebase_uid = :uid", uid=USER)
    simulator.clock.advance(timedelta(minutes=3))
    assert function("ingest").post("/").status_code == OK
    edit(db, "UPDATE market_data_snapshots SET price = 9e15 WHERE metric = 'last_trade'")

    deliver("evaluate", SnapshotsIngested(ingested_at=NOON, stored=1))

    (gain,) = rows(db, "SELECT held_back FROM rule_status WHERE rule_id = 'gain'")
    assert gain["held_back"] == {"set_aside": 1, "MAX_ORDER_NOTIONAL": 1}
    assert rows(db, "SELECT 1 FROM set_aside_configs") == []
    (shown,) = [each for each in status(account)["rules"] if each["rule_id"] == "gain"]
    assert shown["held_back_by"] == ["set_aside"]


BAD_FACTS = {
    "a price that is no number": "price = 'NaN'",
    "a price without end": "price = 'Infinity'",
    "no price": "price = NULL",
    "a negative price": "price = -1",
    "a price of a hundred thousand digits": "price = CAST('1e100000' AS numeric)",
    "a negative volume": "volume = -1",
    "a year that is to come": "as_of = as_of + interval '100 years'",
}


@pytest.mark.parametrize("change", BAD_FACTS.values(), ids=BAD_FACTS.keys())
def test_a_market_fact_changed_by_hand_costs_its_symbol_alone(
    db: Database, account: Account, change: str
) -> None:
    enroll(db, USER, rules=[ABOVE])
    assert function("ingest").post("/").status_code == OK
    where = "symbol = 'SPY' AND metric = 'last_trade'"
    edit(db, f"UPDATE market_data_snapshots SET {change} WHERE {where}")  # noqa: S608 (from above)

    deliver("evaluate", SnapshotsIngested(ingested_at=NOON, stored=1))

    found = rows(db, "SELECT rule_id FROM confirmations")
    assert [each["rule_id"] for each in found] == ["other"]
    assert set_aside(db) == [("market fact", None)]
    assert "(last_trade of SPY) is set aside" in doctor()
    shown = {each["rule_id"]: each for each in status(account)["rules"]}
    assert shown["dip_confirm"]["outcome"] == "set_aside"
    assert "last_trade of SPY" in shown["dip_confirm"]["observed"]["reason"]
    assert shown["other"]["outcome"] == "fired"
    assert account.get("/snapshots?symbol=SPY").status_code == OK


@pytest.mark.parametrize("at", ["infinity", "-infinity", "0044-03-15 00:00Z BC", "200000-01-01"])
def test_a_fact_of_no_time_is_not_even_read(db: Database, at: str) -> None:
    enroll(db, USER)
    assert function("ingest").post("/").status_code == OK
    edit(
        db,
        f"""
        INSERT INTO market_data_snapshots (symbol, feed, metric, price, as_of)
        VALUES ('SPY', 'iex', 'last_trade', 1, TIMESTAMPTZ '{at}')
        """,  # noqa: S608 (from above)
    )

    deliver("evaluate", SnapshotsIngested(ingested_at=NOON, stored=1))

    (found,) = rows(db, "SELECT outcome, observed FROM rule_status")
    assert found["outcome"] == "fired"
    assert Decimal(found["observed"]["price"]) == Decimal(492)


@pytest.mark.parametrize("at", ["infinity", "-infinity", "9999-01-01", "0044-03-15 00:00Z BC"])
def test_a_cursor_of_no_time_does_not_keep_an_input_from_being_fetched(
    db: Database, simulator: SimulatedBroker, at: str
) -> None:
    enroll(db, USER)
    assert function("ingest").post("/").status_code == OK
    edit(db, f"UPDATE ingest_cursors SET last_fetch_at = TIMESTAMPTZ '{at}'")  # noqa: S608 (above)
    simulator.clock.advance(timedelta(seconds=61))

    first = function("ingest").post("/").get_json()
    second = function("ingest").post("/").get_json()

    assert (first["inputs"], second["inputs"]) == (1, 0)


def test_a_fact_that_the_database_refuses_costs_itself_alone(db: Database) -> None:
    enroll(db, USER)
    with db.transaction() as tx:
        tx.run("ALTER TABLE market_data_snapshots ADD CHECK (symbol || metric <> 'AAPLlast_trade')")

    reply = function("ingest").post("/")

    assert (reply.status_code, reply.get_json()["stored"]) == (OK, 8)
    assert set_aside(db) == [("fetched fact", None)]
    assert "last_trade of AAPL" in doctor()
    assert len(rows(db, "SELECT 1 FROM outbox WHERE topic = 'snapshots-ingested'")) == 1


def test_hours_of_another_day_are_set_aside_and_fetched_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    assert function("ingest").post("/").status_code == OK
    edit(
        db,
        "UPDATE market_sessions SET closes_at = 'infinity', extended_closes_at = 'infinity'"
        " WHERE trading_day = DATE '2026-02-10'",
    )
    simulator.clock.advance(timedelta(seconds=61))

    reply = function("ingest").post("/")

    assert (reply.status_code, reply.get_json()["inputs"]) == (OK, 1)
    assert (
        rows(
            db,
            "SELECT 1 FROM market_sessions WHERE closes_at = 'infinity'"
            " AND trading_day = DATE '2026-02-10'",
        )
        == []
    )


def test_a_corporate_action_that_cannot_be_applied_denies_its_symbol_alone(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    simulator.clock.advance(timedelta(seconds=5))
    for number, symbol in enumerate(("MSFT", "SPY")):
        edit(
            db,
            """
            INSERT INTO corporate_actions
                (id, kind, symbol, ex_date, effect, new_rate, old_rate, announced_at)
            VALUES (:id, 'forward_split', :symbol, DATE '2026-02-10', 'shares', 2, 1, now())
            """,
            id=f"{number}",
            symbol=symbol,
        )
    with db.transaction() as tx:
        tx.run("ALTER TABLE corporate_actions ADD CHECK (symbol <> 'MSFT' OR applied_at IS NULL)")

    assert function("ingest").post("/").status_code == OK

    applied = rows(db, "SELECT symbol FROM corporate_actions WHERE applied_at IS NOT NULL")
    assert [each["symbol"] for each in applied] == ["SPY"]
    denied = rows(db, "SELECT symbol FROM corporate_actions WHERE effect = 'unexplained'")
    assert [each["symbol"] for each in denied] == ["MSFT"]
    assert ("corporate action", None) in set_aside(db)


def test_a_message_on_a_topic_that_there_is_not_becomes_a_dead_letter_of_its_own(
    db: Database, account: Account
) -> None:
    enroll(db, USER)
    for topic in ("a-topic", "trade-updates", "z-topic"):
        edit(
            db,
            """
            INSERT INTO outbox (topic, ordering_key, payload, created_at)
            VALUES (:topic, :uid, '{}', now())
            """,
            topic=topic,
            uid=USER,
        )

    reply = function("relay_outbox").post("/").get_json()

    assert (reply["published"], reply["misdirected"]) == (1, 2)
    letters = rows(db, "SELECT topic, error FROM dead_letters ORDER BY topic")
    assert [each["topic"] for each in letters] == ["a-topic", "z-topic"]
    assert letters[0]["error"] == "there is no topic a-topic"
    assert rows(db, "SELECT 1 FROM outbox WHERE published_at IS NULL") == []
    assert doctor().count("message") == 2
    assert [each["kind"] for each in status(account)["set_aside"]] == ["message", "message"]


# Each would have stopped the day's snapshot, or have stood in it.
BAD_DAYS = {
    "a position that is no number": "UPDATE trades SET qty = 'NaN', avg_entry_price = 'NaN'",
    "an execution without end": "UPDATE fills SET price = 'Infinity'",
    "a fact that is no number": "UPDATE market_data_snapshots SET price = 'NaN'",
    "a push that is to come": """
        INSERT INTO snapshot_pushes (report_date, updated_at, body_sha256, content_sha256,
                                     body_bytes, missing, result)
        VALUES (DATE '2026-02-10', 'infinity', repeat('0', 64), repeat('0', 64), 1, '{}',
                'accepted')
    """,
}


@pytest.mark.parametrize("change", BAD_DAYS.values(), ids=BAD_DAYS.keys())
def test_a_row_changed_by_hand_does_not_stop_the_days_snapshot(
    environment: pytest.MonkeyPatch, db: Database, simulator: SimulatedBroker, change: str
) -> None:
    with running_dashboard(environment, d1=False) as dashboard:
        sent(db)
        simulator.clock.advance(timedelta(seconds=5))
        reconcile()
        edit(db, change)

        reply = push()

        assert (reply.status_code, reply.get_json()["status"]) == (OK, "accepted")
        assert dashboard.is_whole()
        day = dashboard.api.day(DAY)
        assert day is not None
        assert day.kpis["Signals scanned"] == "9"
        assert not [each for each in day.kpis.values() if "NaN" in each or "Infinity" in each]
