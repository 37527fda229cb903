"""Orders: what we want, and what the broker says of it."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Literal
from uuid import UUID

from common.bounds import Instant, WireNumber
from common.market import AssetClass, Quote
from common.model import plain
from common.orders.asset import Asset
from common.orders.status import EXPIRED, REJECTED

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit"]
TimeInForce = Literal["day", "gtc", "ioc"]

CLIENT_ORDER_ID_PREFIX = "cs-"
_UUID_LENGTH = 36
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Order:
    """An order of ours, as it is stored; money in USD.

    `seen_price` is what its user was shown, and `max_price_drift_pct` how far the market may be
    from it when the order is sent; after `expires_at` it is sent no more. `question_id` is None
    where the user's config asks for no question. The bounds of its values are checked where many
    orders are read at once, so that one that was changed by hand is known before it is used.
    """

    id: UUID
    firebase_uid: str
    client_order_id: str
    symbol: str
    asset_class: AssetClass
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    notional_usd: WireNumber | None
    qty: WireNumber | None
    limit_offset_pct: WireNumber | None
    limit_price: WireNumber | None
    status: str
    question_id: UUID | None
    rule_id: str
    seen_price: WireNumber
    max_price_drift_pct: WireNumber
    created_at: Instant
    expires_at: Instant
    filled_qty: WireNumber
    filled_avg_price: WireNumber | None
    denial_code: str | None
    reason: str | None
    broker_updated_at: Instant | None

    @property
    def has_failed(self) -> bool:
        """Whether the broker ended it without any of it being executed."""
        return self.status == REJECTED or (self.status == EXPIRED and not self.filled_qty)

    @property
    def flow_id(self) -> str:
        """What the log lines of its whole way have in common: its question, or its opportunity."""
        return self.client_order_id.removeprefix(CLIENT_ORDER_ID_PREFIX)[:_UUID_LENGTH]

    @property
    def is_fractional(self) -> bool:
        """Whether it needs an asset that trades in fractions."""
        return self.qty is None or self.qty != self.qty.to_integral_value()

    def limit_for(self, quote: Quote, asset: Asset) -> Decimal | None:
        """Return the limit that this quote leads to, on the asset's price grid; None at market.

        It lies beyond the far side of the quote by the offset, and is rounded towards the quote.
        Zero means that the grid has no such price.
        """
        if self.limit_offset_pct is None:
            return None
        if self.side == "buy":
            return asset.on_grid(quote.ask * (100 + self.limit_offset_pct) / 100, ROUND_DOWN)
        return asset.on_grid(quote.bid * (100 - self.limit_offset_pct) / 100, ROUND_UP)

    def cost_at(self, quote: Quote, asset: Asset | None) -> Decimal:
        """Return what the order may cost or bring (USD): what its reservation must cover.

        Without the asset, whose grid is needed for a limit, the far side of the quote counts.
        """
        if self.notional_usd is not None:
            return self.notional_usd
        far_side = quote.ask if self.side == "buy" else quote.bid
        limit = self.limit_for(quote, asset) if asset else None
        return ((self.qty or Decimal(0)) * (limit or far_side)).quantize(_CENT, ROUND_UP)

    @property
    def _intent(self) -> dict[str, str]:
        """What a sale is for: the broker then refuses to open a short. Coins have no intents."""
        closes = self.side == "sell" and self.asset_class != "crypto"
        return {"position_intent": "sell_to_close"} if closes else {}

    def to_wire(self) -> dict[str, str]:
        """Write the body of `POST /v2/orders` (docs/broker.md, Orders): money as strings."""
        sizes = {"notional": self.notional_usd, "qty": self.qty, "limit_price": self.limit_price}
        return {
            "client_order_id": self.client_order_id,
            "symbol": self.symbol,
            "side": self.side,
            "type": self.order_type,
            "time_in_force": self.time_in_force,
            **self._intent,
        } | {name: plain(number) for name, number in sizes.items() if number is not None}
