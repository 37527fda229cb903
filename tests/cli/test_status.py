"""`countersign status` and `watch`: how the day stands, for people and for programs."""

import json
import uuid
from typing import Any

import pytest
from click.testing import CliRunner, Result

from common.errors import TransientError
from common.messages import OrderApproved
from functions import wiring
from infra.cli import main
from infra.postgres.database import Database
from tests.conftest import USER, rows
from tests.functions.steps import deliver, swipe, tick

pytestmark = pytest.mark.usefixtures("environment", "user")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def shown(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def status() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown("status", "--json"))
    return found


def question(db: Database) -> str:
    (found,) = rows(db, "SELECT question_id FROM confirmations")
    return str(found["question_id"])


def test_before_the_first_tick_nothing_is_taken_for_known() -> None:
    found = status()

    assert found["trading_enabled"] is True
    assert (found["is_open"], found["session"], found["ingested_at"]) == (None, None, None)
    assert (found["questions"], found["stuck"], found["switches"]) == ([], [], [])
    assert "Session   unknown; no calendar is stored" in shown("status")
    assert "Last tick never, rules never" in shown("status")


def test_a_waiting_question_is_shown_with_how_to_answer_it(db: Database) -> None:
    tick()

    found, text = status(), shown("status")

    (asked,) = found["questions"]
    assert asked["id"] == question(db)
    assert asked["firebase_uid"] == USER
    assert asked["text"] in text
    assert f"countersign answer {asked['id']} +10" in text
    assert found["is_open"] is True
    assert found["session"]["open"] == "2026-02-10T14:30:00Z"
    assert "Session   open, closes 2026-02-10 16:00:00 New York" in text
    assert found["counts"]["asked"] == 1


def test_an_answered_question_waits_no_longer_and_its_order_counts(db: Database) -> None:
    tick()
    assert swipe(question(db), 10).status_code == 200

    found = status()

    assert found["questions"] == []
    assert (found["counts"]["approved"], found["counts"]["orders"]) == (1, 1)
    assert "Questions none waiting" in shown("status")


def test_a_halt_and_its_reason_are_shown() -> None:
    shown("halt", "--why", "wrong prices")

    assert status()["switches"][0]["reason"] == "wrong prices"
    assert "Trading   halted: wrong prices" in shown("status")


def test_one_users_halt_is_not_everybodys() -> None:
    shown("halt", "--why", "their wish", "--user", USER)

    assert f"Trading   active, but for {USER}" in shown("status")


def test_a_server_that_trades_nothing_says_so(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TRADING_ENABLED", "false")

    assert status()["trading_enabled"] is False
    assert "Trading   disabled: TRADING_ENABLED is off" in shown("status")


def test_what_is_stuck_is_named() -> None:
    deliver("submit_order", OrderApproved(order_id=uuid.UUID(int=7)), "m-1")

    assert [each["what"] for each in status()["stuck"]] == ["1 dead letters"]
    assert "Stuck     1\n  1 dead letters: given up, kept for you" in shown("status")


def test_a_watch_says_the_same_once_a_line() -> None:
    lines = shown("watch", "--json", "--times", "2", "--interval", "0.1").splitlines()

    assert [json.loads(line)["counts"]["asked"] for line in lines] == [0, 0]


def test_a_watch_that_begins_before_a_question_shows_it(db: Database) -> None:
    tick()

    assert f"countersign answer {question(db)} +10" in shown("watch", "--times", "1")


def test_a_watch_waits_for_a_database_that_is_away(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    wiring.reset()

    done = run("watch", "--times", "2", "--interval", "0.1")

    assert done.output.count("looking again") == 1
    assert isinstance(done.exception, TransientError)
