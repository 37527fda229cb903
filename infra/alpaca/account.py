"""What the broker says of the account, of assets and of the market (section 5.5)."""

from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field

from common.bounds import WireNumber, WireText
from common.errors import BrokerRefusedError
from common.guardrails.facts import Account, Asset
from common.model import WireModel
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.responses import read

_NOT_FOUND = 404


class _Account(WireModel):
    status: WireText
    buying_power: WireNumber
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False


class _Worth(WireModel):
    equity: WireNumber


class _Summary(WireModel):
    number: WireText = Field(alias="account_number")
    status: WireText
    equity: WireNumber
    buying_power: WireNumber


class _Asset(WireModel):
    status: WireText
    tradable: bool
    fractionable: bool = False


class _Clock(WireModel):
    is_open: bool


@dataclass(frozen=True)
class AccountSummary:
    """Which account it is, and what it is worth (USD)."""

    number: str
    status: str
    equity: Decimal
    buying_power: Decimal


def summary(http: AlpacaHttp) -> AccountSummary:
    """Read from `GET /v2/account` what a person knows the account by."""
    said = read(_Summary, http.get("/v2/account"))
    return AccountSummary(**said.model_dump())


def account(http: AlpacaHttp) -> Account:
    """Read `GET /v2/account`; anything but ACTIVE is blocked."""
    wire = read(_Account, http.get("/v2/account"))
    blocked = wire.trading_blocked or wire.account_blocked or wire.trade_suspended_by_user
    return Account(blocked=blocked or wire.status != "ACTIVE", buying_power=wire.buying_power)


def equity(http: AlpacaHttp) -> Decimal:
    """Read from `GET /v2/account` what everything in it is worth, in USD."""
    wire = read(_Worth, http.get("/v2/account"))
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
    return Asset(wire.tradable and wire.status == "active", wire.fractionable)


def market_is_open(http: AlpacaHttp) -> bool:
    """Read `GET /v2/clock`: whether the market is open right now."""
    wire = read(_Clock, http.get("/v2/clock"))
    return wire.is_open
