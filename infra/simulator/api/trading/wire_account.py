"""The JSON shapes of the account and its positions: numbers as strings."""

from datetime import date
from decimal import Decimal
from typing import Any

from infra.simulator.decimals import cut, money
from infra.simulator.execution.valuation import AccountValues
from infra.simulator.faults.switches import Switches
from infra.simulator.ledger.positions import Position
from infra.simulator.market.assets import Asset
from infra.simulator.market.symbols import asset_class, held_as
from infra.simulator.market.tape import View
from infra.simulator.market.timestamps import NEW_YORK, new_york_midnight, to_datetime

_PRICE = Decimal("1e-9")
_MICRO_DOLLAR = Decimal("1e-6")
_FRACTION = Decimal("1e-16")
# Before every instant that a recording or a test may begin at.
_CREATED = "2012-01-03T14:30:00.123456Z"


def position(
    position: Position, available: Decimal, view: View | None, asset: Asset, today: date
) -> dict[str, Any]:
    """Return the Position object; `qty_available` is what no open order has taken.

    The intraday figures count from yesterday's close, or from the entry when it was today.
    """
    price = view.trade.price if view else position.avg_entry_price
    yesterday = (last_close(view, today) if view else None) or price
    values = cut(position.qty * price, _MICRO_DOLLAR)
    opened_today = to_datetime(position.opened_at).astimezone(NEW_YORK).date() == today
    base = position.cost_basis if opened_today else cut(position.qty * yesterday, _MICRO_DOLLAR)
    return {
        "asset_id": asset.id,
        "symbol": held_as(position.symbol),
        "exchange": asset.exchange,
        "asset_class": asset_class(position.symbol),
        "asset_marginable": asset.marginable,
        "qty": money(position.qty),
        "qty_available": money(available),
        "avg_entry_price": money(cut(position.avg_entry_price, _PRICE)),
        "side": "long" if position.qty > 0 else "short",
        "market_value": money(values),
        "cost_basis": money(position.cost_basis),
        "unrealized_pl": money(values - position.cost_basis),
        "unrealized_plpc": _ratio(values - position.cost_basis, abs(position.cost_basis)),
        "unrealized_intraday_pl": money(values - base),
        "unrealized_intraday_plpc": _ratio(values - base, abs(base)),
        "current_price": money(price),
        "lastday_price": money(yesterday),
        "change_today": _ratio(price - yesterday, yesterday),
    }


def last_close(view: View, today: date) -> Decimal | None:
    """Return the close of the last session before today, as far as the market knows it."""
    running = view.daily and view.daily.at >= new_york_midnight(today)
    bar = view.previous_daily if running else view.daily
    return bar.close if bar else None


def account(values: AccountValues, switches: Switches, day_trades: int) -> dict[str, Any]:
    """Return the Account object.

    The pattern-day-trader fields, removed in July 2026, stand in it only while the rule is on.
    """
    counted = {"pattern_day_trader": False, "daytrade_count": day_trades}
    power = money(values.buying_power)
    free_cash = money(values.non_marginable_buying_power)
    return (counted if switches.day_trade_rule else {}) | {
        "id": values.account.id,
        "account_number": "PA" + values.account.id.replace("-", "")[:10].upper(),
        "status": "ACTIVE",
        "crypto_status": switches.crypto_status,
        "crypto_tier": 1,
        "currency": switches.currency,
        "options_approved_level": 3,
        "options_trading_level": 3,
        "buying_power": power,
        "regt_buying_power": money(values.regt_buying_power),
        "effective_buying_power": power,
        "non_marginable_buying_power": free_cash,
        "options_buying_power": free_cash,
        "cash": money(values.account.cash),
        "accrued_fees": "0",
        "portfolio_value": money(values.equity),
        "equity": money(values.equity),
        "last_equity": money(values.account.last_equity),
        "long_market_value": money(values.long_value),
        "short_market_value": money(values.short_value),
        "position_market_value": money(values.exposure),
        "initial_margin": money(values.initial_margin),
        "maintenance_margin": money(values.maintenance_margin),
        "last_maintenance_margin": "0",
        "sma": money(values.equity),
        "multiplier": str(switches.multiplier),
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
        "shorting_enabled": True,
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": switches.account_blocked,
        "trade_suspended_by_user": False,
        "created_at": _CREATED,
        "balance_asof": values.account.balance_asof,
        "admin_configurations": {},
        "user_configurations": None,
    }


def _ratio(part: Decimal, whole: Decimal) -> str:
    return money(cut(part / whole, _FRACTION)) if whole else "0"
