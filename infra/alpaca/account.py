"""What the broker says of the account, of assets and of the market.

https://docs.alpaca.markets/reference/getaccount-1 and /reference/get-v2-assets-symbol_or_asset_id.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from pydantic import Field

from common.bounds import Instant, WireNumber, WirePrice, WireText
from common.errors import BrokerRefusedError, TransientError
from common.guardrails.facts import Account
from common.market import USD
from common.model import TolerantModel, WireModel
from common.orders.asset import Asset
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import read

_NOT_FOUND = 404
_ACTIVE = "ACTIVE"
# FINRA rule 4210: three day trades in five days below this equity. The broker has dropped the rule
# and its fields in 2026; an account that still shows them is held to it.
_DAY_TRADES, _FREE_FROM = 3, Decimal(25_000)


class _Account(TolerantModel):
    status: WireText | None = None
    currency: WireText | None = None
    crypto_status: WireText | None = None
    equity: WireNumber | None = None
    last_equity: WireNumber | None = None
    buying_power: WireNumber | None = None
    non_marginable_buying_power: WireNumber | None = None
    trading_blocked: bool | None = None
    account_blocked: bool | None = None
    trade_suspended_by_user: bool | None = None
    pattern_day_trader: bool | None = None
    daytrade_count: int | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether it may not trade; a switch that cannot be read counts as set."""
        odd = any("blocked" in problem or "suspended" in problem for problem in self.unread)
        switches = (self.trading_blocked, self.account_blocked, self.trade_suspended_by_user)
        return odd or any(switches) or self.status != _ACTIVE

    @property
    def day_trades_left(self) -> int | None:
        """How many day trades the account may still make; None where nobody counts them."""
        worth = [each for each in (self.equity, self.last_equity) if each is not None]
        counts = self.daytrade_count is not None or self.pattern_day_trader
        if not counts or (worth and min(worth) >= _FREE_FROM):
            return None
        return 0 if self.pattern_day_trader else _DAY_TRADES - (self.daytrade_count or 0)


class _Summary(WireModel):
    number: WireText = Field(alias="account_number")
    status: WireText
    equity: WireNumber
    buying_power: WireNumber


class _Asset(TolerantModel):
    status: WireText | None = None
    tradable: bool = False
    fractionable: bool = False
    marginable: bool = False
    shortable: bool = False
    price_increment: WirePrice | None = None
    min_trade_increment: WirePrice | None = None
    min_order_size: WirePrice | None = None


class _Market(WireModel):
    is_open: bool


class _Clock(WireModel):
    now: Instant


@dataclass(frozen=True)
class AccountSummary:
    """Which account it is, and what it is worth (USD)."""

    number: str
    status: str
    equity: Decimal
    buying_power: Decimal


def summary(http: AlpacaHttp) -> AccountSummary:
    """Read from `GET /v2/account` what a person knows the account by."""
    found = read(_Summary, http.get("/v2/account"))
    return AccountSummary(**found.model_dump())


def account(http: AlpacaHttp) -> Account:
    """Read `GET /v2/account`; anything but ACTIVE is blocked."""
    wire = read(_Account, http.get("/v2/account"))
    return Account(
        blocked=wire.is_blocked,
        buying_power=wire.buying_power,
        cash_buying_power=wire.non_marginable_buying_power,
        crypto_active=wire.crypto_status == _ACTIVE,
        currency=wire.currency or USD,
        day_trades_left=wire.day_trades_left,
    )


def equity(http: AlpacaHttp) -> Decimal:
    """Read from `GET /v2/account` what everything in it is worth, in USD.

    Raises TransientError when it cannot be told, or is in another currency.
    """
    wire = read(_Account, http.get("/v2/account"))
    if wire.equity is None or wire.currency not in (None, USD):
        raise TransientError(f"no equity in USD: {wire.equity} {wire.currency}")
    return wire.equity


def asset(http: AlpacaHttp, symbol: str) -> Asset | None:
    """Read `GET /v2/assets/{symbol}`; None when the broker knows no such asset."""
    try:
        raw = http.get(f"/v2/assets/{symbol.replace('/', '%2F')}")
    except BrokerRefusedError as error:
        if error.status == _NOT_FOUND:
            return None
        raise
    wire = read(_Asset, raw)
    return Asset(
        tradable=wire.tradable and wire.status == "active",
        fractionable=wire.fractionable,
        marginable=wire.marginable,
        shortable=wire.shortable,
        price_increment=wire.price_increment,
        qty_increment=wire.min_trade_increment,
        min_qty=wire.min_order_size,
    )


def market_is_open(http: AlpacaHttp) -> bool:
    """Read `GET /v2/clock`: whether the market is open right now."""
    return read(_Market, http.get("/v2/clock")).is_open


def now(http: AlpacaHttp) -> datetime:
    """Read the simulator's `GET /sim/clock`; the broker's own would cost one of its requests."""
    return read(_Clock, http.get("/sim/clock")).now.astimezone(UTC)
