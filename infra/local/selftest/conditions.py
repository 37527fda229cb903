"""What can come between a yes and the broker, and how it is taken away again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import ROUND_DOWN, Decimal
from typing import Any
from uuid import UUID

from infra.alpaca.http import AlpacaHttp
from infra.local.selftest.trader import Trader
from infra.workflows import kill_switch

WHO = "selftest"

Attempt = Callable[[Trader], UUID]
Condition = Callable[[Trader], Any]


def meanwhile(obstacle: Condition, undo: Condition | None = None, **before: Any) -> Attempt:
    """Return the story of a user who is asked, and says yes after the obstacle came.

    `before` is what they said before they were asked.
    """

    def attempt(trader: Trader) -> UUID:
        if before:
            trader.change(**before)
        question = trader.ask()
        try:
            obstacle(trader)
            return trader.say_yes(question)
        finally:
            if undo is not None:
                undo(trader)

    return attempt


def config(**override: Any) -> Condition:
    """Let the user change their mind."""
    return lambda trader: trader.change(**override)


def limits(**override: Any) -> Condition:
    """Let the user change their limits."""
    return config(guardrails=override)


def price(last: str, **more: Any) -> Condition:
    """Move the market."""
    return lambda trader: trader.price(Decimal(last), **more)


def fault(kind: str, **parameters: Any) -> Condition:
    """Let the broker's answers go wrong, until `no_faults`."""
    return lambda trader: trader.simulator.faults.add(kind, times=1000, **parameters)


def no_faults(trader: Trader) -> None:
    """Let the broker work again."""
    trader.simulator.faults.clear()


def others_reserve(usd: Decimal) -> Condition:
    """Let another user's order, canceled by now, have taken its part of what all may take."""

    def reserve(trader: Trader) -> None:
        now = trader.simulator.clock.now()
        with trader.stack.database.transaction() as tx:
            for statement in _RESERVE:
                tx.run(statement, uid=_OTHERS, usd=usd, now=now)

    return reserve


def others_leave(trader: Trader) -> None:
    """Forget that other user's order."""
    with trader.stack.database.transaction() as tx:
        for table in ("trade_orders", "opportunities"):
            tx.run(f"DELETE FROM {table} WHERE firebase_uid = :uid", uid=_OTHERS)


def halt(trader: Trader) -> None:
    """Turn the user's kill switch."""
    kill_switch.halt(trader.stack.database, trader.simulator.clock, trader.uid, "a test", WHO)


def resume(trader: Trader) -> None:
    """Turn it back."""
    kill_switch.resume(trader.stack.database, trader.simulator.clock, trader.uid, "tested", WHO)


def tradable(*, yes: bool) -> Condition:
    """Let the broker suspend the symbol, or not."""
    return lambda trader: trader.simulator.assets.put(trader.symbol, tradable=yes)


def account_blocked(*, yes: bool) -> Condition:
    """Let the broker block the account, or not."""

    def switch(trader: Trader) -> None:
        trader.simulator.switches.account_blocked = yes

    return switch


def account_currency(currency: str) -> Condition:
    """Let the broker keep the account in a currency."""

    def switch(trader: Trader) -> None:
        trader.simulator.switches.currency = currency

    return switch


def day_trades_made(trader: Trader) -> None:
    """Let the broker show a small account that has made its three day trades."""
    seen = {"equity": "20000", "buying_power": "40000", "non_marginable_buying_power": "20000"}
    body = {"status": "ACTIVE", "daytrade_count": 3, **seen}
    fault("status", status=200, path="/v2/account", body=body)(trader)


def spend_everything(attempt: Attempt) -> Attempt:
    """Tie up the account's buying power in an order that cannot fill, as long as that lasts."""

    def poor(trader: Trader) -> UUID:
        with _everything_tied_up(trader):
            return attempt(trader)

    return poor


@contextmanager
def _everything_tied_up(trader: Trader) -> Iterator[None]:
    broker = AlpacaHttp(
        trader.stack.broker_url, trader.simulator.key_id, trader.simulator.secret_key
    )
    power = Decimal(broker.get("/v2/account")["buying_power"]).quantize(Decimal(1), ROUND_DOWN)
    order: Mapping[str, str] = {
        "symbol": trader.symbol,
        "side": "buy",
        "type": "limit",
        "limit_price": "1",
        "qty": str(power),
        "time_in_force": "day",
    }
    placed = broker.post("/v2/orders", order)
    try:
        yield
    finally:
        broker.delete(f"/v2/orders/{placed['id']}")
        broker.close()


_OTHERS = "selftest-others"
_RESERVE = (
    "INSERT INTO users (firebase_uid) VALUES (:uid) ON CONFLICT DO NOTHING",
    """
    INSERT INTO opportunities (id, firebase_uid, rule_id, rule_type, symbol, price, as_of,
                               snapshot_ids, config_hash, fired_at)
    VALUES (gen_random_uuid(), :uid, 'others', 'schedule', 'SPY', 1, :now, '{}', '', :now)
    """,
    """
    INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, side, order_type,
                              notional_usd, status, rule_id, created_at, expires_at, updated_at,
                              opportunity_id, asset_class, time_in_force, reserved_usd,
                              reserved_at, config_hash, seen_price, max_price_drift_pct)
    SELECT gen_random_uuid(), :uid, 'others-' || id, 'SPY', 'buy', 'market', :usd, 'canceled',
           'others', :now, :now, :now, id, 'us_equity', 'day', :usd, :now, '', 1, 1
    FROM opportunities WHERE firebase_uid = :uid
    """,
)
