"""`user_trading_state`: what is remembered of each user, all together."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pg8000.dbapi
import pytest

from infra.postgres.database import Database, to_json
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, rows
from tests.functions.steps import approved, asked, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")

OTHER = "user-2"
SHOWN = {"last_fetches", "proposals", "skips", "daily_orders"}


def state(db: Database, uid: str = USER) -> dict[str, Any]:
    (row,) = rows(db, "SELECT * FROM user_trading_state WHERE firebase_uid = :uid", uid=uid)
    return row


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_each_user_sees_when_their_own_inputs_were_fetched(
    db: Database, simulator: SimulatedBroker
) -> None:
    coins = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": ["BTC/USD"]}
    enroll(db, USER, data_inputs=[coins])
    enroll(db, OTHER, rules=[{"id": "dip_confirm", "threshold_pct": -50}])
    simulator.market.set_price("BTC/USD", 90_000)

    tick()

    mine, theirs = state(db), state(db, OTHER)
    fetches = mine["context"]["last_fetches"]
    assert fetches.keys() == {"primary_watchlist", "coins"}
    assert {instant(at) for at in fetches.values()} == {mine["last_ingest_at"]}
    assert theirs["context"]["last_fetches"].keys() == {"primary_watchlist"}
    assert mine["last_ingest_at"] == simulator.clock.now()
    assert theirs["last_eval_at"] is not None  # nothing fired for them
    assert "last_fired" in mine["context"]
    assert "last_fired" not in theirs["context"]


def test_a_question_is_a_proposal_until_it_is_answered_and_a_no_is_a_skip(db: Database) -> None:
    enroll(db, USER)
    enroll(db, OTHER)
    question_id = asked(db)
    proposed = state(db)["context"]

    swipe(question_id, -10)
    skipped = state(db)["context"]

    assert proposed["proposals"] == [
        {"rule_id": "dip_confirm", "question_id": str(question_id), "order_id": None}
    ]
    assert (proposed["skips"], skipped["proposals"]) == ([], [])
    (skip,) = skipped["skips"]
    assert (skip["rule_id"], skip["question_id"]) == ("dip_confirm", str(question_id))
    assert instant(skip["at"]) >= NOON
    assert state(db, OTHER)["context"]["skips"] == []


def test_an_order_is_a_proposal_until_it_is_sent_and_then_one_of_its_day(db: Database) -> None:
    enroll(db, USER)
    enroll(db, OTHER)
    order_id = approved(db)
    (proposal,) = state(db)["context"]["proposals"]

    submit(order_id)

    assert proposal["order_id"] == str(order_id)
    after = state(db)["context"]
    assert after["proposals"] == []
    assert after["daily_orders"].keys() == {"2026-02-10"}
    day = after["daily_orders"]["2026-02-10"]
    assert (day["orders"], Decimal(day["notional_usd"])) == (1, Decimal(10))
    assert state(db, OTHER)["context"]["daily_orders"] == {}


def test_an_order_that_the_broker_rejected_does_not_count(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    order_id = approved(db)
    body = {"code": 40310000, "message": "insufficient buying power"}
    simulator.faults.add("status", status=403, body=body, method="POST", path="/v2/orders")

    submit(order_id)

    assert state(db)["context"]["daily_orders"] == {}


def test_what_is_written_to_it_is_kept_and_what_it_shows_is_not_stored_again(db: Database) -> None:
    enroll(db, USER)
    asked(db)
    fired = {"last_fired": {"dip_confirm": NOON.isoformat()}}

    with db.transaction() as tx:
        tx.run("INSERT INTO users VALUES ('seeded')")
        seed = "INSERT INTO user_trading_state (firebase_uid) VALUES ('seeded')"
        tx.run(seed)
        tx.run(seed + " ON CONFLICT DO NOTHING")
        tx.run(
            "UPDATE user_trading_state SET context = context || CAST(:fired AS jsonb)",
            fired=to_json(fired),
        )

    assert state(db, "seeded")["context"].keys() == {"last_fired"} | SHOWN
    assert [row["context"] for row in rows(db, "SELECT context FROM trading_cursors")] == [
        fired,
        fired,
    ]
    with db.transaction() as tx:
        tx.run("DELETE FROM user_trading_state")
    assert rows(db, "SELECT 1 FROM trading_cursors") == []
    assert "last_fired" not in state(db)["context"]


SEED = "INSERT INTO user_trading_state (firebase_uid) VALUES (:uid)"


@pytest.mark.parametrize("conflict", ["", " ON CONFLICT DO NOTHING"])
def test_who_is_inserted_again_keeps_what_is_remembered(db: Database, conflict: str) -> None:
    enroll(db, USER)
    asked(db)
    before = state(db)

    with db.transaction() as tx:
        inserted = tx.run(SEED + conflict, uid=USER)

    assert (inserted, state(db)) == (0, before)
    assert "last_fired" in before["context"]


def test_a_view_has_no_key_for_a_conflict_to_name(db: Database) -> None:
    enroll(db, USER)

    with pytest.raises(pg8000.dbapi.DatabaseError, match="ON CONFLICT"), db.transaction() as tx:
        tx.run(SEED + " ON CONFLICT (firebase_uid) DO NOTHING", uid=USER)

    assert rows(db, "SELECT 1 FROM trading_cursors") == []
