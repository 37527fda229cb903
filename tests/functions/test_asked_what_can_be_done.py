"""Nobody is asked what a guardrail would deny, and each is spared for their own reasons alone.

Each guardrail by itself: tests/unit/guardrails/test_proposals.py, and the silences of
`countersign selftest`.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.market import next_trading_day_start
from common.messages import RulesFired
from functions.ask import ask_piece
from functions.evaluate import ask_all
from infra.postgres.database import Database
from infra.postgres.trading import controls
from infra.postgres.trading.controls import ControlChange
from infra.runtime.settings import default_limits
from infra.simulator.broker import SimulatedBroker
from infra.workflows import asking
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.account.account import Account
from tests.functions.orders.approvals import approve
from tests.functions.orders.test_broker_records import BUY, ROOM, hold
from tests.functions.steps import approved, messages, submit, tick
from tests.functions.test_rule_status import rule, status

pytestmark = pytest.mark.usefixtures("environment")

ANOTHER = "another"
LIMITS = replace(default_limits(), trading_enabled=True)
# An order of ten dollars, asked for whenever it fires.
AGAIN = BUY | {"cooldown_seconds": 0, "on_answer_match": {"qty": None, "notional_usd": 10}}


def asked_users(db: Database) -> set[str]:
    found = rows(db, "SELECT firebase_uid FROM confirmations WHERE status = 'pending'")
    return {row["firebase_uid"] for row in found}


def say(db: Database, uid: str, **config: Any) -> None:
    """Change what a user says."""
    with db.transaction() as tx:
        tx.run("DELETE FROM user_trading_config WHERE firebase_uid = :uid", uid=uid)
        tx.run("DELETE FROM rule_status")
    enroll(db, uid, **config)


def next_price(simulator: SimulatedBroker, price: int) -> None:
    simulator.clock.advance(timedelta(minutes=1))
    simulator.market.set_price("SPY", price, live=True)


def halt(db: Database, uid: str) -> None:
    with db.transaction() as tx:
        controls.set_control(tx, ControlChange(uid, "halted", "why", "a person"), NOON)


def unexplained(db: Database, simulator: SimulatedBroker) -> None:
    """Let something happen to SPY that nobody can tell."""
    with db.transaction() as tx:
        tx.run(
            """
            INSERT INTO corporate_actions (id, kind, symbol, ex_date, effect, new_rate, old_rate,
                                           announced_at)
            VALUES ('unexplained', 'inferred', 'SPY', :today, 'unexplained', 1, 1, :now)
            """,
            today=simulator.clock.now().date(),
            now=simulator.clock.now(),
        )


def apply_action(db: Database, simulator: SimulatedBroker) -> None:
    """Let SPY's shares be restated a second from now."""
    unexplained(db, simulator)
    with db.transaction() as tx:
        tx.run(
            "UPDATE corporate_actions SET effect = 'shares', applied_at = :now",
            now=simulator.clock.now() + timedelta(seconds=1),
        )


def test_what_keeps_one_user_from_being_asked_keeps_nobody_else(db: Database) -> None:
    for uid in (USER, ANOTHER, "third"):
        enroll(db, uid)
    halt(db, USER)

    tick()

    assert asked_users(db) == {ANOTHER, "third"}
    assert status(db)["held_back"] == {"TRADING_HALTED": 1}
    assert {each["firebase_uid"] for each in messages(db, "questions-created")} == {
        ANOTHER,
        "third",
    }


def test_a_halt_of_everybody_is_everybodys(db: Database) -> None:
    enroll(db, USER)
    enroll(db, ANOTHER)
    halt(db, controls.EVERYBODY)

    tick()

    assert asked_users(db) == set()
    assert status(db)["held_back"] == {"TRADING_HALTED": 2}


