"""What happens after a yes: an order of some size, or the end of a position."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from common.market import AssetClass
from common.model import Exact, Model, Usd, plain
from common.orders.order import OrderType, Side, TimeInForce


@dataclass(frozen=True)
class Proposal:
    """An action applied to a symbol, and to what its user holds: an order to be countersigned."""

    asset_class: AssetClass
    side: Side
    notional_usd: Decimal | None
    qty: Decimal | None
    order_type: OrderType
    limit_offset_pct: Decimal | None
    time_in_force: TimeInForce

    @property
    def size(self) -> str:
        """The size in words: `$10` or `2`."""
        if self.notional_usd is not None:
            return f"${plain(self.notional_usd)}"
        return plain(self.qty or Decimal(0))


class ProposeOrder(Model):
    """An order by notional (USD) or by quantity, at market or with a limit.

    The limit lies `limit_offset_pct` beyond the far side of the quote at submission: above the ask
    when buying, below the bid when selling; a negative offset waits for a better price.
    """

    action: Literal["propose_order"]
    side: Side
    notional_usd: Annotated[Usd, Field(ge=1)] | None = None
    qty: Annotated[Exact, Field(gt=0, max_digits=18, decimal_places=9)] | None = None
    order_type: OrderType = "market"
    limit_offset_pct: Annotated[Exact, Field(gt=-50, lt=50)] | None = None
    time_in_force: TimeInForce | None = None

    @model_validator(mode="after")
    def _check_size_and_limit(self) -> Self:
        if (self.notional_usd is None) == (self.qty is None):
            raise ValueError("give either notional_usd or qty")
        if (self.order_type == "limit") != (self.limit_offset_pct is not None):
            raise ValueError("limit_offset_pct goes with order_type limit, and only with it")
        if self.order_type == "limit" and self.qty is None:
            raise ValueError("a limit order needs qty: notional orders are market orders")
        return self

    def propose(self, asset_class: AssetClass, held: Decimal | None) -> Proposal:  # noqa: ARG002
        """Say what will be ordered; what is held already does not matter."""
        return Proposal(
            asset_class=asset_class,
            side=self.side,
            notional_usd=self.notional_usd,
            qty=self.qty,
            order_type=self.order_type,
            limit_offset_pct=self.limit_offset_pct,
            time_in_force=self.time_in_force or default_time_in_force(asset_class),
        )


class ClosePosition(Model):
    """Sell all that is held, or buy back what is short, at market."""

    action: Literal["close_position"]

    def propose(self, asset_class: AssetClass, held: Decimal | None) -> Proposal:
        """Say what will be ordered: the opposite of what is held."""
        qty = held or Decimal(0)
        return Proposal(
            asset_class=asset_class,
            side="sell" if qty > 0 else "buy",
            notional_usd=None,
            qty=abs(qty),
            order_type="market",
            limit_offset_pct=None,
            time_in_force=default_time_in_force(asset_class),
        )


def default_time_in_force(asset_class: AssetClass) -> TimeInForce:
    """Return what Alpaca accepts for any size: day, and for crypto gtc (docs/broker.md, Orders)."""
    return "gtc" if asset_class == "crypto" else "day"


Action = Annotated[ProposeOrder | ClosePosition, Field(discriminator="action")]
