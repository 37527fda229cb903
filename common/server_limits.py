"""What the operator allows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from common.market import StockFeed

_Watcher = TypeVar("_Watcher")

# Of these a user's guardrails have their own: the lower one counts.
USER_CAPS = ("max_orders_per_day", "max_notional_usd_per_4h")
# These stand above all users together.
SERVER_CAPS = (
    "max_server_orders_per_day",
    "max_server_notional_usd_per_day",
    "max_server_notional_usd_per_4h",
    "max_server_symbols",
)


@dataclass(frozen=True)
class ServerLimits:
    """The server's switches, and its ceilings (USD, orders, symbols); no config may say more.

    `max_evaluation_cost` counts facts looked at in one evaluation. `stock_feed` is that of inputs
    that name none.
    """

    trading_enabled: bool
    allow_live: bool
    broker_is_live: bool
    max_order_notional_usd: Decimal
    max_orders_per_day: int
    max_notional_usd_per_4h: Decimal
    max_stream_symbols: int
    allow_unasked_live: bool = False
    max_data_requests_per_minute: int = 50
    max_evaluation_cost: int = 100_000
    max_server_orders_per_day: int = 200
    max_server_notional_usd_per_day: Decimal = Decimal(100_000)
    max_server_notional_usd_per_4h: Decimal = Decimal(50_000)
    max_server_symbols: int = 2000
    stock_feed: StockFeed = "iex"


def within_cap(
    watchers: Iterable[_Watcher], symbols_of: Callable[[_Watcher], frozenset[str]], most: int
) -> tuple[list[_Watcher], list[tuple[_Watcher, int]]]:
    """Return those who together watch at most `most` symbols, and the others; the first come first.

    Each of the others comes with how many symbols it would have been.
    """
    symbols = frozenset[str]()
    kept, exceeding = list[_Watcher](), list[tuple[_Watcher, int]]()
    for each in watchers:
        together = symbols | symbols_of(each)
        if len(together) > most:
            exceeding.append((each, len(together)))
        else:
            symbols = together
            kept.append(each)
    return kept, exceeding
