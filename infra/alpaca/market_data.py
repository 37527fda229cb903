"""Alpaca's market data: one reader per market, and the latest quotes of any."""

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.holdings.corporate_actions import CorporateAction
from common.market import CRYPTO_FEED, NEW_YORK, Quote
from infra.alpaca import corporate_actions
from infra.alpaca.batches import BATCH_SIZE, BatchResult, batches, parse_each, part
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.option_data import OptionData
from infra.alpaca.quotes import quote_of
from infra.alpaca.shared_answers import SharedAnswers
from infra.alpaca.spot import SpotData, crypto_venue, stock_venue, without_spin_offs

log = logging.getLogger(__name__)

# Some session lies within it, whatever the holidays.
_LAST_SESSION = timedelta(days=7)

__all__ = ["BATCH_SIZE", "AlpacaMarketData"]


class AlpacaMarketData:
    """Reads market data; `feed` says whether a symbol is a stock's or a crypto pair's."""

    def __init__(self, http: AlpacaHttp) -> None:
        self._http = http
        self.options = OptionData(http)

    def sharing(self, known: Mapping[str, Any]) -> tuple["AlpacaMarketData", dict[str, Any]]:
        """Return a reader that knows some answers, and where it keeps those that it asks for."""
        wire = SharedAnswers(self._http, known)
        return AlpacaMarketData(wire), wire.fetched

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

    def corporate_actions(
        self, symbols: Sequence[str], first: date, last: date
    ) -> BatchResult[CorporateAction]:
        """Return what changes shares of the symbols, processed from first to last (inclusive)."""
        return corporate_actions.corporate_actions(self._http, symbols, first, last)

    def spin_off_rates(self, symbol: str, ex_date: date) -> tuple[Decimal, Decimal] | None:
        """Return a stock's last close before a spin-off, as it was and as it reads afterwards.

        None while the broker's adjusted history shows no difference.
        """
        until = datetime.combine(ex_date, datetime.min.time(), NEW_YORK)
        closes = [
            SpotData(self._http, venue).daily_closes([symbol], ex_date - _LAST_SESSION, until).found
            for venue in (stock_venue("sip"), without_spin_offs())
        ]
        if not all(closes):
            return None
        before, after = (max(found, key=lambda bar: bar.as_of) for found in closes)
        is_adjusted = before.as_of == after.as_of and 0 < after.price < before.price
        return (before.price, after.price) if is_adjusted else None

    def _quotes(self, symbols: Sequence[str], feed: str) -> Any:
        wanted = {"symbols": ",".join(symbols)}
        if feed == CRYPTO_FEED:
            return self._http.get(f"/v1beta3/crypto/{CRYPTO_FEED}/latest/quotes", wanted)
        return self._http.get("/v2/stocks/quotes/latest", {**wanted, "feed": feed})
