"""Our positions against the broker's records, which stand above ours.

Each difference is explained by what the broker says: corporate actions, trades by hand, fees in
the coin. What nothing explains is stored, and denies the orders of whoever holds the symbol.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from common.errors import BrokerRefusedError, TransientError
from common.holdings.drift import LOOKBACK, POSITION_DRIFT, SETTLED_AFTER, Drift, drifts
from common.holdings.positions import Execution, Holding
from common.market import trading_day
from infra.alpaca.market_data import AlpacaMarketData
from infra.alpaca.trading import AlpacaTrading
from infra.postgres.database import Database, Transaction
from infra.postgres.trading import corporate_actions, differences, positions
from infra.postgres.users.set_aside_rows import SetAsideRow
from infra.workflows import isolation, restatement
from infra.workflows.difference_explanation import explain

log = logging.getLogger(__name__)


def reconcile_positions(
    database: Database, market_data: AlpacaMarketData, trading: AlpacaTrading, now: datetime
) -> list[dict[str, str]]:
    """Report each symbol of which we and the account hold different units, and explain it.

    The broker is read first: what is filled in between has changed recently on our side.
    """
    try:
        at_broker = trading.positions()
        found = _differences(database, at_broker, now)
        if found and _apply_corporate_actions(database, market_data, found, now):
            found = _differences(database, at_broker, now)
        executions = list(trading.executions(now - LOOKBACK)) if found else []
    except (TransientError, BrokerRefusedError) as error:
        log.warning("positions are not compared: %s", error)
        return []
    explained, failed = _explain(database, found, at_broker, executions, now)
    _store(database, at_broker, now)
    with database.transaction() as tx:
        isolation.set_aside(tx, "symbol", failed, now)
    return [_reported(drift, explained.get(drift.symbol)) for drift in found]


def _differences(
    database: Database, at_broker: Mapping[str, Holding | None], now: datetime
) -> list[Drift]:
    with database.transaction() as tx:
        ours = positions.totals(tx)
        for symbol, qty in differences.manual_holdings(tx).items():
            ours[symbol] = ours.get(symbol, 0) + qty
        uncertain = _uncertain(tx, at_broker, now)
    brokers = {symbol: holding.qty for symbol, holding in at_broker.items() if holding is not None}
    return drifts(ours, brokers, uncertain)


def _uncertain(
    tx: Transaction, at_broker: Mapping[str, Holding | None], now: datetime
) -> list[str]:
    """Name the symbols that cannot be compared: fills are on their way, or it cannot be read."""
    return [*positions.moving(tx, now - SETTLED_AFTER), *_unread(at_broker)]


def _unread(at_broker: Mapping[str, Holding | None]) -> list[str]:
    return [symbol for symbol, holding in at_broker.items() if holding is None]


def _apply_corporate_actions(
    database: Database, market_data: AlpacaMarketData, found: Sequence[Drift], now: datetime
) -> int:
    """Ask what happened to the stocks that differ; return how many actions were applied."""
    with database.transaction() as tx:
        stocks = positions.held_stocks(tx) & {each.symbol for each in found}
    try:
        return restatement.refresh(database, market_data, sorted(stocks), now)
    except (TransientError, BrokerRefusedError) as error:
        log.warning("corporate actions are not known: %s", error)
        return 0


def _explain(
    database: Database,
    found: Sequence[Drift],
    at_broker: Mapping[str, Holding | None],
    executions: Sequence[Execution],
    now: datetime,
) -> tuple[dict[str, str], list[SetAsideRow]]:
    """Explain each symbol in a transaction of its own; return what explained it.

    A symbol that cannot be explained for its rows costs itself alone: it stays different.
    """
    explained = {}

    def work(drift: Drift) -> None:
        own = [each for each in executions if each.symbol == drift.symbol]
        with database.transaction() as tx:
            why = explain(tx, drift.symbol, at_broker.get(drift.symbol), own, now)
        if why is not None:
            explained[drift.symbol] = why

    failed = [
        SetAsideRow(drift.symbol, reason, symbol=drift.symbol)
        for drift, reason in isolation.one_by_one(found, work)
    ]
    return explained, failed


def _store(database: Database, at_broker: Mapping[str, Holding | None], now: datetime) -> None:
    """Remember what is still different; a gap of an earlier day with equal records was a move."""
    rest = _differences(database, at_broker, now)
    with database.transaction() as tx:
        differences.store(tx, rest, _uncertain(tx, at_broker, now), now)
        unequal = {each.symbol for each in rest}.union(_unread(at_broker))
        for gap in corporate_actions.unexplained(tx):
            if gap.kind == "gap" and gap.symbol not in unequal:
                corporate_actions.resolve_gaps(tx, gap.symbol, trading_day(now), now)


def _reported(drift: Drift, explained: str | None) -> dict[str, str]:
    level = logging.WARNING if explained else logging.ERROR
    log.log(
        level,
        "%s: %s: we hold %s, the broker says %s (%s)",
        POSITION_DRIFT,
        drift.symbol,
        drift.ours,
        drift.brokers,
        explained or "unexplained",
        extra={
            "event": "position_drift_found",
            "symbol": drift.symbol,
            "explained": explained or "",
        },
    )
    return {
        "code": POSITION_DRIFT,
        "symbol": drift.symbol,
        "ours": str(drift.ours),
        "brokers": str(drift.brokers),
        "explained_by": explained or "",
    }
