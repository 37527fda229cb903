"""A user's orders: listed page by page, traced from end to end, taken back."""

import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.account.account import Account
from tests.functions.steps import approved, asked, messages, order_row, submit, swipe, tick

pytestmark = pytest.mark.usefixtures("user")


def copies(db: Database, order_id: UUID, count: int) -> None:
    """Give the user more orders like one of theirs, all of the same instant."""
    with db.transaction() as tx:
        tx.run(
            """
            INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, side, order_type,
                                      time_in_force, notional_usd, status, rule_id, created_at,
                                      updated_at, opportunity_id, asset_class, config_hash,
                                      seen_price, max_price_drift_pct, expires_at)
            SELECT gen_random_uuid(), firebase_uid, 'copy-' || number, symbol, side, order_type,
                   time_in_force, notional_usd, 'canceled', rule_id, created_at, updated_at,
                   opportunity_id, asset_class, config_hash, seen_price, max_price_drift_pct,
                   expires_at
            FROM trade_orders, generate_series(1, CAST(:count AS integer)) AS number
            WHERE id = :id
            """,
            id=order_id,
            count=count,
        )


def listed(account: Account, query: str) -> list[dict[str, Any]]:
    """Follow the cursors to the end."""
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = account.get(f"/orders?{query}" + (f"&cursor={cursor}" if cursor else "")).get_json()
        found += page["orders"]
        cursor = page["next_cursor"]
    return found


def test_an_order_is_shown_with_exact_money(account: Account, db: Database) -> None:
    order_id = approved(db)

    (order,) = account.get("/orders").get_json()["orders"]

    assert order["id"] == str(order_id)
    assert (order["symbol"], order["side"], order["notional_usd"]) == ("SPY", "buy", "10")
    assert (order["status"], order["qty"], order["broker_order_id"]) == ("approved", None, None)


@pytest.mark.parametrize("limit", [1, 3, 6, 7, 100])
def test_every_order_is_listed_once_whatever_the_page(
    account: Account, db: Database, limit: int
) -> None:
    copies(db, approved(db), 5)

    found = listed(account, f"limit={limit}")

    assert len(found) == len({order["id"] for order in found}) == 6


def test_orders_come_newest_first_and_by_status(account: Account, db: Database) -> None:
    order_id = approved(db)
    copies(db, order_id, 2)
    with db.transaction() as tx:
        tx.run(
            "UPDATE trade_orders SET created_at = created_at + interval '1 hour' WHERE id = :id",
            id=order_id,
        )

    assert listed(account, "limit=2")[0]["id"] == str(order_id)
    assert [o["id"] for o in listed(account, "status=approved")] == [str(order_id)]
    assert len(listed(account, "status=canceled&limit=1")) == 2


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "cursor=x",
        "cursor=eA==",
        "cursor=MjAyNi0wMi0xMFQxMjowMDowMCAx",
        "status=%00",
        "status=",
        "unknown=1",
    ],
)
def test_a_query_that_makes_no_sense_is_refused(account: Account, query: str) -> None:
    reply = account.get(f"/orders?{query}")

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (422, "malformed")


def test_a_filled_order_is_traced_from_the_facts_to_the_trade(
    account: Account, db: Database
) -> None:
    order_id = approved(db)
    submit(order_id)
    function("reconcile_orders").post("/")

    trace = account.get(f"/orders/{order_id}/trace").get_json()

    order = order_row(db, order_id)
    assert order["status"] == "filled"
    assert {fact["metric"] for fact in trace["snapshots"]} == {"last_trade", "prev_close"}
    assert {fact["price"] for fact in trace["snapshots"]} == {"492", "500"}
    assert (trace["opportunity"]["price"], trace["opportunity"]["pct"]) == ("492", "-1.6")
    assert trace["rule"]["id"] == "dip_confirm"
    assert trace["rule"]["config_hash"] == order["config_hash"]
    assert trace["rule"]["definition"]["threshold_pct"] == "-1.5"
    assert trace["question"]["id"] == str(order["question_id"])
    assert trace["question"]["terms"]["price"] == "492"
    assert (trace["answer"]["value"], trace["answer"]["decision"]) == ("10", "approve")
    assert trace["guardrails"]["verdict"] == "passed"
    assert trace["guardrails"]["reserved_usd"] == "10"
    assert trace["broker_order"]["id"] == order["alpaca_order_id"]
    (fill,), (trade,) = trace["fills"], trace["trades"]
    assert fill["qty"] == trade["qty"] == trade["qty_of_order"] == trace["order"]["filled_qty"]
    assert trade["opening_order_id"] == str(order_id)


