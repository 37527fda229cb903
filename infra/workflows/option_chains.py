"""How `ingest` fetches option chains: contracts once a day, their snapshots at each poll."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from common.inputs import OptionInput
from common.market import trading_day
from common.options import ChainBounds, ChainWindow, windows_of
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database
from infra.postgres.market import option_contracts
from infra.postgres.market.market_data import Cursors
from infra.workflows.market_fetch import FetchResult, fetch_history, fetch_isolated

Prices = Mapping[str, Decimal]


@dataclass(frozen=True)
class OptionChains:
    """The chains of some underlyings; `stock_feed` tells the underlyings' prices."""

    data: AlpacaMarketData
    trading: AlpacaTrading
    database: Database
    stock_feed: str
    now: datetime

    def fetch(
        self, due: Sequence[OptionInput], active: Sequence[OptionInput], cursors: Cursors
    ) -> Iterator[FetchResult]:
        """Fetch the chains of the due inputs; contracts are listed for all active ones alike."""
        underlyings = sorted({name for each in due for name in each.underlyings})
        if not underlyings:
            return
        prices: dict[str, Decimal] = {}
        priced = fetch_isolated("underlyings", partial(self._prices, underlyings, prices))
        yield priced
        if priced.failures:
            return
        yield self._past(list(prices), cursors)
        windows = windows_of(active)
        for name, price in prices.items():
            key = _contracts_key(name, windows[name])
            if self._is_new_day(cursors.get(key)):
                yield fetch_isolated(name, partial(self._list, name, key, windows[name], price))
        for feed in sorted({each.feed for each in due}):
            of_feed = [each for each in due if each.feed == feed]
            yield fetch_isolated(feed, partial(self._snapshots, feed, of_feed, prices))

    def _prices(self, underlyings: Sequence[str], prices: dict[str, Decimal]) -> FetchResult:
        """Look up the price of each underlying, in one request."""
        fetched = self.data.spot(self.stock_feed).latest_trades(underlyings)
        prices.update({fact.symbol: fact.price for fact in fetched.found})
        return FetchResult(problems=fetched.problems)

    def _past(self, underlyings: Sequence[str], cursors: Cursors) -> FetchResult:
        """Fetch the underlyings' daily closes: fair prices need their volatility."""
        reader = self.data.spot(self.stock_feed)
        return fetch_history(reader, self.stock_feed, underlyings, cursors, self.now)

    def _list(self, underlying: str, key: str, window: ChainWindow, price: Decimal) -> FetchResult:
        """List the contracts around the price, with room for it to move until tomorrow."""
        bounds = window.around(price, trading_day(self.now)).widened()
        fetched = self.trading.option_contracts(underlying, bounds)
        with self.database.transaction() as tx:
            option_contracts.store(tx, fetched.found, self.now)
        return FetchResult(cursors=(key,), problems=fetched.problems)

    def _snapshots(self, feed: str, inputs: Sequence[OptionInput], prices: Prices) -> FetchResult:
        bounds = self._bounds(inputs, prices)
        with self.database.transaction() as tx:
            contracts = option_contracts.inside(tx, bounds)
        fetched = self.data.options.snapshots(contracts, bounds, prices, feed, self.now)
        keys = tuple(each.key for each in inputs)
        return FetchResult(options=fetched.found, cursors=keys, problems=fetched.problems)

    def _bounds(self, inputs: Sequence[OptionInput], prices: Prices) -> dict[str, ChainBounds]:
        today = trading_day(self.now)
        return {
            name: window.around(prices[name], today)
            for name, window in windows_of(inputs).items()
            if name in prices
        }

    def _is_new_day(self, fetched_at: datetime | None) -> bool:
        return fetched_at is None or trading_day(fetched_at) < trading_day(self.now)


def _contracts_key(underlying: str, window: ChainWindow) -> str:
    days = f"{window.min_days}-{window.max_days}"
    return f"option_contracts {underlying} {days} {window.strike_pct}"
