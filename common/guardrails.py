"""What stands between an approved order and the broker: one tuple of small checks.

Each check takes the order and the facts and returns a `Denied`, or None to let it pass. A fact that
is missing denies (design section 3.7).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common.config import TradingConfig
from common.market import Quote, is_fresh
from common.orders import Order
from common.questions import Confirmation, Decision

NOTIONAL_WINDOW = timedelta(hours=4)


class Code(StrEnum):
    """Stable names of the denials; users and dashboards rely on them."""

    TRADING_DISABLED = "TRADING_DISABLED"
    LIVE_NOT_ALLOWED = "LIVE_NOT_ALLOWED"
    QUESTION_NOT_APPROVED = "QUESTION_NOT_APPROVED"
    QUESTION_EXPIRED = "QUESTION_EXPIRED"
    SYMBOL_NOT_WATCHED = "SYMBOL_NOT_WATCHED"
    SYMBOL_BLOCKED = "SYMBOL_BLOCKED"
    PRICE_STALE = "PRICE_STALE"
    PRICE_DRIFT = "PRICE_DRIFT"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    MAX_ORDER_NOTIONAL = "MAX_ORDER_NOTIONAL"
    MAX_ORDERS_PER_DAY = "MAX_ORDERS_PER_DAY"
    MAX_NOTIONAL_PER_WINDOW = "MAX_NOTIONAL_PER_WINDOW"


@dataclass(frozen=True)
class Denied:
    """A guardrail said no: its code, and the numbers that made it so."""

    code: Code
    context: Mapping[str, object]

    @property
    def reason(self) -> str:
        """The context as `key=value` pairs."""
        return " ".join(f"{key}={value}" for key, value in self.context.items())


@dataclass(frozen=True)
class Server:
    """What the operator allows: switches, and ceilings (USD) that no config can raise."""

    trading_enabled: bool
    allow_live: bool
    broker_is_live: bool
    max_order_notional_usd: Decimal
    max_orders_per_day: int
    max_notional_usd_per_4h: Decimal


@dataclass(frozen=True)
class Facts:
    """Everything that the checks may look at.

    `orders_today` and `notional_in_window` count what is reserved already, without this order; they
    are read under the lock of the user's row.
    """

    now: datetime
    server: Server
    config: TradingConfig | None
    confirmation: Confirmation | None
    quote: Quote | None
    orders_today: int
    notional_in_window: Decimal


Check = Callable[[Order, Facts], Denied | None]


def trading_is_enabled(order: Order, facts: Facts) -> Denied | None:
    """The operator's and the user's own switch."""
    if not facts.server.trading_enabled:
        return Denied(Code.TRADING_DISABLED, {"by": "server"})
    if facts.config is None or not facts.config.enabled:
        return Denied(Code.TRADING_DISABLED, {"by": "user"})
    return None


def live_takes_two_keys(order: Order, facts: Facts) -> Denied | None:
    """Live money needs the server's key and the user's; a mismatch of the two goes nowhere."""
    wants_live = facts.config is not None and facts.config.mode == "live"
    both_keys = not wants_live or facts.server.allow_live
    if wants_live != facts.server.broker_is_live or not both_keys:
        return Denied(
            Code.LIVE_NOT_ALLOWED,
            {"user_live": wants_live, "broker_live": facts.server.broker_is_live},
        )
    return None


def question_is_approved(order: Order, facts: Facts) -> Denied | None:
    """No order leaves without its owner's countersignature."""
    if facts.confirmation is None or facts.confirmation.decision is not Decision.APPROVE:
        status = facts.confirmation.status if facts.confirmation else "missing"
        return Denied(Code.QUESTION_NOT_APPROVED, {"status": status})
    return None


def question_has_not_expired(order: Order, facts: Facts) -> Denied | None:
    """The yes counts as long as the question stands, for answering and for acting on it."""
    expires_at = facts.confirmation.expires_at if facts.confirmation else None
    if expires_at is None or facts.now > expires_at:
        return Denied(Code.QUESTION_EXPIRED, {"expires_at": expires_at, "now": facts.now})
    return None


def symbol_is_watched(order: Order, facts: Facts) -> Denied | None:
    """What the user no longer watches, he no longer trades."""
    if facts.config is None or order.symbol not in facts.config.symbols:
        return Denied(Code.SYMBOL_NOT_WATCHED, {"symbol": order.symbol})
    return None


