"""Whom a rule that fired asks: each user by their own switch, position, questions and cooldown."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from infra.postgres.database import Database, Transaction
from infra.postgres.trading import positions
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, function, rows
from tests.functions.orders.test_broker_records import BUY, ROOM
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import asked, messages, submit, swipe, tick
from tests.functions.test_rule_status import rule, status

pytestmark = pytest.mark.usefixtures("environment")

GAIN = {
    "id": "gain",
    "type": "position_gain_pct",
    "symbol": "SPY",
    "threshold_pct": 1,
    "question_template": "Sell {{size}} of {{symbol}}, up {{gain}}%?",
    "on_answer_match": {"action": "close_position"},
}


def asked_by(db: Database, rule_id: str) -> Counter[str]:
    """Count the questions of a rule, by user."""
    found = rows(db, "SELECT firebase_uid FROM confirmations WHERE rule_id = :id", id=rule_id)
    return Counter(each["firebase_uid"] for each in found)


def switch_off(db: Database, uid: str) -> None:
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false WHERE firebase_uid = :u", u=uid)


def config_key(db: Database) -> str:
    (row,) = rows(db, "SELECT DISTINCT config_key FROM user_trading_config")
    key: str = row["config_key"]
    return key


def held(db: Database) -> list[Decimal]:
    with db.transaction() as tx:
        found = positions.held_in_range(tx, config_key(db), "a", "z")
    return [each.qty for each in found.get("SPY", [])]


def test_who_is_switched_off_is_not_asked(db: Database) -> None:
    enroll(db, USER)
    enroll(db, "away")
    switch_off(db, "away")

    tick()

    assert asked_by(db, "dip_confirm") == {USER: 1}
    assert status(db)["asked"] == 1


def test_for_who_is_switched_off_nothing_is_fetched_or_evaluated(db: Database) -> None:
    enroll(db, "away")
    switch_off(db, "away")

    reply = function("ingest").post("/")
    tick()

    assert reply.get_json()["inputs"] == 0
    assert rows(db, "SELECT 1 FROM rule_status") == []


def test_the_question_of_who_was_switched_off_is_withdrawn_and_no_other(db: Database) -> None:
    enroll(db, USER, rules=[rule("second")])
    enroll(db, "away", rules=[rule("second")])
    tick()
    (answered,) = rows(
        db,
        "SELECT question_id FROM confirmations"
        " WHERE firebase_uid = 'away' AND rule_id = 'dip_confirm'",
    )
    swipe(answered["question_id"], -10, "away")
    switch_off(db, "away")

    reply = reconcile()

    found = rows(db, "SELECT firebase_uid, rule_id, status FROM confirmations")
    assert reply["withdrawn_questions"] == 1
    assert {(each["firebase_uid"], each["rule_id"]): each["status"] for each in found} == {
        (USER, "dip_confirm"): "pending",
        (USER, "second"): "pending",
        ("away", "dip_confirm"): "reject",
        ("away", "second"): "withdrawn",
    }


def test_the_question_of_a_rule_that_was_switched_off_is_withdrawn_and_no_other(
    db: Database,
) -> None:
    enroll(db, USER, rules=[rule("second")])
    tick()
    with db.transaction() as tx:
        tx.run(
            "UPDATE user_trading_config"
            " SET config = jsonb_set(config, '{rules,0,enabled}', 'false')"
        )

    reconcile()

    found = rows(db, "SELECT rule_id, status FROM confirmations")
    assert {each["rule_id"]: each["status"] for each in found} == {
        "dip_confirm": "pending",
        "second": "withdrawn",
    }


def close(db: Database, uid: str) -> None:
    with db.transaction() as tx:
        tx.run(
            "UPDATE trades SET qty = 0, closed_at = opened_at + interval '1 minute'"
            " WHERE firebase_uid = :uid",
            uid=uid,
        )


def holders(db: Database, simulator: SimulatedBroker) -> None:
    """Let four users of one config buy two shares each, and change what three of them hold."""
    for uid in ("one", "three", "cheap", "none"):
        enroll(db, uid, guardrails=ROOM, rules=[BUY, GAIN])
    tick()
    for each in rows(db, "SELECT question_id, firebase_uid FROM confirmations"):
        reply = swipe(each["question_id"], 10, each["firebase_uid"])
        submit(reply.get_json()["order_id"])
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    with db.transaction() as tx:
        tx.run("UPDATE trades SET qty = 3 WHERE firebase_uid = 'three'")
        tx.run("UPDATE trades SET avg_entry_price = 400 WHERE firebase_uid = 'cheap'")
    close(db, "none")
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 499, live=True)


def test_each_holder_is_asked_once_about_their_own_position(
    db: Database, simulator: SimulatedBroker, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("HARD_MAX_ORDER_NOTIONAL_USD", "1500")  # of three shares
    holders(db, simulator)

    tick()

    questions = rows(
        db,
        "SELECT firebase_uid, metadata FROM questions"
        " WHERE source_tag = 'trading:rule:gain' ORDER BY firebase_uid",
    )
    assert [(each["firebase_uid"], each["metadata"]["qty"]) for each in questions] == [
        ("cheap", "2"),
        ("one", "2"),
        ("three", "3"),
    ]
    texts = rows(
        db,
        "SELECT firebase_uid, question_text FROM questions"
        " WHERE source_tag = 'trading:rule:gain' ORDER BY firebase_uid",
    )
    assert [("up 24" in each["question_text"]) for each in texts] == [True, False, False]


def test_positions_that_are_closed_or_of_who_is_switched_off_are_not_looked_at(
    db: Database, simulator: SimulatedBroker
) -> None:
    holders(db, simulator)
    before = sorted(held(db))
    switch_off(db, "three")

    assert before == [2, 2, 3]
    assert held(db) == [2, 2]


def test_an_answered_question_takes_no_place_in_the_queue(
    db: Database, simulator: SimulatedBroker
) -> None:
    late = rule("late", threshold_pct=-3)
    enroll(db, USER, rules=[late], max_queued_questions=1)
    swipe(asked(db), -10)
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 480, live=True)

    tick()

    assert asked_by(db, "late") == {USER: 1}


def test_another_rules_question_holds_nothing_back(
    db: Database, simulator: SimulatedBroker
) -> None:
    late = rule("late", threshold_pct=-3)
    enroll(db, USER, rules=[late])
    asked(db)
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 480, live=True)

    tick()

    assert asked_by(db, "late") == {USER: 1}


def test_another_users_questions_hold_nothing_back(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "first", max_queued_questions=1)
    tick()
    enroll(db, "second", max_queued_questions=1)
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 491, live=True)

    tick()

    assert asked_by(db, "dip_confirm") == {"first": 1, "second": 1}


def test_firing_leaves_the_cooldowns_of_other_rules_as_they_are(
    db: Database, simulator: SimulatedBroker
) -> None:
    late = rule("late", threshold_pct=-3)
    enroll(db, USER, rules=[late])
    swipe(asked(db), -10)
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 480, live=True)
    tick()
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", 479, live=True)

    tick()

    assert asked_by(db, "dip_confirm") == {USER: 1}


def while_it_waits(
    db: Database, first: Callable[[Transaction], object], late: Callable[[], object]
) -> None:
    """Let `late` run into the locks that `first` has taken, and commit when it waits for one."""
    thread = threading.Thread(target=late)
    with db.transaction() as tx:
        first(tx)
        thread.start()
        while not rows(
            db,
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()",
        ):
            assert thread.is_alive(), "it did not wait"
            time.sleep(0.01)
    thread.join()


def asked_meanwhile(db: Database, simulator: SimulatedBroker) -> Callable[[Transaction], None]:
    """Answer, let the cooldown pass, and return how another instance claims the next question."""
    swipe(asked(db), -10)
    simulator.clock.advance(timedelta(hours=1))
    simulator.market.set_price("SPY", 491, live=True)
    now = simulator.clock.now()
    assert function("ingest").post("/").status_code == 200

    def claim(tx: Transaction) -> None:
        tx.run(
            "UPDATE user_trading_state SET context ="
            " jsonb_set(context, '{last_fired,dip_confirm}', to_jsonb(CAST(:now AS timestamptz)))",
            now=now,
        )

    return claim


def test_the_cooldown_is_looked_at_again_by_who_had_to_wait(
    db: Database, simulator: SimulatedBroker, user: str
) -> None:
    claim = asked_meanwhile(db, simulator)

    while_it_waits(db, claim, tick)

    assert asked_by(db, "dip_confirm") == {user: 1}
    assert len(rows(db, "SELECT 1 FROM opportunities")) == 1


def evaluated_at_once(db: Database, clash: str) -> list[int]:
    """Evaluate while another instance has stored what the evaluation is about to store."""
    enroll(db, USER)
    assert function("ingest").post("/").status_code == 200
    statuses: list[int] = []
    while_it_waits(
        db,
        lambda tx: tx.run(clash),
        lambda: statuses.append(tick().status_code),
    )
    return statuses


OPPORTUNITY = """
    INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price, reference, pct,
                               as_of, snapshot_ids, config_hash, fired_at)
    SELECT gen_random_uuid(), 'user-1', 'dip_confirm', 'price_below_pct_of_ref', 'SPY', 492, 500,
           -1.6, as_of, ARRAY[id], 'hash', as_of
    FROM market_data_snapshots WHERE symbol = 'SPY' AND metric = 'last_trade'
