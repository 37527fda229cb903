"""Option snapshots, in the fewest requests: by symbol, or by whole chains."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from common.bounds import WireNumber
from common.market import trading_day
from common.model import TolerantModel, plain
from common.options import ChainBounds, OptionContract, OptionSnapshot
from infra.alpaca.batches import (
    BATCH_SIZE,
    BatchResult,
    Issue,
    left_out,
    parse_each,
    part,
    read_isolating,
)
from infra.alpaca.facts import WireBar, WireTrade
from infra.alpaca.http import AlpacaHttp, Params
from infra.alpaca.pages import pages
from infra.alpaca.quotes import WireQuote
from infra.alpaca.responses import parse

_PATH = "/v1beta1/options/snapshots"
_LARGEST_PAGE = "1000"


_Number = Annotated[WireNumber, Field(gt=-(10**9), lt=10**9)]


class _Greeks(TolerantModel):
    delta: _Number | None = None
    gamma: _Number | None = None
    theta: _Number | None = None
    vega: _Number | None = None
    rho: _Number | None = None


class _OptionSnapshot(TolerantModel):
    """Every part may be missing: greeks and volatility need a two-sided quote to be worked out."""

    latest_quote: WireQuote | None = Field(alias="latestQuote", default=None)
    latest_trade: WireTrade | None = Field(alias="latestTrade", default=None)
    daily_bar: WireBar | None = Field(alias="dailyBar", default=None)
    greeks: _Greeks | None = None
    implied_volatility: _Number | None = Field(alias="impliedVolatility", default=None)


class OptionData:
    """Reads what is known of option contracts."""

    def __init__(self, http: AlpacaHttp) -> None:
        self._http = http

    def snapshots(
        self,
        contracts: Sequence[OptionContract],
        bounds: Mapping[str, ChainBounds],
        prices: Mapping[str, Decimal],
        feed: str,
        now: datetime,
    ) -> BatchResult[OptionSnapshot]:
        """Return the snapshot of each contract of which the broker knows a quote or a trade.

        `bounds` and `prices` are the underlyings'. An underlying with more contracts than fit one
        request by symbol is read as a chain, ten times as many to a page.
        """
        listed = {each.symbol: each for each in contracts}
        chains, singles = _parted(contracts)
        parts, refused = read_isolating(lambda batch: self._by_symbols(batch, feed), singles)
        for underlying in chains:
            parts |= self._chain(underlying, bounds[underlying], feed)

        def read(symbol: str, raw: Any) -> Iterator[OptionSnapshot | Issue]:
            contract = listed[symbol]
            return _snapshot(contract, prices[contract.underlying], feed, raw, now)

        wanted = {symbol: raw for symbol, raw in parts.items() if raw and symbol in listed}
        known, unreadable = parse_each(wanted, read)
        return BatchResult(tuple(known), (*refused, *unreadable))

    def _by_symbols(self, symbols: Sequence[str], feed: str) -> dict[str, Any]:
        return self._pages(_PATH, {"symbols": ",".join(symbols), "feed": feed})

    def _chain(self, underlying: str, bounds: ChainBounds, feed: str) -> dict[str, Any]:
        params = {"feed": feed, "limit": _LARGEST_PAGE, **window_params(bounds)}
        return self._pages(f"{_PATH}/{underlying}", params)

    def _pages(self, path: str, params: Params) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for page in pages(self._http, path, params):
            found |= part(page, "snapshots")
        return found


def window_params(bounds: ChainBounds) -> dict[str, str]:
    """Say bounds to the broker, which would otherwise take its own."""
    return {
        "expiration_date_gte": bounds.first_expiry.isoformat(),
        "expiration_date_lte": bounds.last_expiry.isoformat(),
        "strike_price_gte": plain(bounds.lowest_strike),
        "strike_price_lte": plain(bounds.highest_strike),
    }


def _parted(contracts: Sequence[OptionContract]) -> tuple[list[str], list[str]]:
    """Part contracts into the underlyings to read as chains and the symbols to read singly."""
    by_underlying: dict[str, list[str]] = defaultdict(list)
    for each in contracts:
        by_underlying[each.underlying].append(each.symbol)
    chains = [name for name, symbols in by_underlying.items() if len(symbols) > BATCH_SIZE]
    singles = [s for name, symbols in by_underlying.items() if name not in chains for s in symbols]
    return chains, singles


def _snapshot(
    contract: OptionContract, price: Decimal, feed: str, raw: Any, now: datetime
) -> Iterator[OptionSnapshot | Issue]:
    """Yield the snapshot, if a quote or a trade dates it, and what of it cannot be read."""
    known = parse(_OptionSnapshot, raw)
    quote, trade, greeks = known.latest_quote, known.latest_trade, known.greeks or _Greeks()
    yield from left_out(contract.symbol, known, quote, trade, greeks, known.daily_bar)
    if quote is not None and quote.bid > quote.ask > 0:
        quote = None  # crossed: bad data
    times = [each.at for each in (quote, trade) if each]
    if times:
        yield OptionSnapshot(
            contract=contract,
            feed=feed,
            bid=quote.bid if quote else None,
            ask=quote.ask if quote else None,
            bid_size=quote.bid_size if quote else None,
            ask_size=quote.ask_size if quote else None,
            last_trade=trade.price if trade else None,
            day_volume=_day_volume(known.daily_bar, now),
            implied_volatility=known.implied_volatility,
            delta=greeks.delta,
            gamma=greeks.gamma,
            theta=greeks.theta,
            vega=greeks.vega,
            rho=greeks.rho,
            underlying_price=price,
            as_of=max(times),
            raw=raw,
        )


def _day_volume(bar: WireBar | None, now: datetime) -> Decimal | None:
    """Return today's volume: the daily bar is of the last day with trades."""
    if bar is None:
        return None
    return bar.volume if trading_day(bar.opens_at) == trading_day(now) else Decimal(0)
