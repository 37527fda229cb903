"""What the app backend is told is what its documents promise, whatever happened."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jsonschema_rs
import pytest

from common.messages import Message, QuestionCreated, TradeUpdate
from functions import wiring
from infra.local.docs.message_docs import schema_file
from infra.local.serving import HttpServer
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import ROOT, USER, enroll, function
from tests.functions.pubsub_recorder import Recorder
from tests.functions.steps import approved, asked, limit, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def pubsub(environment: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The Pub/Sub that the functions publish to."""
    recorder = Recorder()
    with HttpServer(recorder.app) as server:
        environment.setenv("PUBSUB_EMULATOR_HOST", server.url.removeprefix("http://"))
        wiring.reset()
        yield recorder


def received(pubsub: Recorder, kind: type[Message]) -> list[dict[str, Any]]:
    """Return what a topic's reader got, each held against its schema."""
    schema = json.loads((ROOT / "docs" / schema_file(kind)).read_text())
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    payloads = [json.loads(base64.b64decode(each["data"])) for each in pubsub.taken[kind.topic]]
    for payload in payloads:
        validator.validate(payload)
        assert set(payload) == set(schema["properties"])
    return payloads


def test_a_question_and_its_follow_up(db: Database, pubsub: Recorder) -> None:
    enroll(db, USER)
    first_id = asked(db)
    swipe(first_id, 0)

    first, again = received(pubsub, QuestionCreated)

    assert (first["question_id"], first["follow_up_of"]) == (str(first_id), None)
    assert again["follow_up_of"] == str(first_id)
    assert again["question_id"] != str(first_id)
    assert again["question_text"].endswith(first["question_text"])
    assert {each["orderingKey"] for each in pubsub.taken["questions-created"]} == {USER}


def test_an_order_from_acceptance_to_fill(
    db: Database, pubsub: Recorder, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    order_id = approved(db)
    submit(order_id)
    simulator.clock.advance(timedelta(seconds=5))
    function("reconcile_orders").post("/")

    accepted, filled = received(pubsub, TradeUpdate)

    assert (accepted["status"], accepted["is_final"]) == ("pending_new", False)
    assert accepted["text"] == "Your order to buy $10 of SPY is at the broker."
    assert (filled["status"], filled["is_final"]) == ("filled", True)
    assert filled["text"] == f"Bought {filled['filled_qty']} SPY at ${filled['filled_avg_price']}."
    assert {each["rule_id"] for each in (accepted, filled)} == {"dip_confirm"}
    assert len(set(pubsub.ids("trade-updates"))) == 2


def test_a_denial_says_which_guardrail_and_its_numbers(db: Database, pubsub: Recorder) -> None:
    enroll(db, USER)
    order_id = approved(db)
    limit(db, max_orders_per_day=0)
    submit(order_id)

    (denied,) = received(pubsub, TradeUpdate)

    assert (denied["denial_code"], denied["is_final"]) == ("MAX_ORDERS_PER_DAY", True)
    assert denied["reason"] in denied["text"]


def test_a_refusal_by_the_broker(
    db: Database, pubsub: Recorder, simulator: SimulatedBroker
) -> None:
    enroll(db, USER)
    order_id = approved(db)
    simulator.faults.add("status", method="POST", path="/v2/orders", status=403)
    submit(order_id)

    (rejected,) = received(pubsub, TradeUpdate)

    assert (rejected["status"], rejected["is_final"]) == ("rejected", True)


def test_an_unasked_order_names_no_question(db: Database, pubsub: Recorder) -> None:
    enroll(db, USER, guardrails={"require_question_before_order": False})
    tick()
    (approval,) = pubsub.texts("orders-approved")
    submit(json.loads(approval)["order_id"])

    (update,) = received(pubsub, TradeUpdate)

    assert update["question_id"] is None
    assert pubsub.taken["questions-created"] == []
