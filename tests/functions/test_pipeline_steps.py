"""`questions.pipeline_step` follows a rule: idle, await_confirm, submit_order, done."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest

from common.orders.status import TERMINAL
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, function, rows
from tests.functions.steps import asked, submit, swipe

pytestmark = pytest.mark.usefixtures("environment")


def steps(db: Database) -> dict[UUID, str]:
    found = rows(db, "SELECT id, pipeline_step FROM questions")
    return {row["id"]: row["pipeline_step"] for row in found}


def test_it_follows_a_yes_to_the_end_of_its_order(db: Database, simulator: SimulatedBroker) -> None:
    enroll(db, USER)
    assert steps(db) == {}  # idle
    question_id = asked(db)
    assert steps(db) == {question_id: "dip_confirm:await_confirm"}

    order_id = UUID(swipe(question_id, 10).get_json()["order_id"])
    assert steps(db) == {question_id: "dip_confirm:submit_order"}
    submit(order_id)
    assert steps(db) == {question_id: "dip_confirm:submit_order"}

    simulator.clock.advance(timedelta(seconds=5))
    function("reconcile_orders").post("/")
    assert steps(db) == {question_id: "dip_confirm:done"}


def test_a_no_is_done(db: Database) -> None:
    enroll(db, USER)
    question_id = asked(db)

    swipe(question_id, -10)

    assert steps(db) == {question_id: "dip_confirm:done"}


def test_after_an_unclear_answer_its_follow_up_waits(db: Database) -> None:
    enroll(db, USER)
    question_id = asked(db)

    follow_up = UUID(swipe(question_id, 0).get_json()["follow_up_question_id"])

    assert steps(db) == {
        question_id: "dip_confirm:done",
        follow_up: "dip_confirm:await_confirm",
    }


def test_what_nobody_answers_is_done_when_it_expires(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    question_id = asked(db)
    simulator.clock.advance(timedelta(seconds=901))

    function("reconcile_orders").post("/")

    assert steps(db) == {question_id: "dip_confirm:done"}


def test_a_question_of_a_rule_that_is_switched_off_is_done(db: Database) -> None:
    enroll(db, USER)
    question_id = asked(db)
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false")

    function("reconcile_orders").post("/")

    assert steps(db) == {question_id: "dip_confirm:done"}


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_however_an_order_ends_its_question_is_done(db: Database, status: str) -> None:
    enroll(db, USER)
    question_id = asked(db)
    swipe(question_id, 10)

    with db.transaction() as tx:
        tx.run(
            "UPDATE trade_orders SET status = :status,"
            " denial_code = CASE WHEN :status = 'denied' THEN 'MARKET_CLOSED' END",
            status=status,
        )

    assert steps(db) == {question_id: "dip_confirm:done"}


def test_a_row_that_the_app_has_locked_keeps_nobody_waiting(db: Database) -> None:
    enroll(db, USER)
    question_id = asked(db)

    with db.transaction() as app:
        app.run("UPDATE questions SET correct_answer = 10")
        reply = swipe(question_id, 10)

    assert reply.status_code == 200
    assert steps(db) == {question_id: "dip_confirm:await_confirm"}


class _UndoneError(Exception):
    """The end of what a role may do, which is undone with the role."""


def test_who_may_not_write_the_apps_table_moves_it_all_the_same(db: Database) -> None:
    enroll(db, USER)
    asked(db)
    found: list[str] = []

    with suppress(_UndoneError), db.transaction() as tx:
        tx.run("CREATE ROLE without_questions")
        tx.run("GRANT SELECT, UPDATE ON confirmations TO without_questions")
        tx.run("SET LOCAL ROLE without_questions")
        tx.run("UPDATE confirmations SET status = 'expired'")
        tx.run("RESET ROLE")
        found += [row["pipeline_step"] for row in tx.rows("SELECT pipeline_step FROM questions")]
        raise _UndoneError

    assert found == ["dip_confirm:done"]


def test_questions_of_the_apps_own_are_left_alone(db: Database) -> None:
    enroll(db, USER)
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO questions (id, firebase_uid, question_text, source_tag, pipeline_key,"
            " pipeline_step)"
            " VALUES (gen_random_uuid(), :uid, 'Capital of Peru?', 'geo', 'geo', '1')",
            uid=USER,
        )
    swipe(asked(db), -10)

    assert sorted(steps(db).values()) == ["1", "dip_confirm:done"]
