import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from common.messages import QuestionCreated, SnapshotsIngested
from functions import wiring
from infra.postgres.database import Database
from infra.postgres.users import configs
from infra.simulator.broker import SimulatedBroker
from tests.bench.check import statements
from tests.bench.crowd import LIMITS
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.steps import asked, deliver, messages, push, swipe, tick

pytestmark = pytest.mark.usefixtures("environment")

TEXT = "SPY is down 1.6% vs yesterday. Swipe +10 to approve a small buy, -10 to skip."
INGESTED = SnapshotsIngested(ingested_at=NOON, stored=9)


def later(simulator: SimulatedBroker, **span: float) -> None:
    simulator.clock.advance(timedelta(**span))


def test_a_fired_rule_asks_its_user_and_keeps_what_it_saw(db: Database, user: str) -> None:
    question_id = asked(db)

    (question,) = rows(db, "SELECT * FROM questions")
    assert question["id"] == question_id
    assert question["firebase_uid"] == user
    assert question["question_text"] == TEXT
    assert question["source_tag"] == "trading:rule:dip_confirm"
    assert question["pipeline_key"] == "trading"
    assert question["pipeline_step"] == "dip_confirm:await_confirm"
    (opportunity,) = rows(db, "SELECT * FROM opportunities")
    assert (opportunity["price"], opportunity["reference"]) == (Decimal(492), Decimal(500))
    assert opportunity["pct"] == Decimal("-1.6")
    seen = rows(
        db,
        "SELECT metric FROM market_data_snapshots WHERE id = ANY(CAST(:ids AS bigint[]))",
        ids=opportunity["snapshot_ids"],
    )
    assert {r["metric"] for r in seen} == {"last_trade", "prev_close"}


def test_the_announcement_can_be_rendered_without_a_second_look_up(db: Database, user: str) -> None:
    question_id = asked(db)

    (payload,) = messages(db, "questions-created")
    announced = QuestionCreated.from_document(payload)
    assert (announced.question_id, announced.firebase_uid) == (question_id, user)
    assert announced.question_text == TEXT
    assert announced.notional_usd == Decimal(10)
    assert announced.expires_at == NOON + timedelta(seconds=900)


def test_every_user_of_a_shared_config_is_asked_once(db: Database) -> None:
    for uid in ("a", "b", "c"):
        enroll(db, uid)

    tick()
    tick()

    asked_users = rows(db, "SELECT firebase_uid FROM confirmations ORDER BY firebase_uid")
    assert [r["firebase_uid"] for r in asked_users] == ["a", "b", "c"]


def test_what_many_configs_propose_costs_no_more_statements_and_each_user_gets_their_own(
    db: Database, simulator: SimulatedBroker
) -> None:
    enroll(db, "first", max_staleness_seconds=300)
    function("ingest").post("/")
    with statements() as of_one:
        push("evaluate", INGESTED)

    later(simulator, minutes=1)
    for number in range(8):
        enroll(db, f"of config {number}", max_staleness_seconds=301 + number)
    with statements() as of_nine:
        push("evaluate", INGESTED)

    assert len(of_nine) == len(of_one)
    with db.transaction() as tx:
        hashes = {each.key: each.config.hash for each in configs.active(tx, LIMITS).shared}
    asked_for = rows(
        db,
        "SELECT c.config_key AS key, q.metadata ->> 'config_hash' AS shown,"
        " o.payload ->> 'config_hash' AS told FROM user_trading_config c"
        " JOIN questions q USING (firebase_uid) JOIN outbox o ON o.ordering_key = c.firebase_uid",
    )
    for row in asked_for:
        assert row["shown"] == row["told"] == hashes[row["key"]]
    assert len({r["shown"] for r in asked_for}) == 9


@pytest.mark.usefixtures("user")
def test_the_rule_is_silent_while_it_cools_down_and_then_asks_again(
    db: Database, simulator: SimulatedBroker
) -> None:
    swipe(asked(db), -10)
    later(simulator, minutes=59)
    tick()
    cooling = len(rows(db, "SELECT 1 FROM confirmations"))
    later(simulator, minutes=1)
    tick()

    assert cooling == 1
    assert len(rows(db, "SELECT 1 FROM confirmations")) == 2


def test_a_pending_question_keeps_its_rule_silent(db: Database, simulator: SimulatedBroker) -> None:
    rule = {"id": "dip_confirm", "cooldown_seconds": 0}
    enroll(db, USER, rules=[rule])
    tick()
    later(simulator, minutes=1)

    tick()

    assert len(rows(db, "SELECT 1 FROM confirmations")) == 1


def test_no_more_than_the_queue_allows_is_asked(db: Database) -> None:
    same = {"type": "price_below_pct_of_ref", "symbol": "SPY", "ref_metric": "prev_close"}
    action = {"action": "propose_order", "side": "buy", "notional_usd": 10}
    more = [
        same
        | {"id": f"r{n}", "threshold_pct": -1, "question_template": "?", "on_answer_match": action}
        for n in range(4)
    ]
    enroll(db, USER, rules=more, max_queued_questions=2)

    tick()

    assert len(rows(db, "SELECT 1 FROM confirmations")) == 2


@pytest.mark.usefixtures("user")
def test_an_event_delivered_twice_at_once_asks_once(db: Database) -> None:
    function("ingest").post("/")
    barrier = threading.Barrier(2)
    statuses = []

    def race() -> None:
        barrier.wait()
        statuses.append(deliver("evaluate", INGESTED).status_code)

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200, 200]
    assert len(rows(db, "SELECT 1 FROM questions")) == 1
    assert len(messages(db, "questions-created")) == 1


@pytest.mark.usefixtures("user")
def test_a_bare_push_envelope_is_understood_too(db: Database) -> None:
    function("ingest").post("/")

    reply = push("evaluate", INGESTED)

    assert reply.status_code == 200
    assert len(rows(db, "SELECT 1 FROM questions")) == 1


@pytest.mark.usefixtures("user")
def test_stale_prices_ask_nothing(db: Database, simulator: SimulatedBroker) -> None:
    function("ingest").post("/")
    later(simulator, minutes=3, seconds=1)

    deliver("evaluate", INGESTED)

    assert rows(db, "SELECT 1 FROM opportunities") == []


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("switch", ["TRADING_ENABLED", "TRADING_WORKER_EVAL_ENABLED"])
def test_the_operators_switches_stop_it(
    environment: pytest.MonkeyPatch, db: Database, switch: str
) -> None:
    environment.setenv(switch, "false")
    wiring.reset()

    tick()

    assert rows(db, "SELECT 1 FROM opportunities") == []


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("payload", "error"),
    [(b"not json", "not JSON"), (b"{}", "ingested_at"), (b'{"stored": "x"}', "stored")],
)
def test_a_message_that_no_retry_can_help_is_kept_once_and_acknowledged(
    db: Database, payload: bytes, error: str
) -> None:
    replies = [deliver("evaluate", payload, "m-7").status_code for _ in range(2)]

    assert replies == [200, 200]
    (kept,) = rows(db, "SELECT * FROM dead_letters")
    assert (kept["consumer"], kept["message_id"]) == ("evaluate", "m-7")
    assert kept["payload"].encode() == payload
    assert error in kept["error"]


def test_one_line_names_all_flows_that_began(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for uid in ("ann", "bob", "eve"):
        enroll(db, uid)

    tick()

    [line] = [vars(each) for each in caplog.records if vars(each).get("event") == "asked"]
    questions = rows(db, "SELECT CAST(question_id AS text) AS id FROM confirmations")
    assert sorted(line["flow_ids"]) == sorted(each["id"] for each in questions)
