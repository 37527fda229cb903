"""A question counts until its last instant; answered or expired, it is no longer waited for."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import enroll, rows
from tests.functions.account.account import Account
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import asked, swipe, tick
from tests.functions.test_rule_status import rule

pytestmark = pytest.mark.usefixtures("environment")

TIME_TO_ANSWER = timedelta(seconds=900)


def status(db: Database, question_id: UUID) -> str:
    (row,) = rows(db, "SELECT status FROM confirmations WHERE question_id = :id", id=question_id)
    return str(row["status"])


@pytest.mark.usefixtures("user")
def test_at_its_last_instant_it_waits_and_then_no_more(
    db: Database, simulator: SimulatedBroker
) -> None:
    question_id = asked(db)
    simulator.clock.advance(TIME_TO_ANSWER)

    at_the_end = (reconcile()["expired_questions"], status(db, question_id))
    simulator.clock.advance(timedelta(microseconds=1))
    after = (reconcile()["expired_questions"], status(db, question_id))

    assert at_the_end == (0, "pending")
    assert after == (1, "expired")


@pytest.mark.usefixtures("user")
def test_an_answer_stays_an_answer_when_its_time_is_over(
    db: Database, simulator: SimulatedBroker
) -> None:
    question_id = asked(db)
    swipe(question_id, -10)
    simulator.clock.advance(2 * TIME_TO_ANSWER)

    assert reconcile()["expired_questions"] == 0
    assert status(db, question_id) == "reject"


def shown(account: Account, rule_id: str = "dip_confirm") -> tuple[int, Any]:
    """Return how many questions the status counts, and which waits for the rule."""
    document = account.get("/status").get_json()
    (found,) = (each for each in document["rules"] if each["rule_id"] == rule_id)
    return document["caps"]["queued_questions"]["used"], found["pending_question_id"]


def test_the_status_counts_only_what_still_waits(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, account.uid)
    first = asked(db)
    waiting = shown(account)
    swipe(first, -10)
    answered = shown(account)
    simulator.clock.advance(timedelta(hours=1))
    simulator.market.set_price("SPY", 491, live=True)
    second = asked(db)
    again = shown(account)
    simulator.clock.advance(TIME_TO_ANSWER)
    at_the_end = shown(account)
    simulator.clock.advance(timedelta(microseconds=1))
    expired = shown(account)

    assert waiting == (1, str(first))
    assert answered == (0, None)
    assert again == at_the_end == (1, str(second))
    assert expired == (0, None)


def test_the_status_shows_each_rule_its_own_question(account: Account, db: Database) -> None:
    enroll(db, account.uid, rules=[rule("second")])
    tick()
    found = rows(db, "SELECT rule_id, question_id FROM confirmations")

    for each in found:
        assert shown(account, each["rule_id"]) == (2, str(each["question_id"]))
