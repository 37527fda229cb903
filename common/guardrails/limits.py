"""How much: the user's limits, the server's ceilings above them, and what the account can bear."""

from decimal import Decimal

from common.guardrails.facts import DenialCode, Denied, Facts
from common.orders.order import Order


def account_is_not_blocked(order: Order, facts: Facts) -> Denied | None:
    """The broker lets the account trade; coins only where it has activated them."""
    account = facts.broker.account
    if account is None or account.blocked:
        return Denied(DenialCode.ACCOUNT_BLOCKED, {"known": account is not None})
    if order.asset_class == "crypto" and not account.crypto_active:
        return Denied(DenialCode.ACCOUNT_BLOCKED, {"crypto_active": False})
    return None


def day_trades_are_left(order: Order, facts: Facts) -> Denied | None:
    """A small margin account makes three day trades in five days, where the broker counts them."""
    account = facts.broker.account
    left = account.day_trades_left if account else None
    if order.asset_class == "crypto" or left is None or left > 0:
        return None
    if facts.exposure.opposite_filled_today and not facts.increases_position(order):
        return Denied(DenialCode.DAY_TRADE_LIMIT, {"symbol": order.symbol, "left": left})
    return None


def order_is_small_enough(order: Order, facts: Facts) -> Denied | None:
    """The server's ceiling on one order."""
    cost, limit = facts.cost_of(order), facts.server.max_order_notional_usd
    if cost is None or cost > limit:
        return Denied(DenialCode.MAX_ORDER_NOTIONAL, {"notional": cost, "limit": limit})
    return None


def position_stays_small_enough(order: Order, facts: Facts) -> Denied | None:
    """The user's limit on one position, where they set one; reducing is always allowed."""
    limit = facts.config.guardrails.max_position_usd if facts.config else None
    if limit is None or not facts.increases_position(order):
        return None
    mid = facts.broker.quote.mid if facts.broker.quote else None
    cost, position = facts.cost_of(order), facts.exposure.position
    if mid is None or cost is None:
        return Denied(DenialCode.MAX_POSITION_NOTIONAL, {"position": None, "limit": limit})
    after = (abs(position.qty) * mid if position else Decimal(0)) + cost
    if after > limit:
        return Denied(DenialCode.MAX_POSITION_NOTIONAL, {"after": f"{after:.2f}", "limit": limit})
    return None


def account_can_pay(order: Order, facts: Facts) -> Denied | None:
    """What increases a position must be covered by the account's buying power.

    Coins, and stocks that cannot be bought on margin, are paid with the account's own money.
    """
    if not facts.increases_position(order):
        return None
    account, asset, cost = facts.broker.account, facts.broker.asset, facts.cost_of(order)
    on_margin = order.asset_class != "crypto" and (asset is None or asset.marginable)
    power = None
    if account is not None:
        power = account.buying_power if on_margin else account.cash_buying_power
    if cost is None or power is None or cost > power:
        return Denied(DenialCode.INSUFFICIENT_BUYING_POWER, {"cost": cost, "buying_power": power})
    return None


def day_has_not_lost_too_much(order: Order, facts: Facts) -> Denied | None:
    """The user's daily-loss breaker, where they set one; reducing is always allowed."""
    limit = facts.limits.daily_loss_limit_usd if facts.limits else None
    if limit is None or not facts.increases_position(order):
        return None
    pnl = facts.exposure.day_pnl
    if pnl is None or -pnl >= limit:
        return Denied(DenialCode.DAILY_LOSS_LIMIT, {"day_pnl": pnl, "limit": limit})
    return None


def day_has_a_slot(order: Order, facts: Facts) -> Denied | None:
    """Orders per trading day (New York): the user's limit or the server's, whichever is lower."""
    limit = facts.limits.max_orders_per_day if facts.limits else 0
    used = facts.exposure.orders_today
    if used >= limit:
        return Denied(DenialCode.MAX_ORDERS_PER_DAY, {"used": used, "limit": limit})
    return None


def window_has_room(order: Order, facts: Facts) -> Denied | None:
    """Notional in the rolling four hours: the user's limit or the server's, whichever is lower."""
    limit = facts.limits.max_notional_usd_per_4h if facts.limits else Decimal(0)
    used, cost = facts.exposure.notional_in_window, facts.cost_of(order)
    if cost is None or used + cost > limit:
        return Denied(
            DenialCode.MAX_NOTIONAL_PER_WINDOW, {"used": used, "notional": cost, "limit": limit}
        )
    return None


def no_outcome_is_pending(order: Order, facts: Facts) -> Denied | None:
    """While nobody knows what became of an earlier order, no further one leaves."""
    pending = facts.exposure.outcome_pending
    return Denied(DenialCode.OUTCOME_PENDING, {"order": pending}) if pending else None


def server_has_room(order: Order, facts: Facts) -> Denied | None:
    """The server's caps over all users: orders and notional per day, notional in four hours."""
    used, most, cost = facts.exposure.all_users, facts.server, facts.cost_of(order)
    if used is None or cost is None:
        return Denied(DenialCode.SERVER_CAP_REACHED, {"used": used, "notional": cost})
    caps: tuple[tuple[str, Decimal | int, Decimal | int], ...] = (
        ("orders_per_day", used.orders_today + 1, most.max_server_orders_per_day),
        (
            "notional_per_day",
            used.notional_today + cost,
            most.max_server_notional_usd_per_day,
        ),
        (
            "notional_per_4h",
            used.notional_in_window + cost,
            most.max_server_notional_usd_per_4h,
        ),
    )
    for cap, after, limit in caps:
        if after > limit:
            context = {"cap": cap, "after": after, "limit": limit}
            return Denied(DenialCode.SERVER_CAP_REACHED, context)
    return None
