"""What one user's odd or many rows cost those who are asked with them: nothing, and no time."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest

from functions import wiring
from infra.postgres.connection import DriverError
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.bench.check import statements
from tests.conftest import NOON, USER, enroll, rows
from tests.functions.account.account import Account
from tests.functions.steps import approved, deliver, tick

pytestmark = pytest.mark.usefixtures("environment")

NO_INSTANTS = ('"soon"', '"999999-01-01T00:00:00Z"', '{"at": 1}', "7", "null", '"infinity"', '""')
NO_CONTEXTS = ("[1]", "null", "7", '{"last_fired": 7}', '{"last_fired": ["dip_confirm"]}')
MANY = 10_000
A_STATEMENT = 2_000


def write_cursor(db: Database, uid: str, context: str) -> None:
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO trading_cursors (firebase_uid, context, updated_at)"
            " VALUES (:uid, CAST(:context AS jsonb), now())",
            uid=uid,
            context=context,
        )


def asked(db: Database) -> set[str]:
    return {each["firebase_uid"] for each in rows(db, "SELECT firebase_uid FROM confirmations")}


@pytest.mark.parametrize("at", NO_INSTANTS)
def test_an_instant_changed_by_hand_costs_its_owner_alone(
    db: Database, account: Account, at: str
) -> None:
    for uid in ("good-1", USER, "good-2"):  # of one config
        enroll(db, uid)
    write_cursor(db, USER, f'{{"last_fired": {{"dip_confirm": {at}, "other": {at}}}}}')

    assert tick().status_code == 200

    assert {"good-1", "good-2"} <= asked(db)
    assert account.get("/status").status_code == 200


@pytest.mark.parametrize("context", NO_CONTEXTS)
def test_a_cursor_of_another_shape_is_not_even_stored(db: Database, context: str) -> None:
    enroll(db, USER)

    with pytest.raises(DriverError):
        write_cursor(db, USER, context)


def test_what_was_no_instant_is_one_once_its_rule_has_fired(db: Database) -> None:
    enroll(db, USER)
    write_cursor(db, USER, '{"last_fired": {"dip_confirm": "soon"}, "kept": 1}')

    tick()

    (found,) = rows(db, "SELECT context FROM trading_cursors")
    assert found["context"]["last_fired"]["dip_confirm"].startswith("2026-02-10T17:00:00")
    assert found["context"]["kept"] == 1


def statements_of_a_tick() -> int:
    """Count what a tick asks of the database."""
    with statements() as seen:
        assert tick().status_code == 200
    return len(seen)


def test_a_user_with_very_many_orders_of_today_costs_no_more_statements(
    environment: pytest.MonkeyPatch, db: Database
) -> None:
    for name in ("ORDERS_PER_DAY", "NOTIONAL_USD_PER_DAY", "NOTIONAL_USD_PER_4H"):
        environment.setenv(f"HARD_MAX_SERVER_{name}", "1000000")
    wiring.reset()
    enroll(db, USER)
    approved(db)
    enroll(db, "good-0")
    before = statements_of_a_tick()
    for first in range(0, MANY, A_STATEMENT):
        with db.transaction() as tx:
            tx.run(
                "INSERT INTO trade_orders SELECT (jsonb_populate_record(o, jsonb_build_object("
                "'id', uuidv7(), 'client_order_id', 'many-' || n, 'question_id', null,"
                "'opportunity_id', null, 'consented', null, 'status', 'filled',"
                "'reserved_usd', 1, 'reserved_at', CAST(:noon AS timestamptz)))).*"
                " FROM trade_orders o, generate_series(CAST(:first AS integer), :last) AS n"
                " WHERE o.client_order_id LIKE 'cs-%'",
                first=first,
                last=first + A_STATEMENT - 1,
                noon=NOON,
            )
    for uid in ("good-1", "good-2"):
        enroll(db, uid)

    assert statements_of_a_tick() == before
    assert {"good-1", "good-2"} <= asked(db)


def refuse_questions_of(db: Database, *uids: str) -> None:
    """Have the database refuse what the functions cannot know of."""
    names = ", ".join(f"'{uid}'" for uid in uids)
    with db.transaction() as tx:
        tx.run("CREATE SEQUENCE refusals")  # no rollback takes its numbers back
        tx.run(
            "ALTER TABLE confirmations ADD CONSTRAINT refused CHECK"
            f" (firebase_uid NOT IN ({names}) OR nextval('refusals') < 0)"
        )


def deliver_audiences(db: Database) -> None:
    for each in rows(db, "DELETE FROM outbox WHERE topic = 'rules-fired' RETURNING payload"):
        reply = deliver("ask", json.dumps(each["payload"]).encode(), str(uuid.uuid4()))
        assert reply.status_code == 200


def set_aside_configs(db: Database) -> int:
    return len(rows(db, "SELECT 1 FROM set_aside_configs"))


def set_aside_users(db: Database) -> list[dict[str, Any]]:
    return rows(db, "SELECT * FROM set_aside_rows WHERE kind = 'user'")


def test_whoever_cannot_be_asked_keeps_nobody_of_the_same_config_from_it(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    users = [f"user-{n:02}" for n in range(20)]
    odd = {"user-03", "user-19"}
    for uid in users:
        enroll(db, uid)
    refuse_questions_of(db, *odd)

    tick()
    deliver_audiences(db)

    assert asked(db) == set(users) - odd
    assert set_aside_configs(db) == 0
    logged = {vars(each).get("row") for each in caplog.records if each.levelname == "ERROR"}
    assert logged == odd
    assert {row["name"] for row in set_aside_users(db)} == odd
    [status] = rows(db, "SELECT asked, held_back FROM rule_status WHERE rule_id = 'dip_confirm'")
    assert status == {"asked": 18, "held_back": {"set_aside": 2}}


def test_who_could_not_be_asked_is_named_until_they_can_be(
    db: Database, simulator: SimulatedBroker
) -> None:
    for uid in ("good", USER):
        enroll(db, uid)
    refuse_questions_of(db, USER)
    tick()
    deliver_audiences(db)
    [found] = set_aside_users(db)
    assert (found["firebase_uid"], found["since"]) == (USER, NOON)

    with db.transaction() as tx:
        tx.run("ALTER TABLE confirmations DROP CONSTRAINT refused")
    simulator.clock.advance(timedelta(minutes=1))
    tick()
    deliver_audiences(db)

    assert set_aside_users(db) == []


def test_a_config_whose_users_can_none_of_them_be_asked_is_set_aside_soon(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    users = [f"user-{n:02}" for n in range(40)]
    for uid in (*users, "other"):
        enroll(db, uid)
    enroll(db, "good", max_staleness_seconds=177)
    refuse_questions_of(db, *users)

    tick()
    deliver_audiences(db)

    assert asked(db) == {"good", "other"}  # who comes before them all
    assert set_aside_configs(db) == 1
    [refusals] = rows(db, "SELECT last_value FROM refusals")
    assert refusals["last_value"] < len(users)
    assert "row_set_aside" not in {vars(each).get("event") for each in caplog.records}