def test_a_trace_shows_what_the_rule_saw_and_what_the_feed_made_of_it(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    for close in (501, 502):  # corrected twice
        simulator.clock.advance(timedelta(minutes=2))
        simulator.market.set_price("SPY", 492, prev_close=close, live=True)
        tick()

    trace = account.get(f"/orders/{order_id}/trace").get_json()

    facts = {fact["metric"]: fact for fact in trace["snapshots"]}
    assert trace["opportunity"]["reference"] == facts["prev_close"]["price"] == "500"
    assert facts["prev_close"]["corrected_price"] == "502"
    assert facts["prev_close"]["corrected_at"].startswith("2026-02-10T17:02")
    assert facts["last_trade"]["corrected_at"] is None


def test_what_was_corrected_before_a_rule_fired_is_what_it_saw(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    simulator.market.set_price("SPY", 499, prev_close=500, live=True)
    tick()
    simulator.clock.advance(timedelta(minutes=2))
    simulator.market.set_price("SPY", 492, prev_close=501, live=True)

    trace = account.get(f"/orders/{approved(db)}/trace").get_json()

    (close,) = [fact for fact in trace["snapshots"] if fact["metric"] == "prev_close"]
    assert (close["price"], close["corrected_at"]) == ("501", None)


def test_a_denied_order_is_traced_to_the_numbers_that_denied_it(
    account: Account, db: Database
) -> None:
    order_id = approved(db)
    account.put({"guardrails": {"max_orders_per_day": 0}}, If_Match="*")
    submit(order_id)

    trace = account.get(f"/orders/{order_id}/trace").get_json()

    assert trace["guardrails"]["verdict"] == "denied"
    assert trace["guardrails"]["denial_code"] == "MAX_ORDERS_PER_DAY"
    assert trace["guardrails"]["numbers"] == {"used": "0", "limit": "0"}
    assert (trace["broker_order"], trace["fills"], trace["trades"]) == (None, [], [])
    assert trace["rule"]["definition"] is None  # the config has changed since


def test_an_order_that_waits_is_traced_as_far_as_it_came(account: Account, db: Database) -> None:
    trace = account.get(f"/orders/{approved(db)}/trace").get_json()

    assert trace["guardrails"]["verdict"] == "not_judged"
    assert trace["broker_order"] is None


def test_an_order_that_was_not_sent_is_canceled_by_us_and_announced(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)

    reply = account.delete(f"/orders/{order_id}")
    submit(order_id)

    assert (reply.status_code, reply.get_json()["order"]["status"]) == (200, "canceled")
    assert [m["status"] for m in messages(db, "trade-updates")] == ["canceled"]
    assert rows(db, "SELECT 1 FROM outbox WHERE published_at IS NULL") == []
    assert simulator.ledger.orders() == []


def test_canceling_twice_says_that_it_is_over(account: Account, db: Database) -> None:
    order_id = approved(db)
    account.delete(f"/orders/{order_id}")

    again = account.delete(f"/orders/{order_id}")

    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "already_final")
    assert len(messages(db, "trade-updates")) == 1


def test_a_cancellation_wins_over_a_submission_that_is_still_asking_for_the_price(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = approved(db)
    simulator.faults.add("slow", delay=1.0, path="/v2/stocks")
    submitted: list[int] = []
    submission = threading.Thread(target=lambda: submitted.append(submit(order_id).status_code))
    submission.start()
    while not simulator.faults.injected("slow"):
        time.sleep(0.01)

    reply = account.delete(f"/orders/{order_id}")
    submission.join()

    assert (reply.status_code, submitted) == (200, [200])
    assert order_row(db, order_id)["status"] == "canceled"
    assert simulator.ledger.orders() == []


def resting(db: Database, simulator: SimulatedBroker) -> UUID:
    """An order that is at the broker and does not fill."""
    simulator.switches.fill_delay_seconds = 3600
    order_id = approved(db)
    submit(order_id)
    return order_id


def test_an_order_at_the_broker_is_canceled_there(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = resting(db, simulator)

    reply = account.delete(f"/orders/{order_id}")
    again = account.delete(f"/orders/{order_id}")
    function("reconcile_orders").post("/")

    assert (reply.status_code, again.status_code) == (202, 202)
    assert order_row(db, order_id)["status"] == "canceled"
    assert messages(db, "trade-updates")[-1]["status"] == "canceled"
    assert account.delete(f"/orders/{order_id}").status_code == 409


def test_a_fill_that_won_the_race_is_not_canceled(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    order_id = resting(db, simulator)
    simulator.switches.fill_delay_seconds = 0

    reply = account.delete(f"/orders/{order_id}")

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize("kind", ["status", "accept_then_timeout"])
def test_a_cancellation_that_may_not_have_arrived_can_be_asked_for_again(
    account: Account, db: Database, simulator: SimulatedBroker, kind: str
) -> None:
    order_id = resting(db, simulator)
    parameters: dict[str, Any] = {"status": 503} if kind == "status" else {}
    simulator.faults.add(kind, method="DELETE", **parameters)

    first, second = account.delete(f"/orders/{order_id}"), account.delete(f"/orders/{order_id}")

    assert (first.status_code, second.status_code) == (503, 202)


def test_an_order_of_unknown_outcome_is_not_canceled(account: Account, db: Database) -> None:
    order_id = approved(db)
    with db.transaction() as tx:
        tx.run(
            "UPDATE trade_orders SET status = 'submitting', reserved_at = :now, reserved_usd = 10",
            now=NOON,
        )

    reply = account.delete(f"/orders/{order_id}")

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (409, "outcome_pending")
    assert order_row(db, order_id)["status"] == "submitting"


@pytest.mark.parametrize("order_id", ["5a93946c-32de-4316-aef8-0171940227aa", "x", "%2F", "0" * 40])
def test_an_order_that_is_not_there_cannot_be_canceled_or_traced(
    account: Account, order_id: str
) -> None:
    assert account.delete(f"/orders/{order_id}").status_code == 404
    assert account.get(f"/orders/{order_id}/trace").status_code == 404


def test_questions_are_listed_with_their_answers(account: Account, db: Database) -> None:
    question_id = asked(db)
    before = account.get("/questions").get_json()["questions"]

    swipe(question_id, 10)
    after = account.get("/questions?limit=1").get_json()

    assert [(q["id"], q["status"], q["answer"]) for q in before] == [
        (str(question_id), "pending", None)
    ]
    (question,) = after["questions"]
    assert (question["status"], question["answer"]) == ("approve", "10")
    assert question["order_id"] == account.get("/orders").get_json()["orders"][0]["id"]
    assert question["text"].startswith("SPY is down 1.6%")
    assert account.get("/questions?status=pending").get_json()["questions"] == []


def test_a_question_that_time_has_closed_is_expired_before_it_is_swept(
    account: Account, db: Database, simulator: SimulatedBroker
) -> None:
    asked(db)
    simulator.clock.advance(timedelta(seconds=901))

    (question,) = account.get("/questions").get_json()["questions"]

    assert question["status"] == "expired"
    assert account.get("/status").get_json()["rules"][0]["pending_question_id"] is None


def test_another_user_of_the_same_config_has_his_own_lists(account: Account, db: Database) -> None:
    enroll(db, "twin")
    approved(db)

    (theirs,) = Account(account.key_file, "twin").get("/questions").get_json()["questions"]
    (mine,) = account.get("/questions").get_json()["questions"]

    assert theirs["id"] != mine["id"]
    assert (theirs["status"], mine["status"]) == ("pending", "approve")
    assert account.uid == USER
