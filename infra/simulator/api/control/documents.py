"""What a script may send to the control routes: each value within the project's bounds.

A value out of bounds is refused with its path, before it can stop the clock, spoil the tape, or
make a later request of somebody else fail.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, model_validator

from common.bounds import Instant, Line, Number
from common.model import Model
from infra.simulator.market.timestamps import parse, to_datetime

_LONGEST_DELAY = 60  # seconds that a request is kept waiting
_LONGEST_SPAN = 10 * 366 * 86_400  # simulated seconds


def _shortest(size: Decimal) -> int | Decimal:
    """Return whole sizes as integers, as the tape keeps them."""
    return int(size) if size == size.to_integral_value() else size


Time = Annotated[Instant, BeforeValidator(lambda text: to_datetime(parse(str(text))))]
Name = Annotated[Line, Field(max_length=128)]
Price = Annotated[Number, Field(ge=0, lt=Decimal(10) ** 10)]
Size = Annotated[Number, Field(ge=0, lt=Decimal(10) ** 12), AfterValidator(_shortest)]
Count = Annotated[StrictInt, Field(ge=0, le=10**9)]
Fraction = Annotated[Number, Field(ge=0, lt=1, decimal_places=4)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Delay = Annotated[float, Field(ge=0, le=_LONGEST_DELAY, allow_inf_nan=False)]
Span = Annotated[float, Field(ge=0, le=_LONGEST_SPAN, allow_inf_nan=False)]
HeaderValue = Annotated[Line, Field(max_length=1000)]


class ClockChange(Model):
    """One of three changes of the clock."""

    now: Time | None = None
    advance_seconds: Span | None = None
    speed: Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give one of now, advance_seconds, speed")
        return self


class Reset(Model):
    """When a new beginning is."""

    now: Time | None = None


class End(Model):
    """How the broker ends an order."""

    status: Literal["canceled", "expired", "rejected"] = "canceled"


class StockPrice(Model):
    """A print and a quote of a stock or pair."""

    last: Price = Decimal(0)
    prev_close: Price | None = None
    bid: Price | None = None
    ask: Price | None = None
    bid_size: Size | None = None
    ask_size: Size | None = None
    volume: Size | None = None
    at: Time | None = None
    live: StrictBool = False


class Split(Model):
    """How many shares come for how many, from the next day in New York on."""

    new_rate: Annotated[StrictInt, Field(ge=1, le=1000)]
    old_rate: Annotated[StrictInt, Field(ge=1, le=1000)] = 1


class OptionPrice(Model):
    """What is known of an option contract."""

    underlying: Name | None = None
    bid: Price | None = None
    ask: Price | None = None
    bid_size: Count | None = None
    ask_size: Count | None = None
    last: Price | None = None
    day_volume: Count | None = None
    open_interest: Count | None = None
    implied_volatility: Price | None = None
    greeks: dict[Literal["delta", "gamma", "theta", "vega", "rho"], Number] | None = None
    style: Literal["american", "european"] = "american"
    at: Time | None = None


class AssetChange(Model):
    """Permissions and steps of an asset."""

    exchange: Name | None = None
    status: Literal["active", "inactive"] | None = None
    tradable: StrictBool | None = None
    marginable: StrictBool | None = None
    shortable: StrictBool | None = None
    fractionable: StrictBool | None = None
    price_increment: Annotated[Price, Field(gt=0)] | None = None
    min_trade_increment: Annotated[Price, Field(gt=0)] | None = None
    min_order_size: Annotated[Price, Field(gt=0)] | None = None


class FaultRequest(Model):
    """A fault, when it is due, and its parameters; which of them a kind has is for faults.py."""

    kind: Name = ""
    times: Annotated[StrictInt, Field(ge=1, le=10**6)] | None = None
    method: Name | None = None
    path: Name | None = None
    after: Count | None = None
    since: Time | None = None
    until: Time | None = None
    probability: Share | None = None
    seed: Count | None = None
    status: Annotated[StrictInt, Field(ge=200, le=599)] | Name | None = None
    body: Any = None
    headers: dict[Name, HeaderValue] | None = None
    rate_headers: StrictBool | None = None
    html: StrictBool | None = None
    delay: Delay | None = None
    age: Span | None = None
    symbol: Name | None = None
    side: Name | None = None
    answer: StrictInt | None = None
    client_order_id: Name | None = None
    seconds: Span | None = None
    fraction: Fraction | None = None
    every: Span | None = None
    executions: Count | None = None
    worse_by: Price | None = None


class SwitchChange(Model):
    """The switches of switches.py."""

    cancelled_ids_stay_taken: StrictBool | None = None
    duplicate_code: Count | None = None
    unknown_snapshot_is_null: StrictBool | None = None
    unfilled_day_order_expires: StrictBool | None = None
    fractional_limit_orders: StrictBool | None = None
    coin_fee_rate: Fraction | None = None
    fill_delay_seconds: Span | None = None
    partial_fill_probability: Share | None = None
    partial_fill_seed: Count | None = None
    enforce_rate_limits: StrictBool | None = None
    stream_connection_limit: Count | None = None
    stream_symbol_limit: Count | None = None
    stream_limit_counts_channels: StrictBool | None = None
    stream_buffer: Count | None = None
    stream_waits: StrictBool | None = None
    crypto_status: Name | None = None
    currency: Name | None = None
    multiplier: Count | None = None
    day_trade_rule: StrictBool | None = None
    daytrade_count: Count | None = None
    account_blocked: StrictBool | None = None
