"""Keeps prices and positions on one basis while market facts come in.

Corporate actions are fetched once a day. A held stock whose price left its last close implausibly
is looked into at once: at what the broker announces, then at what its records show. What neither
explains is stored, and denies until it is explained.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.errors import BrokerRefusedError, TransientError
from common.market import Snapshot, trading_day
from common.rules.shared.reference import is_implausible
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database, Transaction
from infra.postgres.market import market_data
from infra.postgres.trading import corporate_actions, positions
from infra.workflows import restatement
from infra.workflows.position_reconciliation import reconcile_positions

log = logging.getLogger(__name__)

Closes = Mapping[str, tuple[Snapshot, Snapshot]]


@dataclass(frozen=True)
class PriceBasis:
    """Keeps the prices and shares of what is held on one adjustment basis."""

    database: Database
    market_data: AlpacaMarketData
    trading: AlpacaTrading
    now: datetime

    def update(self, watched: Iterable[str], facts: Sequence[Snapshot]) -> None:
        """Apply what is due before the facts are stored, and look into implausible prices."""
        with self.database.transaction() as tx:
            held = positions.held_stocks(tx)
            fetched = market_data.last_fetches(tx, self.now)
        today = trading_day(self.now)
        due = sorted(
            symbol
            for symbol in held | set(watched)
            if not (at := fetched.get(basis_key(symbol))) or trading_day(at) < today
        )
        self._refresh(due)
        self._look_into(_closes(held, facts))

    def _refresh(self, symbols: Sequence[str]) -> None:
        """Fetch and apply; without an answer, what is known already is applied all the same."""
        try:
            restatement.refresh(self.database, self.market_data, symbols, self.now)
        except (TransientError, BrokerRefusedError) as error:
            log.warning("corporate actions are not known: %s", error)
            restatement.apply_due(self.database, self.now)
            return
        with self.database.transaction() as tx:
            market_data.mark_fetched(tx, [basis_key(symbol) for symbol in symbols], self.now)

    def _look_into(self, closes: Closes) -> None:
        gaps = self._implausible(closes, list(closes))
        if gaps:
            self._refresh(gaps)
            gaps = self._implausible(closes, gaps)
        if gaps:
            reconcile_positions(self.database, self.market_data, self.trading, self.now)
            gaps = self._implausible(closes, gaps)
        with self.database.transaction() as tx:
            for symbol in gaps:
                log.error("%s: its price left its last close implausibly", symbol)
                corporate_actions.report_gap(tx, symbol, trading_day(self.now), self.now)

    def _implausible(self, closes: Closes, symbols: Sequence[str]) -> list[str]:
        """Name the symbols whose trade and last close cannot be on one basis."""
        if not symbols:
            return []
        with self.database.transaction() as tx:
            return [symbol for symbol in symbols if _is_gap(tx, *closes[symbol])]


def _is_gap(tx: Transaction, trade: Snapshot, close: Snapshot) -> bool:
    today = trading_day(trade.as_of)
    return is_implausible(trade, corporate_actions.on_basis_of(tx, close, today))


def _closes(held: set[str], facts: Sequence[Snapshot]) -> dict[str, tuple[Snapshot, Snapshot]]:
    """Pair each held symbol's last trade with its previous close."""
    known = {(fact.symbol, fact.metric): fact for fact in facts}
    return {
        symbol: (known[symbol, "last_trade"], known[symbol, "prev_close"])
        for symbol in held
        if (symbol, "last_trade") in known and (symbol, "prev_close") in known
    }


def basis_key(symbol: str) -> str:
    """Return the cursor of when a stock's corporate actions were last fetched."""
    return f"corporate_actions {symbol}"
