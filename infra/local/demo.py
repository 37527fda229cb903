"""`countersign demo`: the quiet morning. One order's whole way through the real functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from common.market import NEW_YORK
from common.snapshot.catalog import DASH
from infra.local import report
from infra.local.app_backend import AppBackend
from infra.local.driver import Driver, RunError
from infra.local.narrator import Narrator
from infra.local.report import Check, Report
from infra.local.stack import Stack, User, local_stack
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock

MORNING = datetime(2026, 2, 10, 10, 0, tzinfo=NEW_YORK)
USER = "demo-user"
QUESTION = "SPY is down 1.6% vs yesterday. Swipe +10 to approve a small buy, -10 to skip."


def quiet_morning(
    folder: Path, narrator: Narrator, at_end: Callable[[], object] = lambda: None
) -> Report:
    """SPY closed at 500 and trades at 492: ask, buy $10 after a yes, and report the day.

    `at_end` is called when everything has happened and the stack still runs.
    """
    with (
        SimulatedBroker(SimulatedClock(MORNING)) as simulator,
        local_stack(folder, simulator, AppBackend(), [User(USER)], keep=False) as stack,
    ):
        narrator.step("Console", f"{stack.console_url} (while this runs)")
        narrator.step(
            "Start", "Postgres, broker simulator, bus, functions and dashboard, all on this machine"
        )
        found = Morning(stack, Driver(stack), narrator).run()
        at_end()
        return found


@dataclass(frozen=True)
class Morning:
    """The scenario, step by step."""

    stack: Stack
    driver: Driver
    narrator: Narrator

    def run(self) -> Report:
        """Walk one order's way and check every station of it."""
        self.open_lower()
        self.tick()
        asked = self.read_question()
        decided = self.swipe()
        self.fill()
        self.driver.advance(timedelta(minutes=1))
        self.tick()
        asked_again = len(self.stack.app.questions) - 1
        self.narrator.step("Quiet", f"the rule has just fired: {asked_again} new questions")
        self.recover()
        self.push()
        checks = [
            Check("question delivered", QUESTION, asked),
            Check("decision of +10", "approve", decided),
            Check("questions at the next tick", 0, asked_again),
            *self.checks(),
            *report.common_checks(self.stack),
        ]
        return report.read(self.stack, checks)

    def open_lower(self) -> None:
        """Put prices on the simulator's tape."""
        self.narrator.step("Market", "SPY closed at $500.00 yesterday and trades at $492.00 now")
        for symbol, last, previous in (("SPY", 492, 500), ("AAPL", 228, 227), ("MSFT", 410, 409)):
            self.stack.simulator.market.set_price(symbol, last, prev_close=previous, live=True)

    def tick(self) -> None:
        """Do what Cloud Scheduler and Pub/Sub do each minute."""
        reply = self.driver.ingest()
        at = self.stack.simulator.clock.now().astimezone(NEW_YORK)
        self.narrator.step(
            "Ingest",
            f"{at:%H:%M} New York: {reply['facts']} market facts in, {reply['stored']} of them new",
        )

    def read_question(self) -> str:
        """Read what reached the app."""
        if not self.stack.app.questions:
            raise RunError("the rule fired no question; see functions.log")
        question = self.stack.app.questions[0]
        self.narrator.step(
            "Rule", f"{question.rule_id} fired: {question.symbol} {question.pct:.1f}%"
        )
        self.narrator.step("Question", f"{question.question_text}")
        return question.question_text

    def swipe(self) -> str:
        """Say yes, as the app backend's signed webhook."""
        reply = self.driver.answer(self.stack.app.questions[0], Decimal(10))
        self.narrator.step("Answer", f"+10, signature verified: {reply['decision']}")
        update = self.stack.app.updates[-1] if self.stack.app.updates else None
        if update is not None:
            why = f": {update.denial_code} {update.reason}" if update.denial_code else ""
            self.narrator.step("Guardrails", "all passed" if not why else f"denied{why}")
            self.narrator.step(
                "Order",
                f"{update.side} ${update.notional_usd} {update.symbol} at market: {update.status}",
            )
        return str(reply["decision"])

    def fill(self) -> None:
        """Let the broker fill, and learn of it."""
        self.driver.advance(timedelta(seconds=5))
        self.driver.reconcile()
        update = self.stack.app.updates[-1]
        self.narrator.step(
            "Fill", f"{update.status}: {update.filled_qty} SPY at ${update.filled_avg_price}"
        )

    def recover(self) -> None:
        """Let the price rise, so that there is something to report."""
        self.driver.advance(timedelta(minutes=1))
        self.stack.simulator.market.set_price("SPY", 499, live=True)
        self.narrator.step("Market", "SPY recovers to $499.00")
        self.tick()

    def push(self) -> None:
        """Push the day's KPIs."""
        reply = self.driver.push_snapshot()
        self.narrator.step(
            "Snapshot", f"{reply['date']}: {reply['body_bytes']} bytes, {reply['status']}"
        )
        known = {name: value for name, value in self._kpis().items() if value != DASH}
        self.narrator.step("KPIs", ", ".join(f"{name} {value}" for name, value in known.items()))

    def checks(self) -> list[Check]:
        """Compare order, trade and KPIs with what this morning must lead to."""
        order, trade = self._order_and_trade()
        kpis = self._kpis()
        return [
            Check("order", "buy $10 SPY: filled", order),
            Check("trade opened", "long, at $492.01", trade),
            *(Check(f"KPI {name}", value, kpis.get(name)) for name, value in EXPECTED_KPIS.items()),
        ]

    def _kpis(self) -> Mapping[str, str]:
        """Read what the dashboard stored."""
        day = self.stack.dashboard.day(str(MORNING.date()))
        return day.kpis if day else {}

    def _order_and_trade(self) -> tuple[str, str]:
        with self.stack.database.transaction() as tx:
            order = tx.row("SELECT side, symbol, notional_usd, status FROM trade_orders")
            trade = tx.row("SELECT qty, avg_entry_price FROM trades")
        return _order_line(order), _trade_line(trade)


EXPECTED_KPIS: Mapping[str, str] = {
    "Opportunities flagged": "1",
    "Notifications sent": "1",
    "Entries opened": "1",
    "Exits closed": "0",
    "Daily PnL": "$0.14",
    "Portfolio": "1",
}


def _order_line(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "none"
    return f"{row['side']} ${row['notional_usd']} {row['symbol']}: {row['status']}"


def _trade_line(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "none"
    return f"{'long' if row['qty'] > 0 else 'short'}, at ${row['avg_entry_price']}"