def test_who_was_spared_a_question_is_asked_once_nothing_speaks_against_it(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    halt(db, USER)
    tick()
    with db.transaction() as tx:
        controls.set_control(tx, ControlChange(USER, "active", "", "a person"), NOON)
    next_price(simulator, 491)

    tick()

    assert asked_users(db) == {USER}


def test_each_user_is_judged_by_their_own_config(db: Database) -> None:
    enroll(db, USER, guardrails={"max_notional_usd_per_4h": 9})
    enroll(db, ANOTHER)

    tick()

    assert asked_users(db) == {ANOTHER}


def test_what_a_user_holds_of_another_symbol_is_not_looked_at(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    sale = {"action": "propose_order", "side": "sell", "notional_usd": 10}
    say(db, USER, rules=[rule("sell", on_answer_match=sale)], guardrails=ROOM)
    say(db, ANOTHER, rules=[rule("sell", on_answer_match=sale)], guardrails=ROOM)
    with db.transaction() as tx:
        tx.run("UPDATE trades SET symbol = 'AAPL'")

    tick()

    assert status(db, "sell")["held_back"] == {"NOT_HELD": 2}


def test_what_is_on_sale_already_keeps_its_holder_alone(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    hold(db, simulator, ANOTHER)
    all_of_it = {"action": "propose_order", "side": "sell", "qty": 2}
    sell = rule("sell", on_answer_match=all_of_it, cooldown_seconds=0)
    simulator.faults.add("pending_new_for", side="sell", seconds=3600)
    say(db, USER, rules=[sell], guardrails=ROOM)
    with db.transaction() as tx:
        tx.run("UPDATE confirmations SET status = 'expired' WHERE status = 'pending'")
    next_price(simulator, 491)
    submit(approved(db))

    say(db, ANOTHER, rules=[sell], guardrails=ROOM)
    of_aapl = approve(db, NOON, timedelta(hours=1), "sell", uid=ANOTHER, symbol="AAPL")
    with db.transaction() as tx:
        tx.run("UPDATE trade_orders SET status = 'new' WHERE id = :id", id=of_aapl)
    next_price(simulator, 490)
    tick()

    assert asked_users(db) == {ANOTHER}
    assert status(db, "sell")["held_back"] == {"NOT_HELD": 1}


def test_what_happened_to_a_position_and_nobody_can_tell_keeps_its_holder_alone(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    for uid in (USER, ANOTHER):
        say(db, uid, rules=[AGAIN], guardrails=ROOM)
    simulator.clock.advance(timedelta(days=1))
    simulator.market.set_price("SPY", 484, prev_close=492, live=True)
    unexplained(db, simulator)

    tick()

    assert asked_users(db) == {ANOTHER}
    assert status(db)["held_back"] == {"CORPORATE_ACTION": 1}


def test_a_loss_that_keeps_a_question_back_stays_for_the_day(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    say(db, USER, rules=[AGAIN], guardrails=ROOM | {"daily_loss_limit_usd": 10})
    next_price(simulator, 480)
    tick()
    lost = status(db)["held_back"]
    (switch,) = rows(db, "SELECT scope, state, set_by, until FROM trading_controls")
    changes = rows(db, "SELECT scope, state, set_by FROM trading_control_changes")
    next_price(simulator, 492)

    tick()

    until = next_trading_day_start(simulator.clock.now())
    assert lost == {"DAILY_LOSS_LIMIT": 1}
    assert switch == {"scope": USER, "state": "reducing", "set_by": "breaker", "until": until}
    assert changes == [{"scope": USER, "state": "reducing", "set_by": "breaker"}]
    assert status(db)["held_back"] == {"TRADING_HALTED": 1}


def test_a_loss_that_cannot_be_told_keeps_a_question_back_and_trips_nothing(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    say(db, USER, rules=[AGAIN], guardrails=ROOM | {"daily_loss_limit_usd": 10})
    with db.transaction() as tx:
        tx.run("UPDATE trades SET symbol = 'NONE'")
    next_price(simulator, 491)

    tick()

    assert status(db)["held_back"] == {"DAILY_LOSS_LIMIT": 1}
    assert rows(db, "SELECT 1 FROM trading_controls") == []


def test_a_number_that_is_none_costs_its_user_alone(
    db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    for uid in (USER, ANOTHER):
        say(db, uid, rules=[AGAIN], guardrails=ROOM | {"max_position_usd": 5000})
    with db.transaction() as tx:
        tx.run("UPDATE trades SET qty = 'NaN'")
    next_price(simulator, 491)

    tick()

    assert ANOTHER in asked_users(db)
    assert rows(db, "SELECT 1 FROM set_aside_configs") == []


def test_a_loss_that_is_no_number_cannot_be_told(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    hold(db, simulator)
    for uid in (USER, ANOTHER):
        say(db, uid, rules=[AGAIN], guardrails=ROOM | {"daily_loss_limit_usd": 10})
    with db.transaction() as tx:
        tx.run("UPDATE fills SET price = 'NaN'")
    next_price(simulator, 491)

    tick()

    (mine,) = account.get("/status").get_json()["rules"]
    assert asked_users(db) == {ANOTHER}
    assert status(db)["held_back"] == {"DAILY_LOSS_LIMIT": 1}
    assert mine["held_back_by"] == ["DAILY_LOSS_LIMIT"]
    assert rows(db, "SELECT 1 FROM trading_controls") == []


def later_pieces(
    db: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> list[RulesFired]:
    """Let the rule of two users fire, of whom one is left to `ask`."""
    enroll(db, USER)
    enroll(db, ANOTHER)
    assert function("ingest").post("/").status_code == 200
    monkeypatch.setattr(asking, "USERS_A_PIECE", 1)
    assert ask_all(db, LIMITS, simulator.clock.now()) == 1
    return [RulesFired.from_document(each) for each in messages(db, "rules-fired")]


def ask_later(db: Database, simulator: SimulatedBroker, piece: RulesFired) -> int:
    simulator.clock.advance(timedelta(seconds=2))
    return ask_piece(db, piece, LIMITS, simulator.clock.now())


def test_a_piece_is_asked_by_the_config_as_it_is_then(
    db: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (piece,) = later_pieces(db, simulator, monkeypatch)
    with db.transaction() as tx:
        tx.run(
            "UPDATE trading_config_templates SET config = jsonb_set(config, '{rules,0,enabled}',"
            " 'false')"
        )

    assert ask_later(db, simulator, piece) == 0

    assert status(db)["held_back"] == {"TRADING_DISABLED": 1}


def test_a_piece_whose_template_has_become_invalid_is_asked_of_nobody(
    db: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (piece,) = later_pieces(db, simulator, monkeypatch)
    with db.transaction() as tx:
        tx.run("UPDATE trading_config_templates SET config = '{\"version\": 2}'")

    assert ask_later(db, simulator, piece) == 0


def test_what_fired_before_a_corporate_action_is_asked_of_nobody(
    db: Database, simulator: SimulatedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (piece,) = later_pieces(db, simulator, monkeypatch)
    apply_action(db, simulator)

    assert ask_later(db, simulator, piece) == 0

    assert status(db)["held_back"] == {"CORPORATE_ACTION": 1}


def test_the_user_is_told_why_they_are_not_asked(account: Account, db: Database) -> None:
    enroll(db, USER)
    enroll(db, ANOTHER)
    halt(db, USER)
    tick()

    mine, others = (
        Account(account.key_file, uid).get("/status").get_json()["rules"][0]
        for uid in (USER, ANOTHER)
    )

    assert mine["held_back_by"] == ["TRADING_HALTED"]
    assert mine["denied_because"] == "state=halted why=why"
    assert others["held_back_by"] == ["question_pending", "cooldown"]
    assert others["denied_because"] is None
