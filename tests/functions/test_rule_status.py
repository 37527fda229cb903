"""Why a rule was silent, and whom it could not ask: `rule_status` after each evaluation."""

from datetime import timedelta
from typing import Any

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, function, rows
from tests.functions.steps import approved, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")


def status(db: Database, rule_id: str = "dip_confirm") -> dict[str, Any]:
    (row,) = rows(db, "SELECT * FROM rule_status WHERE rule_id = :id", id=rule_id)
    return row


def rule(rule_id: str, **changes: Any) -> dict[str, Any]:
    action = {"action": "propose_order", "side": "buy", "notional_usd": 10}
    base = {
        "id": rule_id,
        "type": "price_below_pct_of_ref",
        "symbol": "SPY",
        "ref_metric": "prev_close",
        "threshold_pct": -1,
        "question_template": "?",
        "on_answer_match": action,
    }
    return base | changes


@pytest.mark.usefixtures("user")
def test_a_rule_that_fired_says_what_it_saw_and_how_many_it_asked(db: Database) -> None:
    enroll(db, "another")

    tick()

    stored = status(db)
    assert (stored["outcome"], stored["asked"], stored["held_back"]) == ("fired", 2, {})
    assert stored["observed"]["price"] == "492"


@pytest.mark.usefixtures("user")
def test_a_price_that_is_not_low_enough_is_shown_with_its_numbers(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.market.set_price("SPY", 499, live=True)

    tick()

    stored = status(db)
    assert (stored["outcome"], stored["asked"]) == ("not_met", 0)
    assert stored["observed"]["pct"] == "-0.2"


@pytest.mark.usefixtures("user")
def test_users_who_cannot_be_asked_are_counted_by_reason(
    db: Database, simulator: SimulatedBroker
) -> None:
    tick()
    (question,) = rows(db, "SELECT question_id FROM confirmations")
    simulator.clock.advance(timedelta(minutes=1))
    tick()
    pending = status(db)
    swipe(question["question_id"], -10)
    simulator.clock.advance(timedelta(minutes=1))
    tick()

    assert (pending["outcome"], pending["held_back"]) == ("fired", {"question_pending": 1})
    assert status(db)["held_back"] == {"cooldown": 1}


def test_a_full_queue_is_a_reason(db: Database) -> None:
    enroll(db, USER, rules=[rule("second")], max_queued_questions=1)

    tick()

    outcomes = rows(db, "SELECT asked, held_back FROM rule_status ORDER BY asked")
    assert outcomes == [
        {"asked": 0, "held_back": {"queue_full": 1}},
        {"asked": 1, "held_back": {}},
    ]


def test_a_rule_that_is_switched_off_says_so(db: Database) -> None:
    enroll(db, USER, rules=[rule("mine", enabled=False)])

    tick()

    assert status(db, "mine")["outcome"] == "disabled"


def test_a_rule_about_positions_that_nobody_has_says_so(db: Database) -> None:
    gain = rule("mine", type="position_gain_pct", threshold_pct=1)
    del gain["ref_metric"]
    enroll(db, USER, rules=[gain])

    tick()

    assert status(db, "mine")["outcome"] == "no_position"


@pytest.mark.usefixtures("user")
def test_after_the_close_the_market_is_the_reason(db: Database, simulator: SimulatedBroker) -> None:
    function("ingest").post("/")
    simulator.clock.advance(timedelta(hours=4))  # 16:00: at the close it is no longer open

    tick()

    assert status(db)["outcome"] == "market_closed"


@pytest.mark.usefixtures("user")
def test_a_halved_price_is_a_corporate_action_and_asks_nobody(
    db: Database, simulator: SimulatedBroker
) -> None:
    simulator.market.set_price("SPY", 250, live=True)

    tick()

    assert status(db)["outcome"] == "corporate_action"
    assert rows(db, "SELECT 1 FROM opportunities") == []


def test_a_stop_loss_asks_only_those_who_hold(db: Database, simulator: SimulatedBroker) -> None:
    stop = {
        "id": "stop",
        "type": "position_loss_pct",
        "symbol": "SPY",
        "threshold_pct": 1,
        "question_template": "Sell {{qty}} {{symbol}}, down {{loss}}% from {{entry}}?",
        "on_answer_match": {"action": "close_position"},
    }
    enroll(db, USER, rules=[stop])
    submit(approved(db))
    simulator.clock.advance(timedelta(minutes=1))
    function("reconcile_orders").post("/")
    with db.transaction() as tx:  # another user of the same config, who holds nothing
        tx.run("INSERT INTO users VALUES ('other')")
        tx.run(
            "INSERT INTO user_trading_config SELECT 'other', template_name, config, true"
            " FROM user_trading_config"
        )
    simulator.market.set_price("SPY", 486, live=True)

    tick()

    asked = rows(db, "SELECT firebase_uid FROM confirmations WHERE rule_id = 'stop'")
    assert asked == [{"firebase_uid": USER}]
    assert (status(db, "stop")["outcome"], status(db, "stop")["asked"]) == ("fired", 1)
    (question,) = rows(db, "SELECT metadata FROM questions WHERE source_tag LIKE '%stop'")
    assert (question["metadata"]["side"], question["metadata"]["qty"]) == ("sell", "0.02032479")
