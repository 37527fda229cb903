"""A fresh user with a symbol of their own, so that no scenario touches another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from string import ascii_uppercase
from typing import Any, Self
from uuid import UUID

from common.config import merge
from common.messages import QuestionCreated
from infra.local.driver import Driver, RunError
from infra.local.stack import Stack
from infra.postgres.database import Row, to_json
from infra.postgres.users import configs
from infra.simulator.broker import SimulatedBroker

PREVIOUS_CLOSE, PRICE = Decimal(100), Decimal(98)
RULE = "dip"
DIP: Mapping[str, Any] = {
    "type": "price_below_pct_of_ref",
    "ref_metric": "prev_close",
    "threshold_pct": "-1.5",
}
MINUTE = timedelta(minutes=1)


@dataclass
class Trader:
    """One user: what they say, are asked, answer and get."""

    stack: Stack
    symbol: str
    config: Mapping[str, Any]
    _read: int = field(default=0, init=False)

    @classmethod
    def enroll(cls, stack: Stack, number: int, config: Mapping[str, Any] | None = None) -> Self:
        """Make the user of this number known, with the usual config or one of their own."""
        symbol = symbol_of(number)
        trader = cls(stack, symbol, config or document(symbol, [rule(symbol, RULE)]))
        with stack.database.transaction() as tx:
            configs.enroll(tx, trader.uid, None, trader.config)
        return trader

    @property
    def uid(self) -> str:
        """The user's id."""
        return f"selftest-{self.symbol}"

    @property
    def drive(self) -> Driver:
        """The world around the functions."""
        return Driver(self.stack)

    @property
    def simulator(self) -> SimulatedBroker:
        """The broker."""
        return self.stack.simulator

    def price(self, last: Decimal, **more: Any) -> None:
        """Put a price on the tape that stands, and is always fresh, until the next."""
        self.simulator.market.set_price(self.symbol, last, live=True, **more)

    def change(self, **override: Any) -> None:
        """Say something else from now on."""
        self.config = merge(self.config, override)
        with self.stack.database.transaction() as tx:
            tx.run(
                "UPDATE user_trading_config SET config = CAST(:config AS jsonb)"
                " WHERE firebase_uid = :uid",
                config=to_json(self.config),
                uid=self.uid,
            )

    def leave(self) -> None:
        """Be asked nothing more."""
        with self.stack.database.transaction() as tx:
            tx.run(
                "UPDATE user_trading_config SET enabled = false WHERE firebase_uid = :uid",
                uid=self.uid,
            )

    def new_questions(self) -> list[QuestionCreated]:
        """Return the questions that reached the user's app since the last look."""
        received = [each for each in self.stack.app.questions if each.firebase_uid == self.uid]
        new, self._read = received[self._read :], len(received)
        return new

    def ask(self) -> QuestionCreated:
        """Tick, and return what the user is asked last."""
        return self.ask_all()[-1]

    def ask_all(self) -> list[QuestionCreated]:
        """Tick, and return what the user is asked, in the order of their rules."""
        self.drive.ingest()
        new = self.new_questions()
        if not new:
            raise RunError("no question was asked")
        order = [rule["id"] for rule in self.config["rules"]]
        return sorted(new, key=lambda question: order.index(question.rule_id))

    def say_yes(self, question: QuestionCreated) -> UUID:
        """Swipe +10, see it through, and return the order."""
        reply = self.drive.answer(question, Decimal(10))
        if reply["order_id"] is None:
            raise RunError(f"+10 was read as {reply['decision']}")
        return UUID(reply["order_id"])

    def trade(self, question: QuestionCreated | None = None) -> None:
        """Ask, unless asked before, say yes, and let the broker fill.

        A minute later the next tick is due.
        """
        order_id = self.say_yes(question or self.ask())
        self.drive.advance(MINUTE)
        self.drive.reconcile()
        if (order := self.order(order_id))["status"] != "filled":
            raise RunError(f"the first order was not filled: {order['status']}")

    def order(self, order_id: UUID) -> Row:
        """Read an order as it is stored."""
        with self.stack.database.transaction() as tx:
            return tx.rows("SELECT * FROM trade_orders WHERE id = :id", id=order_id)[0]

    def outcome(self, order_id: UUID) -> str:
        """Say what became of an order: by our records, the broker's, and what the user was told."""
        row = self.order(order_id)
        denied = row["status"] == "denied"
        outcome = f"denied {row['denial_code']}" if denied else str(row["status"])
        updates = [each for each in self.stack.app.updates if each.order_id == order_id]
        if denied and not (updates and updates[-1].denial_code == row["denial_code"]):
            outcome += ", the user was not told"
        if self.simulator.ledger.order_by_client_id(row["client_order_id"]) is not None:
            outcome += ", at the broker"
        return outcome


def live_through(stack: Stack, number: int, story: Callable[[Trader], str]) -> str:
    """Return what a fresh user saw in a story, or what went wrong in it."""
    trader = Trader.enroll(stack, number)
    trader.price(PRICE, prev_close=PREVIOUS_CLOSE)
    try:
        return story(trader)
    except RunError as error:
        return str(error)
    finally:
        trader.leave()


def symbol_of(number: int) -> str:
    """Return the symbol that the user of a number watches."""
    return "ST" + "".join(ascii_uppercase[n] for n in divmod(number, len(ascii_uppercase)))


def document(symbol: str, rules: list[dict[str, Any]], **watch: Any) -> dict[str, Any]:
    """Return the config of a user who watches one symbol, and may do whatever they like."""
    return {
        "version": 1,
        "enabled": True,
        "data_inputs": [
            {"id": "watch", "source": "alpaca", "asset_class": "us_equity", "symbols": [symbol]}
            | watch
        ],
        "rules": rules,
        "guardrails": {"max_orders_per_day": 10, "max_notional_usd_per_4h": 5000},
    }


def rule(
    symbol: str, rule_id: str, condition: Mapping[str, Any] = DIP, **changes: Any
) -> dict[str, Any]:
    """Return a rule that buys, and asks whenever its condition holds."""
    usual = {
        "id": rule_id,
        "symbol": symbol,
        "cooldown_seconds": 0,
        "question_template": "{{symbol}} trades at ${{price}}. Buy {{size}}?",
        "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
    }
    return usual | dict(condition) | changes
