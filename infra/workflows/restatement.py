"""Brings prices and positions to one basis: fetches corporate actions, and applies what is due."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial

from common.holdings.corporate_actions import SPIN_OFF, CorporateAction
from common.market import trading_day
from infra.alpaca.market_data import AlpacaMarketData
from infra.postgres.database import Database
from infra.postgres.trading import corporate_actions
from infra.postgres.users.set_aside_rows import SetAsideRow
from infra.workflows import isolation

log = logging.getLogger(__name__)

# As far back as daily closes go. The broker lists actions by their process date, which can lie some
# weeks after the ex-date.
_PAST, _AHEAD = timedelta(days=400), timedelta(days=60)


def refresh(
    database: Database, market_data: AlpacaMarketData, symbols: Sequence[str], now: datetime
) -> int:
    """Fetch the corporate actions of stocks and apply what is due; return how many were applied.

    Raises TransientError or BrokerRefusedError when the broker does not say.
    """
    today = trading_day(now)
    if symbols:
        announced = market_data.corporate_actions(sorted(symbols), today - _PAST, today + _AHEAD)
        for issue in announced.problems:
            log.warning("%s: %s", issue.subject, issue.reason)
        found = [_priced(market_data, action, today) for action in announced.found]
        with database.transaction() as tx:
            corporate_actions.store(tx, found, now)
    return apply_due(database, now)


def _priced(market_data: AlpacaMarketData, action: CorporateAction, today: date) -> CorporateAction:
    """Say what a spin-off of before today took of its stock's price, once the broker says it.

    The shares that it brings are in the account, and nobody's: no order of ours bought them.
    """
    if action.kind != SPIN_OFF or action.ex_date > today:
        return action
    rates = market_data.spin_off_rates(action.symbol, action.ex_date)
    if rates is None:
        return action
    before, after = rates
    return replace(action, effect="price", new_rate=before, old_rate=after)


def apply_due(database: Database, now: datetime) -> int:
    """Apply what is known and due, each action in a transaction of its own."""
    with database.transaction() as tx:
        due = corporate_actions.due(tx, trading_day(now))
    failed = dict(isolation.one_by_one(due, partial(_apply, database, now=now)))
    with database.transaction() as tx:
        for action in failed:  # what cannot be applied is not on one basis: deny it
            corporate_actions.report_gap(tx, action.symbol, trading_day(now), now)
        rows = [
            SetAsideRow(action.id, reason, symbol=action.symbol)
            for action, reason in failed.items()
        ]
        isolation.set_aside(tx, "corporate action", rows, now)
    return len(due) - len(failed)


def _apply(database: Database, action: CorporateAction, now: datetime) -> None:
    with database.transaction() as tx:
        restated = corporate_actions.apply(tx, action, now)
    log.warning(
        "%s of %s on %s: %d trades restated",
        action.kind,
        action.symbol,
        action.ex_date,
        restated,
        extra={"event": "corporate_action_applied", "symbol": action.symbol, "kind": action.kind},
    )
