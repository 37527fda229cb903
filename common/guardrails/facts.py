"""What guardrails judge by, and what they say.

A fact that is None is unknown, and every check that needs it denies.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from common.config import Guardrails, TradingConfig
from common.holdings.drift import Drift
from common.holdings.positions import Holding
from common.market import USD, Quote
from common.orders.asset import Asset
from common.orders.order import Order
from common.questions import Confirmation
from common.rules.base import Position
from common.server_limits import ServerLimits

NOTIONAL_WINDOW = timedelta(hours=4)

TradingState = Literal["active", "reducing", "halted"]


class DenialCode(StrEnum):
    """Stable names of the denials; users and dashboards rely on them."""

    TRADING_DISABLED = "TRADING_DISABLED"
    TRADING_HALTED = "TRADING_HALTED"
    LIVE_NOT_ALLOWED = "LIVE_NOT_ALLOWED"
    QUESTION_NOT_APPROVED = "QUESTION_NOT_APPROVED"
    QUESTION_EXPIRED = "QUESTION_EXPIRED"
    SYMBOL_NOT_WATCHED = "SYMBOL_NOT_WATCHED"
    SYMBOL_BLOCKED = "SYMBOL_BLOCKED"
    MARKET_CLOSED = "MARKET_CLOSED"
    ASSET_NOT_TRADABLE = "ASSET_NOT_TRADABLE"
    ACCOUNT_BLOCKED = "ACCOUNT_BLOCKED"
    QUOTE_CROSSED = "QUOTE_CROSSED"
    PRICE_STALE = "PRICE_STALE"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    PRICE_DRIFT = "PRICE_DRIFT"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    MAX_ORDER_NOTIONAL = "MAX_ORDER_NOTIONAL"
    MAX_POSITION_NOTIONAL = "MAX_POSITION_NOTIONAL"
    INSUFFICIENT_BUYING_POWER = "INSUFFICIENT_BUYING_POWER"
    CURRENCY_NOT_SUPPORTED = "CURRENCY_NOT_SUPPORTED"
    ORDER_NOT_ACCEPTED_BY_BROKER = "ORDER_NOT_ACCEPTED_BY_BROKER"
    DAY_TRADE_LIMIT = "DAY_TRADE_LIMIT"
    DAILY_LOSS_LIMIT = "DAILY_LOSS_LIMIT"
    MAX_ORDERS_PER_DAY = "MAX_ORDERS_PER_DAY"
    MAX_NOTIONAL_PER_WINDOW = "MAX_NOTIONAL_PER_WINDOW"
    OUTCOME_PENDING = "OUTCOME_PENDING"
    POSITION_DRIFT = "POSITION_DRIFT"
    NOT_HELD = "NOT_HELD"
    REQUEST_LIMIT = "REQUEST_LIMIT"
    SERVER_CAP_REACHED = "SERVER_CAP_REACHED"


@dataclass(frozen=True)
class Denied:
    """A guardrail denied the order: its code, and the numbers that made it so."""

    code: DenialCode
    context: Mapping[str, object]

    @property
    def reason(self) -> str:
        """The context as `key=value` pairs."""
        return " ".join(f"{key}={value}" for key, value in self.context.items())


@dataclass(frozen=True)
class Account:
    """The account as the broker reports it; money in the account's `currency`.

    `buying_power` pays for what can be bought on margin, `cash_buying_power` for everything else;
    `crypto_active` is whether coins may be traded. `day_trades_left` is None where no limit
    applies: the broker enforces none, or the account is large enough.
    """

    blocked: bool
    buying_power: Decimal | None
    cash_buying_power: Decimal | None = None
    crypto_active: bool = False
    currency: str = USD
    day_trades_left: int | None = None


@dataclass(frozen=True)
class BrokerFacts:
    """What the broker was asked before, with no transaction open; prices in USD.

    `previous_close` is the last session's, from the same answer as the quote. `holding` is what the
    account holds of the symbol; it is asked for when the order sells.
    """

    quote: Quote | None = None
    previous_close: Decimal | None = None
    market_is_open: bool | None = None
    asset: Asset | None = None
    account: Account | None = None
    holding: Holding | None = None


@dataclass(frozen=True)
class Control:
    """A switch that stands against the user, and why."""

    state: TradingState
    reason: str


@dataclass(frozen=True)
class ServerExposure:
    """What all users together have reserved, without the order at hand; money in USD."""

    orders_today: int
    notional_today: Decimal
    notional_in_window: Decimal


@dataclass(frozen=True)
class Exposure:
    """What the database says of the user, read under the lock of their row; money in USD.

    Counters hold what is reserved already, without the order at hand. `day_pnl` is realized and
    unrealized since the last close, None when a price is missing. `opposite_filled_today` tells
    whether the order would make a day trade. `outcome_pending` is the order
    whose outcome nobody knows.

    `drift` is the unexplained difference of a symbol that the user holds; `units_of_all` what all
    users hold of it by our records, `on_sale` what the user's open orders may yet sell of it, and
    `is_moving` whether some order on it was open or filled a moment ago. `changed_basis`
    names a corporate action on the symbol since the user was asked, or one that nothing explains.
    """

    orders_today: int
    notional_in_window: Decimal
    position: Position | None
    day_pnl: Decimal | None
    outcome_pending: str | None
    opposite_filled_today: bool = False
    controls: tuple[Control, ...] = ()
    drift: Drift | None = None
    units_of_all: Decimal = Decimal(0)
    on_sale: Decimal = Decimal(0)
    is_moving: bool = False
    changed_basis: str | None = None
    all_users: ServerExposure | None = None


@dataclass(frozen=True)
class Facts:
    """Everything that the checks may look at."""

    now: datetime
    server: ServerLimits
    config: TradingConfig | None
    confirmation: Confirmation | None
    broker: BrokerFacts
    exposure: Exposure

    @property
    def limits(self) -> Guardrails | None:
        """The limits that count, the server's among them; None without a config."""
        return self.config.guardrails.under(self.server) if self.config else None

    def cost_of(self, order: Order) -> Decimal | None:
        """Return what the order may cost (USD), None when that cannot be known without a quote."""
        if order.notional_usd is not None:
            return order.notional_usd
        quote, asset = self.broker.quote, self.broker.asset
        return None if quote is None or quote.mid is None else order.cost_at(quote, asset)

    def increases_position(self, order: Order) -> bool:
        """Return whether an order opens, adds to or flips a position."""
        held = self.exposure.position.qty if self.exposure.position else Decimal(0)
        same_way = held == 0 or (held > 0) == (order.side == "buy")
        return same_way or self._exceeds(order, abs(held))

    @property
    def sellable(self) -> Decimal | None:
        """The lesser of what the user holds and what the broker has available; None if unknown.

        What an open order of the user's may sell is not sold again: what the account holds beyond
        it can be another user's.
        """
        holding, position = self.broker.holding, self.exposure.position
        if holding is None:
            return None
        own = (position.qty if position else Decimal(0)) - self.exposure.on_sale
        return max(min(own, holding.available), Decimal(0))

    def reduced(self, order: Order) -> Order:
        """Return the order, selling no more than is held; what cannot be sold at all stays.

        Of what is sold as a whole, what is left beyond the asset's increments stays, too.
        """
        free, asset = self.sellable, self.broker.asset
        if order.side == "buy" or not free or order.qty is None or order.qty < free:
            return order
        whole = asset.sellable(free) if asset else free
        return replace(order, qty=whole or free)

    def _exceeds(self, order: Order, held: Decimal) -> bool:
        if order.qty is not None:
            return order.qty > held
        mid = self.broker.quote.mid if self.broker.quote else None
        return mid is None or (order.notional_usd or Decimal(0)) > held * mid
