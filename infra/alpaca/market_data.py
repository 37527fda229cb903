"""Alpaca's market data: one reader per market, and the latest quotes of any."""

import logging
from collections.abc import Sequence
from typing import Any

from common.market import CRYPTO_FEED, Quote
from infra.alpaca.batches import BATCH_SIZE, batches, parse_each, part
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.option_data import OptionData
from infra.alpaca.quotes import quote_of
from infra.alpaca.spot import SpotData, crypto_venue, stock_venue

log = logging.getLogger(__name__)

__all__ = ["BATCH_SIZE", "AlpacaMarketData"]


class AlpacaMarketData:
    """Reads market data; `feed` says whether a symbol is a stock's or a crypto pair's."""

    def __init__(self, http: AlpacaHttp) -> None:
        self._http = http
        self.options = OptionData(http)

    def spot(self, feed: str) -> SpotData:
        """Return the reader of the stock or crypto market that a feed shows."""
        venue = crypto_venue() if feed == CRYPTO_FEED else stock_venue(feed)
        return SpotData(self._http, venue)

    def latest_quotes(self, symbols: Sequence[str], feed: str) -> dict[str, Quote]:
        """Return the latest quote of each known symbol (`…/quotes/latest`, `…/latest/quotes`).

        One that cannot be read is left out and logged: it loses only itself.
        """
        found: dict[str, Quote] = {}
        for batch in batches(symbols):
            parts = part(self._quotes(batch, feed), "quotes")
            quotes, unreadable = parse_each(parts, lambda symbol, raw: [quote_of(symbol, raw)])
            found |= {each.symbol: each for each in quotes}
            for each in unreadable:
                log.warning("no quote of %s: %s", each.subject, each.reason)
        return found

    def _quotes(self, symbols: Sequence[str], feed: str) -> Any:
        wanted = {"symbols": ",".join(symbols)}
        if feed == CRYPTO_FEED:
            return self._http.get(f"/v1beta3/crypto/{CRYPTO_FEED}/latest/quotes", wanted)
        return self._http.get("/v2/stocks/quotes/latest", {**wanted, "feed": feed})
