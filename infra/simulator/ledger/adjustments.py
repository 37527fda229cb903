"""Changes of a position that no order made: fees in the coin, and corporate actions.

- A crypto purchase is charged up to 0.25 % of the coins (`switches.coin_fee_rate`), and the order
  shows what was filled before it (alpaca-py issue 374: 0.1 bought, 0.09975 held).
- A split multiplies the shares and divides the average entry price; what is left over below the
  ninth decimal is rounded, as quantities are (the broker's page "Mandatory Corporate Actions").
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What was added to a position (`qty`, signed) and to the cash, and why."""

    id: str
    symbol: str
    kind: str
    qty: Decimal
    cash: Decimal
    at: int
