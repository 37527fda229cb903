"""What a corporate action makes of a position in the broker's records.

Cash beside new shares (a merger for both) lowers the cost of what is held; whether the broker does
so is unconfirmed, and nothing relies on it: only units are compared.
"""

import uuid
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from infra.simulator.ledger.adjustments import Adjustment
from infra.simulator.ledger.ledger import Ledger
from infra.simulator.ledger.positions import Position, cents
from infra.simulator.market.corporate_actions import CorporateAction

_SMALLEST_PART = Decimal("1e-9")


def restate(ledger: Ledger, action: CorporateAction) -> None:
    """Turn the shares into others, or into cash; an action that does neither changes nothing."""
    held = ledger.position(action.symbol)
    if held is None:
        return
    if action.cash is not None:
        _adjust(ledger, action, action.symbol, -held.qty, None, cents(held.qty * action.cash))
    elif action.kind == "spin_off":
        _spin_off(ledger, action, held)
    elif action.rates is not None:
        new, old = action.rates
        qty = (held.qty * new / old).quantize(_SMALLEST_PART, ROUND_HALF_UP)
        entry = (held.avg_entry_price - action.cash_beside) * old / new
        _become(ledger, action, held, replace(held, qty=qty, avg_entry_price=entry))


def _spin_off(ledger: Ledger, action: CorporateAction, held: Position) -> None:
    """Leave the shares at a part of their cost, and bring the new ones at the rest."""
    new, source = (Decimal(str(action.fields[name])) for name in ("new_rate", "source_rate"))
    symbol, qty = str(action.fields["new_symbol"]), held.qty * new / source
    entry = held.avg_entry_price * (1 - action.keeps) * source / new
    kept = replace(held, avg_entry_price=held.avg_entry_price * action.keeps)
    _adjust(ledger, action, action.symbol, Decimal(0), kept)
    brought = replace(held, symbol=symbol, qty=qty, avg_entry_price=entry)
    _adjust(ledger, action, symbol, qty, brought)


def _become(ledger: Ledger, action: CorporateAction, held: Position, after: Position) -> None:
    if action.symbol_after == action.symbol:
        _adjust(ledger, action, action.symbol, after.qty - held.qty, after)
        return
    paid = cents(held.qty * action.cash_beside)
    _adjust(ledger, action, action.symbol, -held.qty, None, paid)
    other = ledger.position(action.symbol_after)
    renamed = replace(after, symbol=action.symbol_after)
    joined = other.after(after.qty, after.avg_entry_price) if other else renamed
    _adjust(ledger, action, action.symbol_after, after.qty, joined)


def _adjust(
    ledger: Ledger,
    action: CorporateAction,
    symbol: str,
    qty: Decimal,
    after: Position | None,
    cash: Decimal = Decimal(0),
) -> None:
    change = Adjustment(str(uuid.uuid4()), symbol, action.kind, qty, cash, action.at)
    ledger.adjust(change, after)
