"""Stored market facts, without those from which nothing may be computed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from common.market import Snapshot
from infra.postgres.database import Transaction
from infra.postgres.market import market_data
from infra.postgres.market.market_data import MarketDataKey
from infra.postgres.users.set_aside_rows import SetAsideRow

Facts = Mapping[MarketDataKey, Sequence[Snapshot]]


def latest(
    tx: Transaction, needs: Mapping[MarketDataKey, int], now: datetime
) -> tuple[Facts, list[SetAsideRow]]:
    """Read the newest facts of each key, and name those that should not be there.

    A history with such a fact in it is left out whole: a rule would not see the gap.
    """
    found = market_data.latest(tx, needs)
    defects = {key: _defects(facts, now) for key, facts in found.items()}
    sound = {key: facts for key, facts in found.items() if not defects[key]}
    return sound, [row for rows in defects.values() for row in rows]


def _defects(facts: Sequence[Snapshot], now: datetime) -> list[SetAsideRow]:
    return [
        SetAsideRow(f"{fact.id} ({fact.metric} of {fact.symbol})", defect, symbol=fact.symbol)
        for fact in facts
        if (defect := fact.defect(now))
    ]
