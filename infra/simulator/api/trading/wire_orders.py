"""The JSON shapes of orders and executions (docs/broker.md, States and fills): numbers as text."""

from datetime import UTC
from decimal import Decimal
from typing import Any

from infra.simulator.decimals import cut, money
from infra.simulator.ledger.orders import Fill, Order
from infra.simulator.market.assets import asset_id
from infra.simulator.market.symbols import asset_class
from infra.simulator.market.timestamps import NEW_YORK, rfc3339, to_datetime

_PRICE = Decimal("1e-9")


def order(order: Order) -> dict[str, Any]:
    """Return the Order object with its 36 keys."""
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": rfc3339(order.created_at),
        "updated_at": rfc3339(order.updated_at),
        "submitted_at": rfc3339(order.submitted_at),
        "filled_at": _time(order.filled_at),
        "expired_at": _time(order.expired_at),
        "expires_at": rfc3339(order.expires_at),
        "canceled_at": _time(order.canceled_at),
        "failed_at": _time(order.failed_at),
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": asset_id(order.symbol),
        "symbol": order.symbol,
        "asset_class": asset_class(order.symbol),
        "notional": _money(order.notional),
        "qty": _money(order.qty),
        "filled_qty": money(order.filled_qty),
        "filled_avg_price": _average(order),
        "order_class": "",
        "order_type": order.type,
        "type": order.type,
        "side": order.side,
        "position_intent": order.position_intent,
        "time_in_force": order.time_in_force,
        "limit_price": _money(order.limit_price),
        "stop_price": None,
        "status": str(order.status),
        "extended_hours": order.extended_hours,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
    }


def activity(fill: Fill) -> dict[str, Any]:
    """Return a FILL activity; its id begins with New York local time, its time is UTC."""
    moment = to_datetime(fill.at)
    return {
        "activity_type": "FILL",
        "id": activity_id(fill),
        "order_id": fill.order_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "qty": money(fill.qty),
        "cum_qty": money(fill.cum_qty),
        "leaves_qty": money(fill.leaves_qty),
        "price": money(fill.price),
        "transaction_time": moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "partial_fill" if fill.leaves_qty else "fill",
        "order_status": str(fill.order_status),
    }


def activity_id(fill: Fill) -> str:
    """Return the id that also serves as page token."""
    local = to_datetime(fill.at).astimezone(NEW_YORK)
    return f"{local:%Y%m%d%H%M%S}{local.microsecond // 1000:03}::{fill.id}"


def _time(instant: int | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money(amount)


def _average(order: Order) -> str | None:
    price = order.filled_avg_price
    return None if price is None else money(cut(price, _PRICE))
