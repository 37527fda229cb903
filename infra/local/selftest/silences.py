"""Who cannot trade is asked nothing: for each guardrail that needs no broker to say no."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from common.guardrails.facts import DenialCode
from infra.local.selftest import scenarios
from infra.local.selftest.conditions import (
    Condition,
    config,
    halt,
    limits,
    others_leave,
    others_reserve,
    resume,
)
from infra.local.selftest.result import Result
from infra.local.selftest.scenarios import wait_until
from infra.local.selftest.trader import MINUTE, RULE, Trader, live_through
from infra.local.stack import Stack
from infra.postgres.database import Row


@dataclass(frozen=True)
class Silence:
    """What keeps a user from being asked: in words, how it comes about, and how it ends."""

    code: DenialCode
    tried: str
    obstacle: Condition
    undo: Condition | None = None


def action(**changes: Any) -> Condition:
    """Let the user's rule propose something else."""
    return config(rules=[{"id": RULE, "on_answer_match": changes}])


def block(trader: Trader) -> None:
    """Let the user block the symbol."""
    limits(symbols_blocklist=[trader.symbol])(trader)


def drift(trader: Trader) -> None:
    """Let a reconciliation see that the broker's records differ."""
    scenarios.drift(trader)
    trader.drive.reconcile()


def use_up_the_day(trader: Trader) -> None:
    """Let the user place the one order that they allow a day."""
    limits(max_orders_per_day=1)(trader)
    trader.trade()


def lose_answer(trader: Trader) -> None:
    """Lose the broker's answer to an order; a minute later the next tick is due."""
    scenarios.lose_answer(trader, trader.ask())
    trader.drive.advance(MINUTE)


SILENCES: tuple[Silence, ...] = (
    Silence(DenialCode.TRADING_HALTED, "the operator has halted the user", halt, resume),
    Silence(
        DenialCode.LIVE_NOT_ALLOWED,
        "the user's mode is live, the server's key is missing",
        config(mode="live"),
    ),
    Silence(DenialCode.SYMBOL_BLOCKED, "the symbol is on the user's blocklist", block),
    Silence(
        DenialCode.NOT_HELD,
        "the rule would sell a share, the user holds none",
        action(**scenarios.SALE),
    ),
    Silence(
        DenialCode.POSITION_DRIFT,
        "half of what the user bought is gone from the broker's records",
        drift,
    ),
    Silence(
        DenialCode.MAX_ORDER_NOTIONAL,
        "the rule would buy for $1000.01; the server's ceiling is $1000",
        action(notional_usd="1000.01"),
    ),
    Silence(
        DenialCode.MAX_POSITION_NOTIONAL,
        "the rule would buy for $10; the user allows positions of $9.99",
        limits(max_position_usd="9.99"),
    ),
    Silence(
        DenialCode.DAILY_LOSS_LIMIT,
        "$500 in the position have lost 4 %, the user allows $10 a day",
        scenarios.lose,
    ),
    Silence(
        DenialCode.MAX_ORDERS_PER_DAY,
        "the one order that the user allows a day is placed",
        use_up_the_day,
    ),
    Silence(
        DenialCode.MAX_NOTIONAL_PER_WINDOW,
        "the rule would buy for $10; the user allows $9.99 in four hours",
        limits(max_notional_usd_per_4h="9.99"),
    ),
    Silence(
        DenialCode.OUTCOME_PENDING,
        "the broker's answer to the user's last order is lost",
        lose_answer,
        scenarios.find_answer,
    ),
    Silence(
        DenialCode.SERVER_CAP_REACHED,
        "all users together have reserved what the server allows in four hours",
        others_reserve(Decimal(50_000)),
        others_leave,
    ),
)


def listen(stack: Stack, number: int, silence: Silence) -> Result:
    """Bring a fresh user there, tick, and see whether they are asked, or why not."""
    seen = live_through(stack, number, lambda trader: _tick(trader, silence))
    code = silence.code.value
    return Result("silence", code, silence.tried, f"not asked: {code}", seen)


def listen_all(stack: Stack, first_number: int) -> Iterator[Result]:
    """See for each of them that nobody is asked."""
    for number, silence in enumerate(SILENCES, first_number):
        yield listen(stack, number, silence)


def _tick(trader: Trader, silence: Silence) -> str:
    """Tick once the obstacle stands; messages may still be on their way then."""
    try:
        silence.obstacle(trader)
        trader.stack.call("ingest")
        wait_until(lambda: bool(_status(trader)), "the rule was not evaluated")
    finally:
        if silence.undo is not None:
            silence.undo(trader)
    (status,) = _status(trader)
    return "asked" if status["asked"] else f"not asked: {', '.join(status['held_back'])}"


def _status(trader: Trader) -> list[Row]:
    """Read what came of the evaluation at this instant, one row once it is there."""
    with trader.stack.database.transaction() as tx:
        return tx.rows(
            """
            SELECT s.asked, s.held_back FROM rule_status s
            JOIN user_trading_config c USING (config_key)
            WHERE c.firebase_uid = :uid AND s.rule_id = :rule_id AND s.evaluated_at >= :now
            """,
            uid=trader.uid,
            rule_id=RULE,
            now=trader.simulator.clock.now(),
        )
