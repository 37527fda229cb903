"""The scenarios that are more than one obstacle before a yes."""

import base64
import time
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from common.holdings.drift import SETTLED_AFTER
from common.market import next_trading_day_start
from common.messages import OrderApproved, QuestionCreated
from common.orders.request_budget import DEFAULT_LIMIT
from common.orders.status import APPROVED
from common.questions import Answer, Decision
from infra.local.app_backend import send_answer
from infra.local.driver import RunError
from infra.local.selftest.conditions import (
    Attempt,
    Condition,
    day_trades_made,
    limits,
    no_faults,
)
from infra.local.selftest.trader import MINUTE, PRICE, RULE, Trader, rule
from infra.local.stack import WEBHOOK_SECRET
from infra.postgres.trading import confirmations, orders, request_budget

_YES = Decimal(10)
_TIMEOUT_SECONDS = 60
SALE = {"action": "propose_order", "side": "sell", "qty": 1, "notional_usd": None}


def forged(trader: Trader) -> UUID:
    """Store and announce an order whose question is still pending."""
    question = trader.ask()
    with trader.stack.database.transaction() as tx:
        question_state = confirmations.lock(tx, question.question_id)
        order_id = orders.approve(tx, _there(question_state), trader.simulator.clock.now())
    trader.drive.relay()
    return order_id


def late(trader: Trader) -> UUID:
    """Store a yes in time; announce its order when the question has expired."""
    trader.change(rules=[{"id": RULE, "question_ttl_seconds": 60}])
    question, now = trader.ask(), trader.simulator.clock.now()
    answer = Answer(
        question_id=question.question_id, firebase_uid=trader.uid, answer=_YES, answered_at=now
    )
    with trader.stack.database.transaction() as tx:
        question_state = confirmations.lock(tx, question.question_id)
        confirmations.decide(tx, answer, Decision.APPROVE, now)
        order_id = orders.approve(tx, _there(question_state), now)
    trader.simulator.clock.set(question.expires_at)
    trader.drive.advance(MINUTE)
    trader.drive.relay()
    return order_id


def dropped(trader: Trader) -> UUID:
    """Let the user drop the symbol after their yes, while the broker answers slowly.

    Any sooner, and the broker would not even be asked: other guards would miss its facts, too.
    """
    question = trader.ask()
    faults = trader.simulator.faults
    faults.add("slow", path="/v2/account", delay=0.5)
    order_id = _send_yes(trader, question)
    wait_until(lambda: faults.injected("slow") > 0, "the broker was not asked")
    trader.change(
        data_inputs=[{"id": "watch", "symbols": ["SPY"]}], rules=[{"id": RULE, "symbol": "SPY"}]
    )
    no_faults(trader)
    _settle(trader)
    return order_id


def blocked(trader: Trader) -> UUID:
    """Let the user block the symbol before they say yes."""
    question = trader.ask()
    trader.change(guardrails={"symbols_blocklist": [trader.symbol]})
    return trader.say_yes(question)


def sliver(trader: Trader) -> UUID:
    """Order a fraction of a share that is worth less than a dollar."""
    action = {"action": "propose_order", "side": "buy", "notional_usd": None, "qty": "0.005"}
    trader.change(rules=[{"id": RULE, "on_answer_match": action}])
    return trader.say_yes(trader.ask())


def day_trade(trader: Trader) -> UUID:
    """Buy, and sell on the same day, when the account may make no further day trade."""
    trader.trade()
    trader.change(rules=[{"id": RULE, "on_answer_match": {"side": "sell", "notional_usd": 5}}])
    question = trader.ask()
    day_trades_made(trader)
    try:
        return trader.say_yes(question)
    finally:
        no_faults(trader)


def second(limit: Condition) -> Attempt:
    """Return the story of two yeses under a limit that has room for one order."""

    def attempt(trader: Trader) -> UUID:
        limit(trader)
        trader.change(rules=[rule(trader.symbol, "again")])
        first, then = trader.ask_all()
        trader.trade(first)
        return trader.say_yes(then)

    return attempt


def losing(trader: Trader) -> UUID:
    """Let a position lose more than the user allows, and say yes to another order."""
    then, _ = _lose_after_more(trader)
    return trader.say_yes(then)


def recovering(trader: Trader) -> UUID:
    """Let the price recover after such a loss, and say yes once more on the same day."""
    then, later = _lose_after_more(trader)
    trader.say_yes(then)
    _see_breaker(trader)
    trader.price(PRICE)
    trader.drive.advance(MINUTE)
    trader.drive.ingest()
    return trader.say_yes(later)


def _lose_after_more(trader: Trader) -> list[QuestionCreated]:
    """Lose more than the user allows; return two more questions, asked before that.

    The tick that sees the loss asks nothing, or the breaker would trip without a yes.
    """
    further = [rule(trader.symbol, each, max_price_drift_pct=100) for each in ("again", "more")]
    trader.change(rules=further)
    others = lose(trader)
    silent = [{"id": each["id"], "threshold_pct": -50} for each in trader.config["rules"]]
    trader.change(rules=silent)
    trader.drive.ingest()
    return others


def lose(trader: Trader) -> list[QuestionCreated]:
    """Let $500 in a position lose 4 % where $10 a day are allowed; return what else was asked."""
    limits(daily_loss_limit_usd=10)(trader)
    action = {"action": "propose_order", "side": "buy", "notional_usd": 500}
    trader.change(rules=[{"id": RULE, "on_answer_match": action}])
    first, *others = trader.ask_all()
    trader.trade(first)
    trader.price(PRICE * Decimal("0.96"))
    return others


