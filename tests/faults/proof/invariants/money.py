"""Exact money: our fills and positions are the broker's, to the last digit."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from tests.faults.proof.evidence import Evidence

# Prices of single executions are derived from the averages that the broker sends, rounded.
_PRECISION = Decimal("1e-9")


def nothing_is_short(evidence: Evidence) -> Iterator[str]:
    """No close sells more than is held: nobody here opens a short position on purpose."""
    for each in evidence.world.simulator.ledger.positions():
        if each.qty < 0:
            yield f"{each.symbol}: {each.qty} at the broker"


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
    """All users' positions in a symbol, and what is held by hand, sum up to the account's.

    Where they cannot, because nobody can tell whose units are gone, the difference is reported.
    """
    rows = evidence.world.rows
    ours: Counter[str] = Counter()
    for row in rows(
        "SELECT replace(symbol, '/', '') AS symbol, qty FROM trades WHERE closed_at IS NULL"
        " UNION ALL SELECT symbol, qty FROM manual_holdings"
    ):
        ours[row["symbol"]] += row["qty"]
    ledger = evidence.world.simulator.ledger
    theirs = {each.symbol.replace("/", ""): each.qty for each in ledger.positions()}
    reported = {
        (row["symbol"], row["ours"], row["brokers"])
        for row in rows("SELECT symbol, ours, brokers FROM position_drifts")
    }
    for symbol in ours.keys() | theirs.keys():
        held = (symbol, ours[symbol], theirs.get(symbol, 0))
        if ours[symbol] != theirs.get(symbol, 0) and held not in reported:
            yield f"{symbol}: {ours[symbol]} with us, {theirs.get(symbol, 0)} at the broker"
