"""From any order one can walk back to what its rule saw, and forward to its trade."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from common.errors import PermanentError
from infra.cli import main
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, rows
from tests.functions import steps
from tests.functions.steps import approved, limit, submit, tick

pytestmark = pytest.mark.usefixtures("environment")

CHAIN = ["Snapshot", "Opportunity", "Rule", "Question", "Answer", "Guardrails", "Broker order"]
WIDE = {"COLUMNS": "300"}


def trace(*arguments: str) -> str:
    done = CliRunner(env=WIDE).invoke(main, ["trace", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def parts(printed: str) -> list[tuple[str, str]]:
    """Return the parts of the chain in their order: title and text."""
    lines = [line[4:].rstrip() for line in printed.splitlines()[1:]]
    return [(line[:13].rstrip(), line[13:]) for line in lines]


@pytest.fixture
def filled(db: Database, simulator: SimulatedBroker) -> uuid.UUID:
    """An order that went the whole way."""
    return steps.filled(db, simulator)


def test_the_whole_chain_is_printed_in_the_order_in_which_it_happened(
    db: Database, filled: uuid.UUID
) -> None:
    printed = trace(str(filled))

    (opportunity,) = rows(db, "SELECT * FROM opportunities")
    (fill,) = rows(db, "SELECT * FROM fills")
    sections = parts(printed)
    assert printed.startswith(f"Order {filled} of {USER}: buy $10 of SPY: filled\n")
    assert list(dict(sections)) == [*CHAIN, "Fill", "Trade", "KPI"]
    snapshots = [text.split(":")[0] for title, text in sections if title == "Snapshot"]
    assert list(map(int, snapshots)) == opportunity["snapshot_ids"]
    assert f"config version {opportunity['config_hash']}" in dict(sections)["Rule"]
    assert dict(sections)["Question"].startswith("SPY is down 1.6% vs yesterday.")
    assert dict(sections)["Answer"].startswith("10: approve")
    assert dict(sections)["Guardrails"].startswith("passed, $10 reserved 2026-02-10T17:00:00")
    assert dict(sections)["Fill"].startswith(f"{fill['qty']} at {fill['price']},")
    assert f"{fill['qty']} held" in dict(sections)["Trade"]


def test_a_fact_that_the_feed_corrected_is_shown_with_both_values(
    filled: uuid.UUID, simulator: SimulatedBroker
) -> None:
    simulator.clock.advance(timedelta(minutes=2))
    simulator.market.set_price("SPY", 492, prev_close=501, live=True)
    steps.tick()

    facts = [text for title, text in parts(trace(str(filled))) if title == "Snapshot"]

    (corrected,) = [text for text in facts if "corrected" in text]
    assert "prev_close 500 (iex)" in corrected
    assert ", corrected to 501 2026-02-10T17:02" in corrected


def test_it_goes_on_to_the_first_push_that_counted_the_order(
    db: Database, filled: uuid.UUID
) -> None:
    kpis = ["Opportunities flagged", "Notifications sent", "Entries opened"]
    (trade,) = rows(db, "SELECT opened_at FROM trades")
    opened = trade["opened_at"]
    assert sorted(said_of_kpis(filled)) == sorted(f"{k} of 2026-02-10: not_pushed" for k in kpis)
    with db.transaction() as tx:
        for minutes, day, result in (
            (-1, "2026-02-10", "accepted"),  # before anything had happened
            (1, "2026-02-09", "accepted"),
            (2, "2026-02-10", "refused"),
            (3, "2026-02-10", "stored_in_d1"),
            (4, "2026-02-10", "accepted"),
        ):
            tx.run(
                "INSERT INTO snapshot_pushes (report_date, updated_at, content_sha256,"
                " body_sha256, body_bytes, result, missing)"
                " VALUES (CAST(:day AS date), :at, 'c', 'b', 1, :result, '{}')",
                day=day,
                at=opened + timedelta(minutes=minutes),
                result=result,
            )

    chain = json.loads(trace(str(filled), "--json"))

    pushes = {each["kpi"]: (each["push_result"], each["pushed_at"]) for each in chain["kpis"]}
    counted = (opened + timedelta(minutes=3)).isoformat().replace("+00:00", "Z")
    assert pushes == dict.fromkeys(kpis, ("stored_in_d1", counted))


def said_of_kpis(order_id: uuid.UUID) -> list[str]:
    return [text for title, text in parts(trace(str(order_id))) if title == "KPI"]


def test_json_is_what_the_account_api_shows(filled: uuid.UUID) -> None:
    chain: dict[str, Any] = json.loads(trace(str(filled), "--json"))

    assert chain["order"]["id"] == str(filled)
    assert [bool(chain[part]) for part in ("question", "answer", "broker_order")] == [True] * 3
    assert chain["fills"][0]["cum_qty"] == chain["order"]["filled_qty"]


def test_a_denial_says_why_and_that_nothing_was_sent(db: Database) -> None:
    enroll(db, USER)
    order_id = approved(db)
    limit(db, symbols_blocklist=["SPY"])
    submit(order_id)

    sections = dict(parts(trace(str(order_id))))

    assert sections["Guardrails"].startswith("denied, SYMBOL_BLOCKED symbol=SPY")
    assert sections["Broker order"] == "none that is known of"
    assert (sections["Fill"], sections["Trade"]) == ("none", "none")


def test_an_order_without_a_question_says_so(db: Database) -> None:
    enroll(db, USER, guardrails={"require_question_before_order": False})
    tick()
    (order,) = rows(db, "SELECT id FROM trade_orders")

    sections = dict(parts(trace(str(order["id"]))))

    assert (sections["Question"], sections["Answer"]) == ("its rule asks none", "none")
    assert sections["Guardrails"] == "not judged"


def test_facts_that_retention_has_pruned_are_named_as_gone(db: Database, filled: uuid.UUID) -> None:
    with db.transaction() as tx:
        tx.run("DELETE FROM market_data_snapshots")

    assert parts(trace(str(filled)))[0] == ("Snapshot", "pruned")


def test_an_unknown_order_is_a_clear_error() -> None:
    done = CliRunner().invoke(main, ["trace", str(uuid.UUID(int=7))])

    assert done.exit_code == 1
    assert isinstance(done.exception, PermanentError)
    assert "there is no order 00000000-0000-0000-0000-000000000007" in str(done.exception)
    assert CliRunner().invoke(main, ["trace", "seven"]).exit_code == 2
