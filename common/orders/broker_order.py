"""An order as the broker reports it, read as far as it can be."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from pydantic import AliasChoices, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from common.bounds import Instant, WireNumber, WirePrice, WireText
from common.holdings.positions import Fill, next_fill
from common.model import TolerantModel
from common.orders.order import Order
from common.orders.status import (
    CALCULATED,
    ENDED_BY_BROKER,
    FILLED,
    KNOWN,
    UNKNOWN,
    after_execution,
    may_follow,
)


class BrokerOrder(TolerantModel):
    """An order as the broker words it; its id identifies it, every other field may be missing.

    `side` and `status` are kept as they are, known words or not. A price of zero is none.
    """

    broker_order_id: WireText = Field(
        validation_alias=AliasChoices("id", "broker_order_id"), min_length=1
    )
    client_order_id: WireText | None = None
    symbol: WireText | None = None
    side: WireText | None = None
    status: str = Field(default=UNKNOWN, pattern="^[A-Za-z_0-9]{1,40}$")
    filled_qty: WireNumber | None = Field(default=None, ge=0)
    filled_avg_price: WirePrice | None = None
    submitted_at: Instant | None = None
    filled_at: Instant | None = None
    updated_at: Instant | None = None

    _document: Any = PrivateAttr(None)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_document(cls, document: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        found = read(document)
        found._document = document  # noqa: SLF001 (of this very class)
        return found

    @property
    def document(self) -> Any:
        """The broker's own document, with everything that is not read here."""
        return self._document

    @property
    def last_change(self) -> datetime | None:
        """When the broker last touched it."""
        return self.filled_at or self.updated_at or self.submitted_at

    @property
    def anomalies(self) -> tuple[str, ...]:
        """What should be looked at: values that could not be read, and an unknown status."""
        unknown = () if self.status in KNOWN else (f"status: unknown word {self.status!r}",)
        return (*self.unread, *unknown)

    def contradicts(self, order: Order) -> bool:
        """Whether it is visibly another order than ours, which has the same client's id.

        A pair of crypto currencies is written with or without its slash.
        """
        symbol, opposite = self.symbol, "sell" if order.side == "buy" else "buy"
        other_symbol = symbol and symbol.replace("/", "") != order.symbol.replace("/", "")
        return bool(other_symbol) or bool(self.side and self.side.startswith(opposite))

    def is_update_of(self, order: Order) -> bool:
        """Whether it tells more than what is known."""
        return self.update_of(order) is not None

    def update_of(self, order: Order) -> Self | None:
        """Return what is to be recorded; readings may come twice, late and reordered.

        The executed quantity only grows: more of it is always an update, also of an order that has
        ended. The broker's own time of change tells two readings of the same quantity apart.
        """
        reading, executed = self._with_final_figures(order), order.filled_qty
        older = bool(
            self.updated_at
            and order.broker_updated_at
            and self.updated_at < order.broker_updated_at
        )
        if (reading.filled_qty or 0) > executed:
            status = order.status if older else after_execution(order.status, reading.status)
            believed = _is_at_broker(order)
            return reading.model_copy(update={"status": status}) if believed else None
        known = (order.status, executed, order.filled_avg_price)
        if known == (reading.status, reading.filled_qty, reading.filled_avg_price):
            return None
        follows = may_follow(order.status, reading.status) and reading.filled_qty == executed
        return reading if follows and not older else None

    def fill_since(self, order: Order, now: datetime) -> Fill | None:
        """Derive the execution between the order as it was known and this reading."""
        if self.filled_qty is None or self.filled_avg_price is None:
            return None
        known = (order.filled_qty, order.filled_avg_price or self.filled_avg_price)
        reported = (self.filled_qty, self.filled_avg_price)
        return next_fill(order.side, known, reported, self.last_change or now)

    def _with_final_figures(self, order: Order) -> Self:
        """Leave out what was executed without a price: it is booked when the price is known.

        Until then an order that is said to be filled has not ended.
        """
        unstated = self.filled_qty is None or (self.status == FILLED and not self.filled_qty)
        executed = order.filled_qty if unstated else self.filled_qty or Decimal(0)
        if executed < order.filled_qty or (executed and self.filled_avg_price and not unstated):
            return self
        unpriced = executed > order.filled_qty or (self.status == FILLED and unstated)
        figures = {"filled_qty": order.filled_qty, "filled_avg_price": order.filled_avg_price}
        ended = unpriced and self.status in ENDED_BY_BROKER
        return self.model_copy(update=figures | ({"status": CALCULATED} if ended else {}))


def _is_at_broker(order: Order) -> bool:
    """Whether the broker may report on the order: it was claimed, and not denied."""
    return order.status in ENDED_BY_BROKER or may_follow(order.status, FILLED)
