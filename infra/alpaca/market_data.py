"""Alpaca's market data (alpaca-api.md section 2): snapshots into facts, and the latest quotes."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from common.errors import TransientError
from common.market import Feed, Metric, Quote, Snapshot, trading_day
from common.model import problems
from infra.alpaca.http import AlpacaHttp

# No number is documented; 100 symbols in one request are known to work.
BATCH_SIZE = 100

_Model = TypeVar("_Model", bound=BaseModel)


class _Trade(BaseModel):
    price: Decimal = Field(alias="p", gt=0, allow_inf_nan=False)
    at: AwareDatetime = Field(alias="t")
    size: Decimal = Field(alias="s", default=Decimal(0))


class _Bar(BaseModel):
    close: Decimal = Field(alias="c", gt=0, allow_inf_nan=False)
    opens_at: AwareDatetime = Field(alias="t")
    volume: Decimal = Field(alias="v", default=Decimal(0))


class _Quote(BaseModel):
    bid: Decimal = Field(alias="bp", ge=0, allow_inf_nan=False)
    ask: Decimal = Field(alias="ap", ge=0, allow_inf_nan=False)
    at: AwareDatetime = Field(alias="t")


class _SymbolSnapshot(BaseModel):
    """Every part may be missing or null: then there is no such fact."""

    latest_trade: _Trade | None = Field(alias="latestTrade", default=None)
    daily_bar: _Bar | None = Field(alias="dailyBar", default=None)
    previous_bar: _Bar | None = Field(alias="prevDailyBar", default=None)


class AlpacaMarketData:
    """Reads stock data; one request for up to 100 symbols."""

    def __init__(self, http: AlpacaHttp) -> None:
        self._http = http

    def snapshots(self, symbols: Sequence[str], feed: Feed) -> list[Snapshot]:
        """Return what is known of each symbol as facts; an unknown symbol has none.

        `GET /v2/stocks/snapshots`. Prices in USD, volumes in shares.
        """
        return [
            fact
            for batch in _batches(symbols)
            for symbol, raw in self._read("/v2/stocks/snapshots", batch, feed).items()
            if raw is not None
            for fact in _facts(symbol, raw, feed)
        ]

    def latest_quotes(self, symbols: Sequence[str], feed: Feed) -> dict[str, Quote]:
        """Return the latest quote of each known symbol (`GET /v2/stocks/quotes/latest`)."""
        found: dict[str, Quote] = {}
        for batch in _batches(symbols):
            for symbol, raw in self._read("/v2/stocks/quotes/latest", batch, feed)[
                "quotes"
            ].items():
                quote = _parse(_Quote, raw)
                found[symbol] = Quote(symbol, quote.bid, quote.ask, quote.at)
        return found

    def _read(self, path: str, symbols: Sequence[str], feed: Feed) -> Any:
        return self._http.get(path, {"symbols": ",".join(symbols), "feed": feed})


def _facts(symbol: str, raw: Mapping[str, Any], feed: Feed) -> Iterator[Snapshot]:
    known = _parse(_SymbolSnapshot, raw)
    trade = known.latest_trade
    if trade is None:
        return

    def fact(metric: Metric, price: Decimal, volume: Decimal, as_of: Any, part: str) -> Snapshot:
        return Snapshot(symbol, "us_equity", feed, metric, price, volume, as_of, raw[part])

    yield fact("last_trade", trade.price, trade.size, trade.at, "latestTrade")
    today = trading_day(trade.at)
    bar, part = known.daily_bar, "dailyBar"
    if bar is not None and trading_day(bar.opens_at) == today:
        # The running bar keeps its opening time all day: it is as recent as the last trade.
        yield fact("daily_bar", bar.close, bar.volume, trade.at, part)
        bar, part = known.previous_bar, "prevDailyBar"
    # Before the day's first bar, `dailyBar` is still the previous session's.
    if bar is not None and trading_day(bar.opens_at) < today:
        yield fact("prev_close", bar.close, bar.volume, bar.opens_at, part)


def _parse(model: type[_Model], raw: object) -> _Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise TransientError(
            f"broker sent market data we cannot read: {problems(error)}"
        ) from error


def _batches(symbols: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(symbols), BATCH_SIZE):
        yield symbols[start : start + BATCH_SIZE]