def symbol_is_not_blocked(order: Order, facts: Facts) -> Denied | None:
    """The user's blocklist stands above his rules."""
    if facts.config is None or order.symbol in facts.config.guardrails.symbols_blocklist:
        return Denied(Code.SYMBOL_BLOCKED, {"symbol": order.symbol})
    return None


def price_is_fresh(order: Order, facts: Facts) -> Denied | None:
    """A quote with both sides, young enough for the user's config."""
    quote = facts.quote
    if facts.config is None or quote is None or quote.mid is None:
        return Denied(Code.PRICE_STALE, {"symbol": order.symbol, "quote": "none or one-sided"})
    if not is_fresh(quote.as_of, facts.now, facts.config.max_staleness):
        return Denied(Code.PRICE_STALE, {"as_of": quote.as_of, "now": facts.now})
    return None


def spread_is_narrow(order: Order, facts: Facts) -> Denied | None:
    """A wide market fills far from the price that was shown."""
    quote = facts.quote
    if facts.config is None or quote is None or quote.mid is None:
        return Denied(Code.SPREAD_TOO_WIDE, {"symbol": order.symbol, "quote": "none or one-sided"})
    spread_pct = 100 * (quote.ask - quote.bid) / quote.mid
    if spread_pct > facts.config.max_spread_pct:
        limit = facts.config.max_spread_pct
        return Denied(Code.SPREAD_TOO_WIDE, {"spread_pct": f"{spread_pct:.4f}", "limit": limit})
    return None


def price_has_not_drifted(order: Order, facts: Facts) -> Denied | None:
    """The yes was to the price that was shown."""
    if facts.quote is None or facts.quote.mid is None:
        return Denied(Code.PRICE_DRIFT, {"symbol": order.symbol, "quote": "none or one-sided"})
    drift_pct = 100 * abs(facts.quote.mid / order.seen_price - 1)
    if drift_pct > order.max_price_drift_pct:
        return Denied(
            Code.PRICE_DRIFT,
            {
                "seen": order.seen_price,
                "now": facts.quote.mid,
                "drift_pct": f"{drift_pct:.4f}",
                "limit": order.max_price_drift_pct,
            },
        )
    return None


def order_is_small_enough(order: Order, facts: Facts) -> Denied | None:
    """The server's ceiling on one order."""
    limit = facts.server.max_order_notional_usd
    if order.notional_usd > limit:
        return Denied(Code.MAX_ORDER_NOTIONAL, {"notional": order.notional_usd, "limit": limit})
    return None


def day_has_a_slot(order: Order, facts: Facts) -> Denied | None:
    """Orders per trading day (New York): the user's limit or the server's, whichever is lower."""
    user_limit = facts.config.guardrails.max_orders_per_day if facts.config else 0
    limit = min(user_limit, facts.server.max_orders_per_day)
    if facts.orders_today >= limit:
        return Denied(Code.MAX_ORDERS_PER_DAY, {"used": facts.orders_today, "limit": limit})
    return None


def window_has_room(order: Order, facts: Facts) -> Denied | None:
    """Notional in the rolling four hours: the user's limit or the server's, whichever is lower."""
    user_limit = facts.config.guardrails.max_notional_usd_per_4h if facts.config else Decimal(0)
    limit = min(user_limit, facts.server.max_notional_usd_per_4h)
    if facts.notional_in_window + order.notional_usd > limit:
        return Denied(
            Code.MAX_NOTIONAL_PER_WINDOW,
            {"used": facts.notional_in_window, "notional": order.notional_usd, "limit": limit},
        )
    return None


CHECKS: tuple[Check, ...] = (
    trading_is_enabled,
    live_takes_two_keys,
    question_is_approved,
    question_has_not_expired,
    symbol_is_watched,
    symbol_is_not_blocked,
    price_is_fresh,
    spread_is_narrow,
    price_has_not_drifted,
    order_is_small_enough,
    day_has_a_slot,
    window_has_room,
)


def deny(order: Order, facts: Facts, checks: tuple[Check, ...] = CHECKS) -> Denied | None:
    """Return the first denial, or None when every check lets the order pass."""
    return next((denied for check in checks if (denied := check(order, facts))), None)
