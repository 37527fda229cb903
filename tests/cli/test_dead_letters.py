"""What no retry can help is kept with its reason, shown to a person, and can be put back."""

import json
import uuid
from typing import Any

import pytest
from click.testing import CliRunner, Result

from common.errors import PermanentError
from common.messages import OrderApproved
from functions import wiring
from infra.cli import main
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import function, rows
from tests.functions.steps import approved, deliver

pytestmark = pytest.mark.usefixtures("environment", "user")

NOWHERE = uuid.UUID(int=7)


def countersign(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def run(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["dead-letters", *arguments])


def letters(db: Database) -> list[dict[str, Any]]:
    return rows(db, "SELECT * FROM dead_letters ORDER BY id")


def in_outbox(db: Database) -> list[dict[str, Any]]:
    return rows(db, "SELECT * FROM outbox WHERE published_at IS NULL ORDER BY id")


@pytest.fixture
def lost(db: Database, simulator: SimulatedBroker) -> uuid.UUID:
    """An approval that was given up though its order is there: as after a bug that was mended."""
    order_id = approved(db)
    deliver("submit_order", OrderApproved(order_id=NOWHERE), "m-1")
    with db.transaction() as tx:
        payload = OrderApproved(order_id=order_id).model_dump_json()
        tx.run("UPDATE dead_letters SET payload = :payload", payload=payload)
    assert simulator.ledger.orders() == []
    return order_id


def test_without_letters_the_list_says_so(db: Database) -> None:
    assert countersign("list") == "no dead letters\n"
    assert countersign("retry", "--all") == "put back: none\n"
    assert in_outbox(db) == []


def test_the_list_names_who_gave_up_what_and_why(db: Database) -> None:
    deliver("submit_order", OrderApproved(order_id=NOWHERE), "m-1")
    deliver("evaluate", b"not [bold]json", "m-2")
    with db.transaction() as tx:
        tx.run("UPDATE dead_letters SET created_at = now() - interval '185 minutes'")

    first, second = countersign("list").splitlines()[1:]

    assert first.split()[:5] == ["1", "submit_order", "3", "h", "1"]
    assert f"there is no order {NOWHERE}" in first
    assert second.split()[:2] == ["2", "evaluate"]
    assert second.rstrip().endswith("not [bold]json")


def test_a_letter_is_shown_whole() -> None:
    deliver("evaluate", b"x" * 500, "m-2")

    shown = countersign("show", "1")

    assert "x" * 500 in shown
    assert "snapshots-ingested" in shown


def test_a_retried_letter_is_published_and_done(
    db: Database, simulator: SimulatedBroker, lost: uuid.UUID
) -> None:
    assert countersign("retry", "1") == "put back: 1\n"
    (back,) = in_outbox(db)
    function("relay_outbox").post("/")
    deliver("submit_order", json.dumps(back["payload"]).encode(), "m-2")

    assert (back["topic"], back["payload"]) == ("orders-approved", {"order_id": str(lost)})
    assert len(simulator.ledger.orders()) == 1
    assert in_outbox(db) == []
    assert countersign("list") == "no dead letters\n"
    assert "retried at  2" in countersign("show", "1")


def test_one_that_fails_again_is_the_same_letter_again(db: Database) -> None:
    deliver("submit_order", OrderApproved(order_id=NOWHERE), "m-1")
    countersign("retry", "--all")
    (back,) = in_outbox(db)

    for pubsub_id in ("m-8", "m-8", "m-9"):  # delivered again and again, under ids of Pub/Sub's
        deliver(
            "submit_order",
            OrderApproved(order_id=NOWHERE),
            pubsub_id,
            attributes={"message_id": back["message_id"]},
        )

    (letter,) = letters(db)
    assert back["message_id"] == letter["message_id"] == "m-1"
    assert (letter["attempts"], letter["retried_at"]) == (2, None)
    assert countersign("list").splitlines()[1].split()[4] == "2"


def test_a_letter_is_put_back_once(db: Database) -> None:
    deliver("submit_order", OrderApproved(order_id=NOWHERE), "m-1")
    countersign("retry", "1")

    again = run("retry", "1")

    assert isinstance(again.exception, PermanentError)
    assert "1: does not wait here" in str(again.exception)
    assert len(in_outbox(db)) == 1


@pytest.mark.parametrize(
    "payload", [b"not json", b'{"a": NaN}', b'{"a": "\\u0000"}', b"\x00\xff", b'"\\ud800"']
)
def test_what_no_topic_could_carry_stays_and_the_others_go(db: Database, payload: bytes) -> None:
    deliver("evaluate", payload, "m-1")
    deliver("submit_order", OrderApproved(order_id=NOWHERE), "m-2")

    done = run("retry", "--all")

    assert done.output == "put back: 2\n"
    assert str(done.exception) == "1: is not JSON, no retry helps"
    assert len(in_outbox(db)) == 1
    assert [each["retried_at"] is None for each in letters(db)] == [True, False]


def test_what_is_missing_is_reported(db: Database) -> None:
    for arguments in (("show", "5"), ("retry", "5")):
        done = run(*arguments)

        assert done.exit_code == 1
        assert "5" in str(done.exception)
    assert run("retry").exit_code == run("retry", "1", "--all").exit_code == 2
    assert letters(db) == []


def test_a_crash_in_the_middle_of_a_retry_changes_nothing(db: Database) -> None:
    """The letter is marked and the message stored in one transaction."""
    from infra.postgres.messages import dead_letters  # noqa: PLC0415

    deliver("submit_order", OrderApproved(order_id=NOWHERE), "m-1")

    def crash() -> None:
        with db.transaction() as tx:
            assert dead_letters.retry(tx, [1], wiring.current().clock.now()) == [1]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()

    assert in_outbox(db) == []
    assert [each["retried_at"] for each in letters(db)] == [None]


def test_the_order_of_a_key_is_known_to_its_letter(db: Database) -> None:
    deliver("evaluate", b"{}", "m-1", orderingKey="snapshots")
    countersign("retry", "--all")

    assert [each["ordering_key"] for each in in_outbox(db)] == ["snapshots"]
