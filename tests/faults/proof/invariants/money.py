"""Exact money: our fills and positions are the broker's, to the last digit."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from tests.faults.proof.evidence import Evidence

# Prices of single executions are derived from the averages that the broker sends, rounded.
_PRECISION = Decimal("1e-9")


def fills_are_the_brokers(evidence: Evidence) -> Iterator[str]:
    """Each order's fills sum up to what the broker filled, in units exactly and in money."""
    for row in evidence.orders:
        mine = [fill for fill in evidence.fills if fill["order_id"] == row["id"]]
        placed = evidence.placed.get(row["client_order_id"])
        filled = placed.filled_qty if placed else Decimal(0)
        paid = filled * (placed.filled_avg_price or 0) if placed else Decimal(0)
        qty = sum((fill["qty"] for fill in mine), Decimal(0))
        cost = sum((fill["qty"] * fill["price"] for fill in mine), Decimal(0))
        if qty != filled:
            yield f"order {row['id']}: {qty} in fills, {filled} filled at the broker"
        if abs(cost - paid) > _PRECISION * max(paid, Decimal(1)):
            yield f"order {row['id']}: {cost} USD in fills, {paid} paid at the broker"


def positions_are_the_brokers(evidence: Evidence) -> Iterator[str]:
    """All users' positions in a symbol sum up to the account's."""
    ours: Counter[str] = Counter()
    for row in evidence.world.rows("SELECT symbol, qty FROM trades WHERE closed_at IS NULL"):
        ours[row["symbol"]] += row["qty"]
    theirs = {each.symbol: each.qty for each in evidence.world.simulator.ledger.positions()}
    for symbol in ours.keys() | theirs.keys():
        if ours[symbol] != theirs.get(symbol, 0):
            yield f"{symbol}: {ours[symbol]} with us, {theirs.get(symbol, 0)} at the broker"
