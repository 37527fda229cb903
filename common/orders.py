"""Orders: what we want, what the broker says of it, and which statuses may follow which."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from common.market import AssetClass
from common.model import plain

Side = Literal["buy", "sell"]

# Ours, before the broker knows the order, or when it never will.
APPROVED = "approved"
SUBMITTING = "submitting"
DENIED = "denied"
# The broker's (alpaca-api.md section 5.3).
REJECTED = "rejected"
TERMINAL = frozenset({DENIED, REJECTED, "filled", "canceled", "expired", "replaced"})


def client_order_id(question_id: UUID) -> str:
    """Derive the idempotency key (39 characters): a redelivered question is the same order."""
    return f"cs-{question_id}"


def may_follow(status: str, then: str) -> bool:
    """Tell whether an order in `status` may go to `then`.

    The broker's statuses may arrive late and in any order, and new ones may appear: a terminal
    status is final, nothing returns to one of ours, and everything else is believed.
    """
    if status in TERMINAL:
        return False
    if then in {SUBMITTING, DENIED}:
        return status == APPROVED
    return APPROVED not in {status, then}


@dataclass(frozen=True)
class Order:
    """An order of ours, as it is stored; money in USD.

    `seen_price` is what its user was shown, and `max_price_drift_pct` how far the market may be
    from it when the order is sent.
    """

    id: UUID
    firebase_uid: str
    client_order_id: str
    symbol: str
    asset_class: AssetClass
    side: Side
    notional_usd: Decimal
    status: str
    question_id: UUID
    rule_id: str
    seen_price: Decimal
    max_price_drift_pct: Decimal
    created_at: datetime
    filled_qty: Decimal
    filled_avg_price: Decimal | None
    denial_code: str | None
    reason: str | None

    def to_wire(self) -> dict[str, str]:
        """Write the body of `POST /v2/orders` (alpaca-api.md section 5.1): money as strings."""
        return {
            "client_order_id": self.client_order_id,
            "symbol": self.symbol,
            "side": self.side,
            "notional": plain(self.notional_usd),
            "type": "market",
            "time_in_force": "day",
        }


class BrokerOrder(BaseModel):
    """The broker's word on an order (alpaca-api.md section 5.2); unknown keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    broker_order_id: str = Field(
        validation_alias=AliasChoices("id", "broker_order_id"), min_length=1
    )
    client_order_id: str
    symbol: str
    side: Side
    status: str
    filled_qty: Decimal = Field(default=Decimal(0), ge=0, allow_inf_nan=False)
    filled_avg_price: Decimal | None = Field(default=None, gt=0, allow_inf_nan=False)
    submitted_at: AwareDatetime
    filled_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more can happen to it."""
        return self.status in TERMINAL

    @property
    def last_change(self) -> datetime:
        """When the broker last touched it."""
        return self.filled_at or self.updated_at or self.submitted_at