def unknown(trader: Trader) -> UUID:
    """Lose the broker's answer to one order; another waits for it until its yes has expired.

    The bus keeps a user's orders in line: the second overtakes as it may when a delivery is
    repeated, or once the first was given up.
    """
    trader.change(rules=[rule(trader.symbol, "again") | {"question_ttl_seconds": 30}])
    first, then = sorted(trader.ask_all(), key=lambda each: each.expires_at, reverse=True)
    try:
        lose_answer(trader, first)
        order_id = _send_yes(trader, then)
        _deliver(trader, order_id)
        if trader.order(order_id)["status"] == APPROVED:
            trader.drive.advance(MINUTE)
            trader.stack.call("reconcile_orders")
    finally:
        find_answer(trader)
    return order_id


def lose_answer(trader: Trader, question: QuestionCreated) -> None:
    """Say yes, and lose the broker's answer to the order, until `find_answer`."""
    trader.simulator.faults.add("status", status=503, method="POST", path="/v2/orders", times=1000)
    lost = _send_yes(trader, question)
    wait_until(lambda: bool(trader.order(lost)["outcome_unknown_at"]), "no answer was lost")


def find_answer(trader: Trader) -> None:
    """Let the broker answer again, and see it through."""
    no_faults(trader)
    _settle(trader)


def short(trader: Trader) -> UUID:
    """Say yes twice to the sale of the one share that is held."""
    trader.change(rules=[{"id": RULE, "on_answer_match": SALE | {"side": "buy"}}])
    trader.trade()
    again = rule(trader.symbol, "again", on_answer_match=SALE)
    trader.change(rules=[{"id": RULE, "on_answer_match": SALE}, again])
    first, then = trader.ask_all()
    trader.trade(first)
    return trader.say_yes(then)


def drifted(trader: Trader) -> UUID:
    """Lose half of a position in the broker's records, and say yes to a sale."""
    drift(trader)
    trader.change(rules=[{"id": RULE, "on_answer_match": SALE}])
    return trader.say_yes(trader.ask())


def drift(trader: Trader) -> None:
    """Buy two shares, and lose one of them in the broker's records."""
    buy = {"action": "propose_order", "side": "buy", "qty": 2, "notional_usd": None}
    trader.change(rules=[{"id": RULE, "on_answer_match": buy}])
    trader.trade()
    trader.drive.advance(SETTLED_AFTER + MINUTE)
    ledger, at = trader.simulator.ledger, trader.simulator.clock.now_ns()
    ledger.charge_coins(trader.symbol, Decimal(1), at)


def late_for_a_request(trader: Trader) -> UUID:
    """Spend what the broker allows in a minute, and say yes to what expires within it."""
    trader.change(rules=[{"id": RULE, "question_ttl_seconds": 30}])
    question = trader.ask()
    with trader.stack.database.transaction() as tx:
        request_budget.take(tx, DEFAULT_LIMIT, trader.simulator.clock.now())
    try:
        return trader.say_yes(question)
    finally:
        with trader.stack.database.transaction() as tx:
            tx.run("DELETE FROM request_budget")


def closing(trader: Trader) -> UUID:
    """Ask a minute before the close, and say yes a minute after it."""
    clock, calendar = trader.simulator.clock, trader.simulator.calendar
    clock.set(calendar.next_closing(clock.now()).close - MINUTE)
    question = trader.ask()
    trader.drive.advance(2 * MINUTE)
    return trader.say_yes(question)


def _see_breaker(trader: Trader) -> None:
    """Make sure that the breaker tripped, until the next trading day."""
    with trader.stack.database.transaction() as tx:
        row = tx.row(
            "SELECT state, set_by, until FROM trading_controls WHERE scope = :uid", uid=trader.uid
        )
    until = next_trading_day_start(trader.simulator.clock.now())
    if row != {"state": "reducing", "set_by": "breaker", "until": until}:
        raise RunError(f"the breaker did not trip until {until}: {row}")


def _send_yes(trader: Trader, question: QuestionCreated) -> UUID:
    """Swipe +10 and do not wait for what comes of it."""
    reply = send_answer(
        trader.stack.client,
        WEBHOOK_SECRET,
        str(question.question_id),
        trader.uid,
        _YES,
        trader.simulator.clock.now(),
    )
    if not reply.is_success:
        raise RunError(f"answer said {reply.status_code}: {reply.text[:300]}")
    return UUID(reply.json()["order_id"])


def _deliver(trader: Trader, order_id: UUID) -> None:
    """Deliver an order's approval past the bus; whether it is accepted, its row shows."""
    data = OrderApproved(order_id=order_id).model_dump_json().encode()
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": str(order_id),
        "publishTime": trader.simulator.clock.now().isoformat(),
    }
    envelope = {"message": message, "subscription": "projects/selftest/subscriptions/again"}
    trader.stack.client.post("/submit_order", json=envelope)


def _settle(trader: Trader) -> None:
    if not trader.stack.bus.drain(_TIMEOUT_SECONDS):
        raise RunError(f"messages were not delivered in {_TIMEOUT_SECONDS} s")


def wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait for a condition; raises RunError that says `otherwise` when it does not come true."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise RunError(otherwise)
        time.sleep(0.01)


def _there(question_state: confirmations.QuestionState | None) -> confirmations.QuestionState:
    if question_state is None:
        raise RunError("the question is not stored")
    return question_state