"""
CONFIRMATION = f"""
    WITH opportunity AS ({OPPORTUNITY.replace("as_of, ARRAY", "as_of - interval '1 day', ARRAY")}
                         RETURNING id),
    question AS (
        INSERT INTO questions (id, firebase_uid, question_text, correct_answer, source_tag,
                               pipeline_key, pipeline_step, metadata)
        VALUES (gen_random_uuid(), 'user-1', '?', 10, 'another instance', 'trading', '', '{{}}')
        RETURNING id)
    INSERT INTO confirmations (question_id, opportunity_id, firebase_uid, rule_id, asked_at,
                               expires_at)
    SELECT question.id, opportunity.id, 'user-1', 'dip_confirm', now(), now() + interval '1 hour'
    FROM opportunity, question
"""  # noqa: S608 (assembled from the constant above)


@pytest.mark.parametrize("clash", [OPPORTUNITY, CONFIRMATION])
def test_who_comes_second_asks_nothing_and_fails_nobody(db: Database, clash: str) -> None:
    enroll(db, "another")

    assert evaluated_at_once(db, clash) == [200]

    by_us = rows(db, "SELECT firebase_uid FROM questions WHERE source_tag LIKE 'trading:%'")
    assert by_us == [{"firebase_uid": "another"}]
    assert len(messages(db, "questions-created")) == 1
    assert rows(db, "SELECT 1 FROM set_aside_configs") == []
