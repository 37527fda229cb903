"""What stands between an approved order and the broker: one tuple of small checks.

Each takes the order and the facts, and returns a `Denied`, or None to let the order pass.
"""

from collections.abc import Callable

from common.guardrails import consent, holdings, limits, market
from common.guardrails.facts import Denied, Facts
from common.orders.order import Order

Guardrail = Callable[[Order, Facts], Denied | None]

GUARDRAILS: tuple[Guardrail, ...] = (
    consent.trading_is_enabled,
    consent.trading_is_not_halted,
    consent.live_takes_two_keys,
    consent.question_is_approved,
    consent.question_has_not_expired,
    consent.symbol_is_watched,
    consent.symbol_is_not_blocked,
    market.money_is_usd,
    market.market_is_open,
    market.asset_is_tradable,
    limits.account_is_not_blocked,
    holdings.position_has_not_drifted,
    holdings.enough_is_held,
    limits.day_trades_are_left,
    market.quote_is_not_crossed,
    market.price_is_fresh,
    market.spread_is_narrow,
    market.broker_takes_the_order,
    market.price_is_not_split,
    market.price_has_not_drifted,
    limits.order_is_small_enough,
    limits.position_stays_small_enough,
    limits.account_can_pay,
    limits.day_has_not_lost_too_much,
    limits.day_has_a_slot,
    limits.window_has_room,
    limits.no_outcome_is_pending,
    limits.server_has_room,
)


def deny(order: Order, facts: Facts, checks: tuple[Guardrail, ...] = GUARDRAILS) -> Denied | None:
    """Return the first denial, or None when every check lets the order pass."""
    return next((denied for check in checks if (denied := check(order, facts))), None)
