"""What the KPIs need of the account: its equity, and quotes of what is held, each quarter hour."""

import logging
from collections.abc import Sequence
from datetime import datetime

from common.errors import BrokerRefusedError, TransientError
from common.market import Quote
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.dashboard import account_snapshots
from infra.postgres.database import Database

log = logging.getLogger(__name__)

_FAILURES = (TransientError, BrokerRefusedError)


def take(
    trading: AlpacaTrading,
    data: AlpacaMarketData,
    database: Database,
    stock_feed: str,
    now: datetime,
) -> None:
    """Read both unless this quarter hour has a reading already.

    Only statistics depend on it: a broker that does not answer costs a point of a curve, no more.
    """
    with database.transaction() as tx:
        if not account_snapshots.is_due(tx, now):
            return
        held = account_snapshots.held_symbols(tx, stock_feed)
    quotes = [quote for feed, symbols in held.items() for quote in _quotes(data, symbols, feed)]
    try:
        equity = trading.equity()
    except _FAILURES as error:
        log.warning("the account's equity could not be read: %s", error)
        return
    with database.transaction() as tx:
        account_snapshots.store_quotes(tx, quotes)
        account_snapshots.store_equity(tx, equity, now)


def _quotes(data: AlpacaMarketData, symbols: Sequence[str], feed: str) -> Sequence[Quote]:
    try:
        return list(data.latest_quotes(symbols, feed).values())
    except _FAILURES as error:
        log.warning("no quotes of what is held: %s", error)
        return ()
