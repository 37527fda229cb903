"""What became of an order, in a sentence for its owner."""

from decimal import Decimal

from common.model import plain
from common.orders.order import Side

_DONE: dict[Side, str] = {"buy": "Bought", "sell": "Sold"}
_ENDED = {
    "denied": "was not placed",
    "rejected": "was rejected by the broker",
    "canceled": "was canceled",
    "expired": "has expired",
    "replaced": "was replaced",
}


def sentence(
    *,
    side: Side,
    symbol: str,
    notional_usd: Decimal | None,
    qty: Decimal | None,
    status: str,
    filled_qty: Decimal,
    filled_avg_price: Decimal | None,
    denial_code: str | None,
    reason: str | None,
    **_: object,
) -> str:
    """Say how an order stands: what was wanted, what was executed, and why it went no further."""
    size = f"${plain(notional_usd)} of" if notional_usd is not None else plain(qty or Decimal(0))
    order = f"Your order to {side} {size} {symbol}"
    done = None
    if filled_qty and filled_avg_price is not None:
        done = f"{_DONE[side]} {plain(filled_qty)} {symbol} at ${plain(filled_avg_price)}"
    if status in _ENDED:
        denied_by = denial_code.replace("_", " ").lower() if denial_code else None
        whys = ", ".join(why for why in (denied_by, reason) if why)
        because = f": {whys}" if whys else ""
        return f"{order} {_ENDED[status]}{because}." + (f" {done} before that." if done else "")
    if done:
        return f"{done}." if status == "filled" else f"{done} so far."
    return f"{order} is at the broker."
