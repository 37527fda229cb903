"""What a yes means: one follow-up to an unclear answer, withdrawal, orders as they were shown."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from common.messages import QuestionCreated
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, enroll, function, rows
from tests.functions.steps import (
    approved,
    asked,
    messages,
    order_row,
    submit,
    swipe,
    tick,
)
from tests.functions.test_asked_what_can_be_done import apply_action, halt
from tests.functions.test_rule_status import rule

pytestmark = pytest.mark.usefixtures("environment")


def follow_up(reply: TestResponse) -> UUID:
    assert reply.status_code == 200, reply.text
    return UUID(reply.get_json()["follow_up_question_id"])


def questions(db: Database) -> list[QuestionCreated]:
    return [QuestionCreated.from_document(each) for each in messages(db, "questions-created")]


def refusal(reply: TestResponse) -> tuple[int, str]:
    return reply.status_code, reply.get_json()["error"]["code"]


def everything(db: Database) -> list[Any]:
    """All that an answer could have changed."""
    tables = ("questions", "confirmations", "trade_orders", "outbox")
    return [rows(db, f"SELECT * FROM {table} ORDER BY 1") for table in tables]  # noqa: S608


def reconcile() -> dict[str, Any]:
    reply = function("reconcile_orders").post("/")
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.get_json()
    return body


def say(db: Database, uid: str = USER, **override: Any) -> None:
    """Change what a user says."""
    with db.transaction() as tx:
        tx.run("DELETE FROM user_trading_config WHERE firebase_uid = :uid", uid=uid)
    enroll(db, uid, **override)


def disable(db: Database, uid: str) -> None:
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false WHERE firebase_uid = :uid", uid=uid)


@pytest.mark.usefixtures("user")
class TestFollowUp:
    def test_an_unclear_answer_asks_the_same_once_more(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        question_id = asked(db)
        simulator.clock.advance(timedelta(minutes=5))

        again = follow_up(swipe(question_id, 2))

        first, second = questions(db)
        assert (first.follow_up_of, second.follow_up_of) == (None, question_id)
        assert (second.question_id, second.firebase_uid) == (again, USER)
        assert first.question_text in second.question_text
        shown = ("price", "snapshot_ids", "config_hash", "notional_usd", "max_price_drift_pct")
        assert [getattr(first, n) for n in shown] == [getattr(second, n) for n in shown]
        assert second.expires_at - first.expires_at == timedelta(minutes=5)

    def test_a_yes_to_it_is_exactly_one_order(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        again = follow_up(swipe(asked(db), 0))

        replies = [swipe(again, value).get_json() for value in (10, 10, 7)]
        submit(UUID(replies[0]["order_id"]))

        assert {reply["order_id"] for reply in replies} == {replies[0]["order_id"]}
        assert messages(db, "orders-approved") == [{"order_id": replies[0]["order_id"]}]
        (at_broker,) = simulator.ledger.orders()
        assert at_broker.client_order_id.startswith(f"cs-{again}-")

    def test_a_second_unclear_answer_asks_nothing_more_and_orders_nothing(
        self, db: Database
    ) -> None:
        again = follow_up(swipe(asked(db), 0))

        reply = swipe(again, 1)

        assert reply.get_json()["decision"] == "ambiguous"
        assert reply.get_json()["follow_up_question_id"] is None
        assert len(questions(db)) == 2
        assert rows(db, "SELECT 1 FROM trade_orders") == []

    @pytest.mark.parametrize("obstacle", [halt, disable])
    def test_what_could_only_be_denied_is_not_asked_again(
        self, db: Database, obstacle: Callable[[Database, str], None]
    ) -> None:
        question_id = asked(db)
        obstacle(db, USER)

        reply = swipe(question_id, 0).get_json()

        assert (reply["decision"], reply["follow_up_question_id"]) == ("ambiguous", None)
        assert len(questions(db)) == 1

    def test_what_was_shown_before_a_corporate_action_is_not_asked_again(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        question_id = asked(db)
        apply_action(db, simulator)
        simulator.clock.advance(timedelta(seconds=2))

        assert swipe(question_id, 0).get_json()["follow_up_question_id"] is None

    def test_repeats_get_the_same_reply_and_change_nothing(self, db: Database) -> None:
        question_id = asked(db)
        first = swipe(question_id, 0)
        again = swipe(follow_up(first), -1)
        before = everything(db)

        repeats = [swipe(question_id, 3), swipe(follow_up(first), 3)]

        assert [each.get_json() for each in repeats] == [first.get_json(), again.get_json()]
        assert everything(db) == before

    @pytest.mark.parametrize(("first", "then"), [(10, -10), (10, 0), (-10, 10), (0, 10)])
    def test_a_contradiction_to_it_is_refused_and_changes_nothing(
        self, db: Database, first: int, then: int
    ) -> None:
        again = follow_up(swipe(asked(db), 0))
        swipe(again, first)
        before = everything(db)

        reply = swipe(again, then)

        assert refusal(reply) == (409, "contradiction")
        assert everything(db) == before

    def test_the_first_question_can_no_longer_be_approved(self, db: Database) -> None:
        question_id = asked(db)
        swipe(question_id, 0)
        before = everything(db)

        reply = swipe(question_id, 10)

        assert refusal(reply) == (409, "contradiction")
        assert everything(db) == before

    def test_unclear_answers_at_once_ask_one_follow_up(self, db: Database) -> None:
        question_id = asked(db)
        barrier, replies = threading.Barrier(4), []

        def race() -> None:
            barrier.wait()
            replies.append(follow_up(swipe(question_id, 0)))

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(set(replies)) == 1
        assert [each.follow_up_of for each in questions(db)] == [None, question_id]

    def test_it_expires_by_itself(self, db: Database, simulator: SimulatedBroker) -> None:
        again = follow_up(swipe(asked(db), 0))
        simulator.clock.advance(timedelta(seconds=901))

        assert refusal(swipe(again, 10)) == (410, "expired")
        assert reconcile()["expired_questions"] == 1
        assert refusal(swipe(again, 10)) == (410, "expired")

    def test_another_user_cannot_answer_it(self, db: Database) -> None:
        enroll(db, "intruder")
        again = follow_up(swipe(asked(db), 0))

        assert refusal(swipe(again, 10, "intruder")) == (403, "wrong_user")

    def test_a_late_yes_is_still_to_the_price_that_was_shown_first(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        again = follow_up(swipe(asked(db), 0))
        simulator.market.set_price("SPY", 486, live=True)

        order_id = UUID(swipe(again, 10).get_json()["order_id"])
        submit(order_id)

        assert order_row(db, order_id)["denial_code"] == "PRICE_DRIFT"
        assert simulator.ledger.orders() == []

    def test_while_it_is_pending_the_rule_asks_nothing_else(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        say(db, rules=[{"id": "dip_confirm", "cooldown_seconds": 0}])
        swipe(asked(db), 0)
        simulator.clock.advance(timedelta(minutes=1))

        tick()

        assert len(questions(db)) == 2


def user_off(db: Database) -> None:
    with db.transaction() as tx:
        tx.run("UPDATE user_trading_config SET enabled = false WHERE firebase_uid = :u", u=USER)


def config_off(db: Database) -> None:
    say(db, enabled=False)


def rule_off(db: Database) -> None:
    say(db, rules=[{"id": "dip_confirm", "enabled": False}])


OFF = pytest.mark.parametrize("switch_off", [user_off, config_off, rule_off])


@pytest.mark.usefixtures("user")
class TestWithdrawal:
    @OFF
    def test_a_question_goes_with_its_rule_or_user(self, db: Database, switch_off: Any) -> None:
        question_id = asked(db)
        switch_off(db)

        replies = [reconcile(), reconcile()]

        assert [each["withdrawn_questions"] for each in replies] == [1, 0]
        assert refusal(swipe(question_id, 10)) == (410, "withdrawn")
        assert rows(db, "SELECT 1 FROM trade_orders") == []

    @OFF
    def test_so_does_a_follow_up(self, db: Database, switch_off: Any) -> None:
        again = follow_up(swipe(asked(db), 0))
        switch_off(db)

        reply = reconcile()

        assert reply["withdrawn_questions"] == 1
        assert refusal(swipe(again, 10)) == (410, "withdrawn")

    @OFF
    def test_the_questions_of_others_stay(self, db: Database, switch_off: Any) -> None:
        enroll(db, "user-2")
        asked(db)
        switch_off(db)

        reconcile()

        status = rows(db, "SELECT firebase_uid, status FROM confirmations ORDER BY 1")
        assert [each["status"] for each in status] == ["withdrawn", "pending"]

    def test_a_change_of_something_else_withdraws_nothing(self, db: Database) -> None:
        question_id = asked(db)
        say(db, guardrails={"max_orders_per_day": 2})

        reply = reconcile()

        assert reply["withdrawn_questions"] == 0
        assert swipe(question_id, 10).status_code == 200

    def test_a_decision_is_not_withdrawn_and_can_be_repeated(self, db: Database) -> None:
        question_id = asked(db)
        first = swipe(question_id, -10)
        user_off(db)

        reply = reconcile()

        assert reply["withdrawn_questions"] == 0
        assert swipe(question_id, -10).get_json() == first.get_json()

    @OFF
    def test_it_takes_effect_before_anyone_reconciles(
        self, db: Database, simulator: SimulatedBroker, switch_off: Any
    ) -> None:
        question_id = asked(db)
        switch_off(db)

        order_id = UUID(swipe(question_id, 10).get_json()["order_id"])
        submit(order_id)

        assert order_row(db, order_id)["denial_code"] == "TRADING_DISABLED"
        assert simulator.ledger.orders() == []

    def test_another_rule_that_is_switched_off_stops_nothing(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        say(db, rules=[rule("second")])
        tick()
        (first,) = rows(db, "SELECT question_id FROM confirmations WHERE rule_id = 'dip_confirm'")
        say(db, rules=[rule("second") | {"enabled": False}])

        submit(UUID(swipe(first["question_id"], 10).get_json()["order_id"]))

        assert len(simulator.ledger.orders()) == 1


def enroll_with(db: Database, action: dict[str, Any], **rule: Any) -> None:
    """A user whose one rule leads to this action; their limits are out of the way."""
    enroll(
        db,
        USER,
        rules=[{"id": "dip_confirm", "on_answer_match": action} | rule],
        guardrails={"max_notional_usd_per_4h": 5000},
    )


def without_notional(**action: Any) -> dict[str, Any]:
    return {"action": "propose_order", "notional_usd": None} | action


def hold_one(db: Database, simulator: SimulatedBroker) -> None:
    """Let the user buy a share, and be without a config again."""
    enroll_with(db, without_notional(side="buy", qty=1), cooldown_seconds=60)
    submit(approved(db))
    simulator.clock.advance(timedelta(minutes=2))
    assert function("reconcile_orders").post("/").status_code == 200
    with db.transaction() as tx:
        tx.run("DELETE FROM user_trading_config WHERE firebase_uid = :uid", uid=USER)


class TestOrdersAreAsShown:
    def test_an_order_by_quantity(self, db: Database, simulator: SimulatedBroker) -> None:
        enroll_with(db, without_notional(side="buy", qty=2))

        order_id = approved(db)
        submit(order_id)

        (at_broker,) = simulator.ledger.orders()
        assert (at_broker.qty, at_broker.notional) == (Decimal(2), None)
        row = order_row(db, order_id)
        assert (row["qty"], row["notional_usd"]) == (Decimal(2), None)
        assert row["reserved_usd"] == Decimal("984.02")  # at the ask, 492.01

    @pytest.mark.parametrize(
        ("side", "offset", "limit"),
        [("buy", "0.1", "492.50"), ("buy", "-0.1", "491.51"), ("sell", "0.1", "491.50")],
    )
    def test_a_limit_is_taken_from_the_quote_and_kept(
        self, db: Database, simulator: SimulatedBroker, side: str, offset: str, limit: str
    ) -> None:
        if side == "sell":
            hold_one(db, simulator)
        action = without_notional(side=side, qty=1, order_type="limit", limit_offset_pct=offset)
        enroll_with(db, action, cooldown_seconds=60)

        order_id = approved(db)
        submit(order_id)

        *_, at_broker = simulator.ledger.orders()
        assert (at_broker.type, at_broker.limit_price) == ("limit", Decimal(limit))
        assert order_row(db, order_id)["limit_price"] == Decimal(limit)

    def test_a_limit_order_is_sent_again_with_the_same_limit(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        action = without_notional(side="buy", qty=1, order_type="limit", limit_offset_pct="0.1")
        enroll_with(db, action)
        order_id = approved(db)
        simulator.faults.add("status", status=503, method="POST", path="/v2/orders")
        lost = submit(order_id)
        before = order_row(db, order_id)
        simulator.market.set_price("SPY", 494, live=True)

        submit(order_id)

        assert (lost.status_code, before["status"]) == (500, "submitting")
        (at_broker,) = simulator.ledger.orders()
        assert at_broker.limit_price == before["limit_price"] == Decimal("492.50")
        after = order_row(db, order_id)
        assert (after["limit_price"], after["reserved_usd"]) == (
            before["limit_price"],
            before["reserved_usd"],
        )


EXIT = {
    "id": "exit",
    "type": "position_gain_pct",
    "symbol": "SPY",
    "threshold_pct": 1,
    "question_template": "{{symbol}} is {{gain}} % ahead of {{entry}}. Sell {{qty}}?",
    "on_answer_match": {"action": "close_position"},
}


class TestClosingAPosition:
    def test_a_yes_sells_exactly_what_is_held(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        held = self.hold(db, simulator)

        order_id = approved(db)
        submit(order_id)
        simulator.clock.advance(timedelta(seconds=5))
        reconcile()

        row = order_row(db, order_id)
        assert (row["side"], row["qty"], row["status"]) == ("sell", held, "filled")
        assert simulator.ledger.positions() == []
        (trade,) = rows(db, "SELECT qty, closed_at, realized_pnl FROM trades")
        assert (trade["qty"], trade["closed_at"] is not None) == (0, True)
        assert trade["realized_pnl"] > 0

    def test_the_question_says_what_a_yes_will_do(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        held = self.hold(db, simulator)

        asked(db)

        question = questions(db)[-1]
        assert (question.rule_id, question.side, question.qty) == ("exit", "sell", held)
        assert question.question_text == f"SPY is 1.4 % ahead of 492.01. Sell {held.normalize()}?"

    def test_who_holds_nothing_is_not_asked(self, db: Database, simulator: SimulatedBroker) -> None:
        self.hold(db, simulator)
        enroll(db, "user-2", rules=[EXIT])

        tick()

        asked_of = {each.firebase_uid for each in questions(db) if each.rule_id == "exit"}
        assert asked_of == {USER}

    def hold(self, db: Database, simulator: SimulatedBroker) -> Decimal:
        """Buy $10 at 492.01, and let the price rise to 499."""
        enroll(db, USER, rules=[EXIT])
        submit(approved(db))
        simulator.clock.advance(timedelta(minutes=1))
        reconcile()
        simulator.market.set_price("SPY", 499, live=True)
        (held,) = simulator.ledger.positions()
        return held.qty
