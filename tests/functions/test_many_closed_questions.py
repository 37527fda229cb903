"""Very many questions are closed in small transactions, past those that are being answered."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from infra.postgres.database import Database
from infra.postgres.trading import confirmations
from infra.simulator.broker import SimulatedBroker
from tests.conftest import enroll, rows
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import swipe, tick

pytestmark = pytest.mark.usefixtures("environment")

Close = Callable[[Database, SimulatedBroker], None]


def let_expire(_db: Database, simulator: SimulatedBroker) -> None:
    simulator.clock.advance(timedelta(seconds=901))


def switch_off(db: Database, _simulator: SimulatedBroker) -> None:
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false")


CLOSED = pytest.mark.parametrize(
    ("close", "counted", "status"),
    [
        (let_expire, "expired_questions", "expired"),
        (switch_off, "withdrawn_questions", "withdrawn"),
    ],
    ids=["expired", "withdrawn"],
)


def ask_seven(db: Database) -> list[tuple[str, UUID]]:
    """Ask seven users a question each; return who has which."""
    for number in range(7):
        enroll(db, f"user-{number}")
    assert tick().status_code == 200
    found = rows(db, "SELECT firebase_uid, question_id FROM confirmations ORDER BY firebase_uid")
    assert len(found) == 7
    return [(each["firebase_uid"], each["question_id"]) for each in found]


def closed_by_transaction(db: Database, status: str) -> list[int]:
    """Count the questions that each transaction closed: a row knows which one wrote it."""
    found = rows(
        db,
        "SELECT count(*) AS n FROM confirmations WHERE status = :status"
        " GROUP BY xmin::text ORDER BY n DESC",
        status=status,
    )
    return [each["n"] for each in found]


@CLOSED
def test_no_transaction_closes_more_than_a_batch_and_no_run_more_than_its_batches(
    db: Database,
    simulator: SimulatedBroker,
    monkeypatch: pytest.MonkeyPatch,
    close: Close,
    counted: str,
    status: str,
) -> None:
    monkeypatch.setattr(confirmations, "AT_ONCE", 2)
    monkeypatch.setattr(confirmations, "BATCHES", 3)
    ask_seven(db)
    close(db, simulator)

    first = (reconcile()[counted], closed_by_transaction(db, status))
    second = (reconcile()[counted], closed_by_transaction(db, status))
    third = reconcile()[counted]

    assert first == (6, [2, 2, 2])
    assert second == (1, [2, 2, 2, 1])
    assert third == 0


@CLOSED
def test_one_that_is_being_answered_holds_up_no_other(
    db: Database,
    simulator: SimulatedBroker,
    close: Close,
    counted: str,
    status: str,
) -> None:
    uid, question_id = ask_seven(db)[3]
    close(db, simulator)

    with db.transaction() as answering:
        confirmations.lock(answering, question_id)
        during = reconcile()[counted]
        (left,) = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")
    after = reconcile()[counted]

    assert (during, left["question_id"], after) == (6, question_id, 1)
    assert swipe(question_id, 10, uid).get_json()["error"]["code"] == status
