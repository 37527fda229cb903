"""From any order one can walk back to what its rule saw, and forward to its trade."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from common.errors import PermanentError
from infra.cli import main
from infra.local.broker.broker import SimulatedBroker
from infra.postgres.database import Database
from tests.conftest import USER, enroll, function, rows
from tests.functions.steps import approved, submit, tick

pytestmark = pytest.mark.usefixtures("environment")

CHAIN = [
    "Snapshot",
    "Opportunity",
    "Rule and config version",
    "Question",
    "Answer",
    "Guardrails",
    "Broker order",
    "Fill",
    "Trade",
]


def trace(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["trace", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def titles(printed: str) -> list[str]:
    """Return the parts of the chain in their order, each kind once."""
    parts = [line[4:] for line in printed.splitlines()[1:] if line[0] in "├└"]
    return list(dict.fromkeys(parts))


@pytest.fixture
def filled(db: Database, simulator: SimulatedBroker) -> uuid.UUID:
    """An order that went the whole way."""
    enroll(db, USER)
    order_id = approved(db)
    submit(order_id)
    simulator.clock.advance(timedelta(seconds=5))
    assert function("reconcile_orders").post("/").status_code == 200
    return order_id


def test_the_whole_chain_is_printed_in_the_order_in_which_it_happened(
    db: Database, filled: uuid.UUID
) -> None:
    printed = trace(str(filled))

    (opportunity,) = rows(db, "SELECT * FROM opportunities")
    (fill,) = rows(db, "SELECT * FROM fills")
    assert printed.startswith(f"Order {filled} of {USER}: buy $10 of SPY: filled\n")
    assert titles(printed) == CHAIN
    assert f"config hash: {opportunity['config_hash']}" in printed
    assert f"price: {fill['price'].normalize():f}" in printed
    assert "verdict: passed" in printed
    assert "decision: approve" in printed
    for snapshot_id in opportunity["snapshot_ids"]:
        assert f"id: {snapshot_id}\n" in printed


def test_json_is_what_the_account_api_shows(filled: uuid.UUID) -> None:
    chain: dict[str, Any] = json.loads(trace(str(filled), "--json"))

    assert chain["order"]["id"] == str(filled)
    assert [bool(chain[part]) for part in ("question", "answer", "broker_order")] == [True] * 3
    assert chain["fills"][0]["cum_qty"] == chain["order"]["filled_qty"]


def test_a_denial_says_why_and_that_nothing_was_sent(db: Database) -> None:
    enroll(db, USER, guardrails={"symbols_blocklist": ["SPY"]})
    order_id = approved(db)
    submit(order_id)

    printed = trace(str(order_id))

    assert "denial code: SYMBOL_BLOCKED" in printed
    assert "Broker order: never sent, or not known to have arrived" in printed
    assert titles(printed)[-2:] == ["Fill: none", "Trade: none"]


def test_an_order_without_a_question_says_so(db: Database) -> None:
    enroll(db, USER, guardrails={"require_question_before_order": False})
    tick()
    (order,) = rows(db, "SELECT id FROM trade_orders")

    printed = trace(str(order["id"]))

    assert "Question: its rule does not ask" in printed
    assert "Answer: not answered" in printed


def test_facts_that_retention_has_pruned_are_named_as_gone(db: Database, filled: uuid.UUID) -> None:
    with db.transaction() as tx:
        tx.run("DELETE FROM market_data_snapshots")

    assert titles(trace(str(filled)))[0] == "Snapshot: pruned"


def test_an_unknown_order_is_a_clear_error() -> None:
    done = CliRunner().invoke(main, ["trace", str(uuid.UUID(int=7))])

    assert done.exit_code == 1
    assert isinstance(done.exception, PermanentError)
    assert "there is no order 00000000-0000-0000-0000-000000000007" in str(done.exception)
    assert CliRunner().invoke(main, ["trace", "seven"]).exit_code == 2
