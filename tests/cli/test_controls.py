"""The kill switch and the daily-loss breaker: what they stop, what they leave, what they record."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from common.errors import PermanentError
from common.guardrails.facts import Control
from common.market import NEW_YORK
from common.messages import TradeUpdate
from infra.cli import main
from infra.postgres.database import Database
from infra.postgres.trading import controls
from infra.simulator.broker import SimulatedBroker
from infra.workflows import kill_switch
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.steps import approved, messages, order_row, submit, swipe, tick
from tests.functions.test_rule_status import rule, status

pytestmark = pytest.mark.usefixtures("environment")

OTHER = "user-2"
TOMORROW = datetime(2026, 2, 11, tzinfo=NEW_YORK)


def yes(db: Database, rule_id: str = "dip_confirm", uid: str = USER) -> UUID:
    """Tick, say yes to what the rule asks, submit, and return the order."""
    tick()
    (pending,) = rows(
        db,
        "SELECT question_id FROM confirmations"
        " WHERE status = 'pending' AND firebase_uid = :uid AND rule_id = :rule_id",
        uid=uid,
        rule_id=rule_id,
    )
    reply = swipe(pending["question_id"], 10, uid)
    assert reply.status_code == 200, reply.text
    order_id = UUID(reply.get_json()["order_id"])
    assert submit(order_id).status_code == 200
    return order_id


def code(db: Database, order_id: UUID) -> str | None:
    found: str | None = order_row(db, order_id)["denial_code"]
    return found


def reconcile() -> None:
    assert function("reconcile_orders").post("/").status_code == 200


def countersign(*arguments: str) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def against(db: Database, uid: str, at: datetime) -> tuple[Control, ...]:
    with db.transaction() as tx:
        return controls.active_controls(tx, uid, at)


@pytest.fixture
def two_users(db: Database) -> None:
    for uid in (USER, OTHER):
        enroll(db, uid, rules=[{"id": "dip_confirm", "cooldown_seconds": 0}])


@pytest.mark.usefixtures("two_users")
class TestKillSwitch:
    @pytest.mark.parametrize(
        ("halted", "codes"),
        [(USER, ["TRADING_HALTED", None]), (None, ["TRADING_HALTED", "TRADING_HALTED"])],
    )
    def test_it_stops_whom_it_names(
        self, db: Database, simulator: SimulatedBroker, halted: str | None, codes: list[str | None]
    ) -> None:
        orders = [approved(db, uid) for uid in (USER, OTHER)]
        kill_switch.halt(db, simulator.clock, halted, "odd fills", "ops")

        for order_id in orders:
            submit(order_id)

        assert [code(db, order_id) for order_id in orders] == codes
        assert len(simulator.ledger.orders()) == codes.count(None)

    @pytest.mark.parametrize(("halted", "asked"), [(USER, [OTHER]), (None, [])])
    def test_whom_it_names_is_asked_nothing(
        self, db: Database, simulator: SimulatedBroker, halted: str | None, asked: list[str]
    ) -> None:
        kill_switch.halt(db, simulator.clock, halted, "odd fills", "ops")

        tick()

        found = rows(db, "SELECT firebase_uid FROM confirmations")
        assert [row["firebase_uid"] for row in found] == asked
        assert status(db)["held_back"] == {"TRADING_HALTED": 2 - len(asked)}

    def test_the_user_reads_why(self, db: Database, simulator: SimulatedBroker) -> None:
        order_id = approved(db)
        kill_switch.halt(db, simulator.clock, USER, "odd fills", "ops")

        submit(order_id)

        update = TradeUpdate.from_document(messages(db, "trade-updates")[-1])
        assert (update.order_id, update.denial_code) == (order_id, "TRADING_HALTED")
        assert update.reason == "state=halted why=odd fills"

    def test_it_stops_what_was_approved_before(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        order_id = approved(db)
        kill_switch.halt(db, simulator.clock, None, "odd fills", "ops")

        submit(order_id)

        assert code(db, order_id) == "TRADING_HALTED"
        assert simulator.ledger.orders() == []

    def test_resume_lets_orders_through_again(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        kill_switch.halt(db, simulator.clock, USER, "odd fills", "ops")
        kill_switch.resume(db, simulator.clock, USER, "explained", "ops")

        order_id = yes(db)

        assert code(db, order_id) is None
        assert len(simulator.ledger.orders()) == 1

    def test_everybodys_resume_leaves_a_users_own_halt(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        order_id = approved(db)
        kill_switch.halt(db, simulator.clock, USER, "their wish", "support")
        kill_switch.halt(db, simulator.clock, None, "odd fills", "ops")
        kill_switch.resume(db, simulator.clock, None, "explained", "ops")

        submit(order_id)

        assert code(db, order_id) == "TRADING_HALTED"

    def test_every_turn_is_written_down(self, db: Database, simulator: SimulatedBroker) -> None:
        kill_switch.halt(db, simulator.clock, USER, "odd fills", "ops")
        simulator.clock.advance(timedelta(minutes=3))
        kill_switch.resume(db, simulator.clock, USER, "explained", "support")

        turns = rows(
            db,
            "SELECT scope, state, reason, set_by, set_at FROM trading_control_changes ORDER BY id",
        )
        assert [tuple(turn.values()) for turn in turns] == [
            (USER, "halted", "odd fills", "ops", NOON),
            (USER, "active", "explained", "support", NOON + timedelta(minutes=3)),
        ]
        (now,) = rows(db, "SELECT scope, state, reason, set_by FROM trading_controls")
        assert tuple(now.values()) == (USER, "active", "explained", "support")

    def test_from_the_command_line(self, db: Database) -> None:
        order_id = approved(db)
        outputs = [countersign("halt", "--user", USER, "--why", "odd fills")]
        submit(order_id)
        halted = code(db, order_id)
        outputs.append(countersign("resume", "--user", USER, "--why", "explained"))

        assert outputs == [f"halted: {USER}\n", f"resumed: {USER}\n"]
        assert halted == "TRADING_HALTED"
        turns = rows(db, "SELECT state, set_by FROM trading_control_changes ORDER BY id")
        assert [turn["state"] for turn in turns] == ["halted", "active"]
        assert all(turn["set_by"].endswith("by countersign") for turn in turns)

    @pytest.mark.parametrize("command", ["halt", "resume"])
    @pytest.mark.parametrize("user", ["nobdoy", "", "*"])
    def test_there_must_be_such_a_user(self, db: Database, command: str, user: str) -> None:
        done = CliRunner().invoke(main, [command, "--user", user, "--why", "odd fills"])

        assert isinstance(done.exception, PermanentError)
        assert str(done.exception) == f"there is no user {user}"
        assert rows(db, "SELECT 1 FROM trading_controls") == []

    def test_a_switch_that_stands_can_be_turned_back_when_its_user_is_gone(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        with db.transaction() as tx:
            tx.run("INSERT INTO trading_users (firebase_uid) VALUES ('leaving')")
        kill_switch.halt(db, simulator.clock, "leaving", "odd fills", "ops")
        with db.transaction() as tx:
            tx.run("DELETE FROM users WHERE firebase_uid = 'leaving'")

        assert countersign("resume", "--user", "leaving", "--why", "gone") == "resumed: leaving\n"

    @pytest.mark.parametrize("command", ["halt", "resume"])
    def test_a_reason_must_be_given(self, db: Database, command: str) -> None:
        done = CliRunner().invoke(main, [command])

        assert (done.exit_code, "--why" in done.output) == (2, True)
        assert rows(db, "SELECT 1 FROM trading_controls") == []


@pytest.mark.usefixtures("two_users")
class TestCancelOpen:
    @pytest.mark.parametrize(
        ("named", "status"),
        [((), ["canceled", "canceled"]), (("--user", USER), ["canceled", "pending_new"])],
    )
    def test_open_orders_are_cancelled_of_whom_it_names(
        self, db: Database, simulator: SimulatedBroker, named: tuple[str, ...], status: list[str]
    ) -> None:
        simulator.switches.fill_delay_seconds = 3600
        orders = [yes(db, uid=uid) for uid in (USER, OTHER)]

        output = countersign("halt", *named, "--why", "odd fills", "--cancel-open")
        reconcile()

        assert f"cancel {status.count('canceled')} open orders" in output
        assert [order_row(db, order_id)["status"] for order_id in orders] == status

    def test_without_it_open_orders_stay(self, db: Database, simulator: SimulatedBroker) -> None:
        simulator.switches.fill_delay_seconds = 3600
        order_id = yes(db)

        countersign("halt", "--why", "odd fills")
        reconcile()

        assert order_row(db, order_id)["status"] == "pending_new"

    def test_what_was_filled_meanwhile_is_named(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        order_id = yes(db)
        simulator.clock.advance(timedelta(seconds=5))

        output = countersign("halt", "--why", "odd fills", "--cancel-open")

        assert f"not cancelled: {order_id}: " in output
        assert len(rows(db, "SELECT 1 FROM trading_controls WHERE state = 'halted'")) == 1


LIMITS = {
    "max_orders_per_day": 10,
    "max_notional_usd_per_4h": 5000,
    "daily_loss_limit_usd": 10,
}
ENTER: dict[str, Any] = {
    "id": "dip_confirm",
    "cooldown_seconds": 0,
    "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 500},
}
LEAVE: dict[str, Any] = {
    "id": "leave",
    "type": "position_loss_pct",
    "symbol": "SPY",
    "threshold_pct": 2,
    "cooldown_seconds": 0,
    "question_template": "{{symbol}} lost {{loss}} %. Sell?",
    "on_answer_match": {"action": "close_position"},
}


class TestDailyLossBreaker:
    def test_it_trips_by_itself_and_nothing_is_asked(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        self.lose(db, simulator)

        tick()

        assert status(db)["held_back"] == {"DAILY_LOSS_LIMIT": 1}
        (turn,) = rows(db, "SELECT scope, state, set_by, until FROM trading_control_changes")
        assert tuple(turn.values()) == (USER, "reducing", "breaker", TOMORROW)

    def test_an_order_trips_it_too_and_says_so(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        self.lose(db, simulator, rule("again", max_price_drift_pct=100))
        (pending,) = rows(db, "SELECT question_id FROM confirmations WHERE status = 'pending'")
        order_id = UUID(swipe(pending["question_id"], 10).get_json()["order_id"])
        assert function("ingest").post("/").status_code == 200

        submit(order_id)

        assert code(db, order_id) == "DAILY_LOSS_LIMIT"
        update = TradeUpdate.from_document(messages(db, "trade-updates")[-1])
        assert (update.denial_code, "limit=10" in (update.reason or "")) == (
            "DAILY_LOSS_LIMIT",
            True,
        )
        (turn,) = rows(db, "SELECT scope, state, set_by, until FROM trading_control_changes")
        assert tuple(turn.values()) == (USER, "reducing", "breaker", TOMORROW)

    def test_it_stays_for_the_day_whatever_the_price_does(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        self.lose(db, simulator)
        tick()
        simulator.market.set_price("SPY", 492, live=True)

        reasons = []
        for _ in range(2):
            simulator.clock.advance(timedelta(hours=1))
            tick()
            reasons.append(status(db)["held_back"])

        assert reasons == [{"TRADING_HALTED": 1}] * 2
        assert len(simulator.ledger.orders()) == 1

    def test_positions_may_still_shrink(self, db: Database, simulator: SimulatedBroker) -> None:
        self.lose(db, simulator)
        tick()
        simulator.clock.advance(timedelta(minutes=1))

        order_id = yes(db, "leave")
        simulator.clock.advance(timedelta(seconds=5))
        reconcile()

        row = order_row(db, order_id)
        assert (row["side"], row["denial_code"], row["status"]) == ("sell", None, "filled")
        assert simulator.ledger.positions() == []

    def test_it_resumes_the_next_trading_day(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        self.lose(db, simulator)
        tick()
        simulator.market.set_price("SPY", 492, live=True)
        simulator.clock.advance(timedelta(days=1))
        simulator.market.set_price("SPY", 484, live=True)

        order_id = yes(db)

        assert code(db, order_id) is None
        assert len(simulator.ledger.orders()) == 2

    def test_the_day_ends_at_midnight_in_new_york(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        self.lose(db, simulator)
        tick()

        (control,) = against(db, USER, TOMORROW - timedelta(seconds=1))
        assert control.state == "reducing"
        assert against(db, USER, TOMORROW) == ()

    def test_nobody_else_is_stopped(self, db: Database, simulator: SimulatedBroker) -> None:
        self.lose(db, simulator)
        tick()
        enroll(db, OTHER, rules=[ENTER], guardrails=LIMITS)
        simulator.clock.advance(timedelta(minutes=1))

        assert code(db, yes(db, uid=OTHER)) is None

    def test_a_loss_below_the_limit_stops_nothing(
        self, db: Database, simulator: SimulatedBroker
    ) -> None:
        self.lose(db, simulator, to=Decimal(483))

        assert code(db, yes(db)) is None
        assert rows(db, "SELECT 1 FROM trading_controls") == []

    def lose(
        self,
        db: Database,
        simulator: SimulatedBroker,
        *more: dict[str, Any],
        to: Decimal = Decimal(481),
    ) -> None:
        """Buy for $500 at 492.01; at 481 that lost $11, at 483 $9."""
        enroll(db, USER, rules=[ENTER, LEAVE, *more], guardrails=LIMITS)
        yes(db)
        simulator.clock.advance(timedelta(minutes=1))
        reconcile()
        simulator.market.set_price("SPY", to, live=True)
