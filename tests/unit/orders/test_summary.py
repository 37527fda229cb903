from decimal import Decimal
from typing import Any

import pytest

from common.orders.summary import sentence

BUY: dict[str, Any] = {
    "side": "buy",
    "symbol": "SPY",
    "notional_usd": Decimal("10.00"),
    "qty": None,
    "filled_qty": Decimal(0),
    "filled_avg_price": None,
    "reason": None,
}
FILLED: dict[str, Any] = {"filled_qty": Decimal("0.0203"), "filled_avg_price": Decimal("492.010")}


@pytest.mark.parametrize(
    ("status", "changes", "expected"),
    [
        ("pending_new", {}, "Your order to buy $10 of SPY is at the broker."),
        ("a_new_word", {}, "Your order to buy $10 of SPY is at the broker."),
        ("filled", FILLED, "Bought 0.0203 SPY at $492.01."),
        ("partially_filled", FILLED, "Bought 0.0203 SPY at $492.01 so far."),
        ("pending_cancel", FILLED, "Bought 0.0203 SPY at $492.01 so far."),
        (
            "filled",
            {**FILLED, "side": "sell", "qty": Decimal("1.50"), "notional_usd": None},
            "Sold 0.0203 SPY at $492.01.",
        ),
        (
            "new",
            {"side": "sell", "qty": Decimal("1.50"), "notional_usd": None},
            "Your order to sell 1.5 SPY is at the broker.",
        ),
        (
            "denied",
            {"reason": "used=3 limit=3"},
            "Your order to buy $10 of SPY was not placed: used=3 limit=3.",
        ),
        ("rejected", {}, "Your order to buy $10 of SPY was rejected by the broker."),
        ("expired", {}, "Your order to buy $10 of SPY has expired."),
        (
            "canceled",
            FILLED,
            "Your order to buy $10 of SPY was canceled. Bought 0.0203 SPY at $492.01 before that.",
        ),
    ],
)
def test_how_an_order_stands_reads_as_a_sentence(
    status: str, changes: dict[str, Any], expected: str
) -> None:
    assert sentence(status=status, **(BUY | changes)) == expected
