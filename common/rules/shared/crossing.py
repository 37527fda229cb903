"""What it means to cross: to have been on one side, and to have reached the other."""

from decimal import Decimal
from typing import Literal

from common.market import Snapshot
from common.rules.base import NotFired, SymbolView
from common.rules.shared.reference import LONGEST_CLOSE

Direction = Literal["up", "down", "either"]


def crosses(direction: Direction, before: Decimal, now: Decimal) -> bool:
    """Return whether a signed distance went from strictly one side to zero or beyond it.

    Touching counts as reaching, and what only touched does not cross again by going on. So between
    two crossings in one direction the distance was strictly on the first side again.
    """
    up, down = before < 0 <= now, before > 0 >= now
    return {"up": up, "down": down, "either": up or down}[direction]


def last_two(view: SymbolView) -> tuple[Snapshot, Snapshot] | NotFired:
    """Return the observation before and the newest one, which is fresh.

    The one before may be the last of the session before: a gap over a level crosses it.
    """
    trade = view.fresh_trade()
    if isinstance(trade, NotFired):
        return trade
    earlier = view.series("last_trade", 2)[:-1]
    if not earlier or trade.as_of - earlier[0].as_of > LONGEST_CLOSE:
        return view.not_fired("no_data", missing="an earlier last_trade", needed=2)
    return earlier[0], trade
