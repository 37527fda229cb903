"""The price that a percentage is measured against, on the same adjustment basis as the trade."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal

from common.market import Metric, Snapshot
from common.rules.base import NotFired, SymbolView

RefMetric = Literal["prev_close", "day_open", "day_high", "day_low", "entry_price"]

# No two neighbouring sessions lie further apart than this (holidays around a weekend).
LONGEST_CLOSE = timedelta(days=7)
# A stock that is this far from yesterday's close has more likely been split than moved: the two
# prices are not on one basis, and a person must look (docs/architecture.md, invariant 13).
IMPLAUSIBLE_GAP_PCT = Decimal(30)


@dataclass(frozen=True)
class Reference:
    """A reference price (USD), and the stored rows that it and the trade come from."""

    price: Decimal
    snapshot_ids: tuple[int, ...]


def needs(ref_metric: RefMetric) -> dict[Metric, int]:
    """Name the facts that a comparison with this reference looks at."""
    return {"last_trade": 1} if ref_metric == "entry_price" else {"last_trade": 1, ref_metric: 1}


def reference_of(view: SymbolView, ref_metric: RefMetric, trade: Snapshot) -> Reference | NotFired:
    """Find the reference for a fresh trade, or say why there is none."""
    if ref_metric == "entry_price":
        return entry_of(view, trade)
    fact = view.latest(ref_metric)
    if fact is None:
        return view.not_fired("no_data", missing=ref_metric)
    if not _belongs(ref_metric, fact, trade):
        return view.not_fired("stale", **{ref_metric: fact.as_of.isoformat()})
    if ref_metric == "prev_close" and is_implausible(trade, fact):
        return view.not_fired("corporate_action", price=trade.price, prev_close=fact.price)
    return Reference(fact.price, ids(trade, fact))


def entry_of(view: SymbolView, trade: Snapshot) -> Reference | NotFired:
    """Return what the user paid on average, or say that they hold nothing, or nothing that cost."""
    if view.position is None:
        return view.not_fired("no_position")
    if view.position.avg_entry_price <= 0:
        return view.not_fired("no_data", missing="avg_entry_price")
    return Reference(view.position.avg_entry_price, ids(trade))


def percent(price: Decimal, reference: Decimal) -> Decimal:
    """Return how far a price is from a reference, in signed percent."""
    return 100 * (price / reference - 1)


def is_implausible(trade: Snapshot, close: Snapshot) -> bool:
    """Return whether a stock's price and its last close cannot be on the same adjustment basis."""
    gap = abs(percent(trade.price, close.price))
    return trade.asset_class == "us_equity" and gap >= IMPLAUSIBLE_GAP_PCT


def ids(*facts: Snapshot) -> tuple[int, ...]:
    """Return the stored rows of facts."""
    return tuple(fact.id for fact in facts if fact.id is not None)


def _belongs(ref_metric: RefMetric, fact: Snapshot, trade: Snapshot) -> bool:
    """Return whether a reference is of the session that the trade's must be measured by."""
    if ref_metric == "prev_close":
        return fact.day < trade.day and trade.as_of - fact.as_of <= LONGEST_CLOSE
    return fact.day == trade.day
