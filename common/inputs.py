"""Data inputs: what to fetch, and how often, per asset class."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from common.market import CRYPTO_FEED, Metric, OptionFeed, StockFeed
from common.model import Exact, Model, content_hash

# The scheduler ticks each minute, give or take: half a tick decides to which minute one belongs.
TICK = timedelta(minutes=1)
TICK_JITTER = timedelta(seconds=30)

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
# As the broker lists them: class shares BRK.B, preferred shares ABR.PRD, warrants ACHR.WS, and
# warrants of a class HCMA.WS.A; the hyphen of BRK-B is another feed's.
StockSymbol = Annotated[str, Field(pattern=r"^[A-Z]{1,6}(\.[A-Z]{1,4}){0,2}$")]
CryptoSymbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,10}/[A-Z]{3,4}$")]


class _Input(Model):
    """The part of an input that does not depend on its asset class."""

    id: Identifier
    source: Literal["alpaca"]
    poll_interval_seconds: Annotated[StrictInt, Field(ge=int(TICK.total_seconds()), le=86_400)] = 60

    @property
    def key(self) -> str:
        """The same for every user who states the same input: it is fetched once for all of them."""
        return content_hash(self.model_dump(mode="json", exclude={"id"}))

    def is_due(self, last_fetch: datetime | None, now: datetime) -> bool:
        """Return whether the poll interval has passed, whatever the scheduler's jitter."""
        interval = timedelta(seconds=self.poll_interval_seconds)
        return last_fetch is None or now - last_fetch >= interval - TICK_JITTER


class StockInput(_Input):
    """US stocks and ETFs. Outside the session nothing is fetched, unless `extended_hours`."""

    asset_class: Literal["us_equity"]
    symbols: Annotated[tuple[StockSymbol, ...], Field(min_length=1, max_length=1000)]
    feed: StockFeed = "iex"
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1, max_length=20)] = (
        "last_trade",
        "daily_bar",
        "prev_close",
    )
    extended_hours: StrictBool = False

    @property
    def all_symbols(self) -> tuple[str, ...]:
        """What is fetched."""
        return self.symbols


class CryptoInput(_Input):
    """Crypto pairs such as BTC/USD; their market never closes."""

    asset_class: Literal["crypto"]
    symbols: Annotated[tuple[CryptoSymbol, ...], Field(min_length=1, max_length=100)]
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1, max_length=20)] = (
        "last_trade",
        "daily_bar",
        "prev_close",
    )

    @property
    def all_symbols(self) -> tuple[str, ...]:
        """What is fetched."""
        return self.symbols

    @property
    def feed(self) -> str:
        """The only venue there is: Alpaca's own."""
        return CRYPTO_FEED


class OptionInput(_Input):
    """The option chains of some underlyings, inside a window of expiries and strikes.

    `max_days_to_expiry` counts calendar days from today; `strike_window_pct` is how far a strike
    may be from the underlying's price, to both sides, in percent of it.
    """

    asset_class: Literal["us_option"]
    underlyings: Annotated[tuple[StockSymbol, ...], Field(min_length=1, max_length=20)]
    feed: OptionFeed = "indicative"
    min_days_to_expiry: Annotated[StrictInt, Field(ge=0, le=1000)] = 0
    max_days_to_expiry: Annotated[StrictInt, Field(ge=0, le=1000)] = 45
    strike_window_pct: Annotated[Exact, Field(gt=0, le=100)] = Decimal(10)

    @property
    def all_symbols(self) -> tuple[str, ...]:
        """What is fetched besides the contracts themselves."""
        return self.underlyings


DataInput = Annotated[StockInput | CryptoInput | OptionInput, Field(discriminator="asset_class")]
