"""Everything that was ever delivered comes again, late and in reverse: nothing happens twice."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from infra.local.stack import FUNCTION_SUBSCRIPTIONS
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import enroll, function, rows
from tests.functions.steps import deliver, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")

TABLES = ("opportunities", "questions", "confirmations", "trade_orders", "fills", "trades")


def records(db: Database, simulator: SimulatedBroker) -> dict[str, Any]:
    """Read everything that must not change."""
    stored = {table: rows(db, f"SELECT * FROM {table} ORDER BY 1") for table in TABLES}  # noqa: S608
    return stored | {"broker": [order.id for order in simulator.ledger.orders()]}


def functions_messages(db: Database) -> Iterator[tuple[str, bytes, str]]:
    """Read what was published to our functions, the newest first."""
    sql = "SELECT topic, payload, message_id FROM outbox WHERE topic = ANY(:ours) ORDER BY id DESC"
    for row in rows(db, sql, ours=list(FUNCTION_SUBSCRIPTIONS)):
        payload = json.dumps(row["payload"]).encode()
        yield FUNCTION_SUBSCRIPTIONS[row["topic"]], payload, row["message_id"]


@pytest.mark.parametrize("minutes_later", [0, 5, 600])
def test_a_day_that_is_delivered_again_changes_nothing(
    db: Database, simulator: SimulatedBroker, minutes_later: int
) -> None:
    for uid, answer in (("yes", 10), ("no", -10), ("maybe", 0)):
        enroll(db, uid)
        tick()
        (pending,) = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")
        reply = swipe(pending["question_id"], answer, uid).get_json()
        if follow_up := reply["follow_up_question_id"]:
            reply = swipe(follow_up, 10, uid).get_json()
        if reply["order_id"]:
            submit(reply["order_id"])
    simulator.clock.advance(timedelta(seconds=5))
    function("reconcile_orders").post("/")
    before = records(db, simulator)

    simulator.clock.advance(timedelta(minutes=minutes_later))
    messages = list(functions_messages(db))
    for _ in range(2):
        statuses = [deliver(name, payload, id_).status_code for name, payload, id_ in messages]
        function("reconcile_orders").post("/")
        function("relay_outbox").post("/")

    assert len(messages) == 3  # one tick was due, and two orders approved
    assert set(statuses) == {200}
    assert len(before["broker"]) == 2
    assert records(db, simulator) == before
    assert rows(db, "SELECT 1 FROM dead_letters") == []
