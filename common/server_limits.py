"""What the operator allows."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class ServerLimits:
    """The server's switches, and its ceilings (USD, orders, symbols); no config may say more."""

    trading_enabled: bool
    allow_live: bool
    broker_is_live: bool
    max_order_notional_usd: Decimal
    max_orders_per_day: int
    max_notional_usd_per_4h: Decimal
    max_stream_symbols: int
    allow_unasked_live: bool = False
